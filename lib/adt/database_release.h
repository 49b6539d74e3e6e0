// SPDX-License-Identifier: GPL-3.0-only
// Releases that come and go: what a new one begins with, and the end of one.
#pragma once

#include "adt/database.h"

// Calls `visit` for the results of `release` that a new release begins with: of each test the
// newest that says something of the package, and, where that one has failed, the newest that
// passed; at most `limit` tests with a number above *after, in their order. Runs that are not in
// the public copy are left out. *after becomes the last test's number, and stays when there is none
// behind it. A negative return ends it. `visit` may not
// write to the database; it may take what is in *run, and leave it empty.
int database_release_heirs(struct database *db, const char *release, unsigned limit, int64_t *after,
                           int (*visit)(struct test_complete *run, void *userdata), void *userdata,
                           struct error *err);

// Results of the release, those of PPAs and private ones too.
int database_release_count(struct database *db, const char *release, uint64_t *ret,
                           struct error *err);

// The release's architectures, those of which there are results; appends what is not in the list.
int database_release_archs(struct database *db, const char *release, struct strv *ret,
                           struct error *err);

// Removes up to `limit` of its results in one transaction, and with the last of them what else is
// known of the release: 1 while there is more, else 0.
int database_remove_release(struct database *db, const char *release, unsigned limit,
                            struct error *err);
