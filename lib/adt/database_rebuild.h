// SPDX-License-Identifier: GPL-3.0-only
// What a rebuild of the database from the store needs of it: which runs are there, and how far an
// earlier rebuild has come.
#pragma once

#include "adt/database.h"

// Whether the run of that folder (RELEASE/ARCH/PREFIX/PACKAGE/RUNID, with or without more behind
// it) has a result. -EBADMSG: it is no such folder.
int database_has_run(struct database *db, const char *container, const char *path, bool *ret,
                     struct error *err);

// The folder up to which the runs below `prefix` (RELEASE/ARCH/) of the container have been looked
// at; "" when none was. The caller frees.
int database_rebuild_marker(struct database *db, const char *container, const char *prefix,
                            char **ret, struct error *err);
int database_set_rebuild_marker(struct database *db, const char *container, const char *prefix,
                                const char *marker, struct error *err);
// That rebuild is complete: the next one begins at the start.
int database_forget_rebuild_marker(struct database *db, const char *container, const char *prefix,
                                   struct error *err);
