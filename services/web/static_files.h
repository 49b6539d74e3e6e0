// SPDX-License-Identifier: GPL-3.0-only
// Our own files for browsers (static/), compressed once: when the settings are read.
#pragma once

#include "web/body.h"

#include <sys/stat.h>

struct static_files;

// What is text in the folder, large enough and shorter when compressed; a folder that is not there
// has none. -ENOMEM is the only failure: what cannot be read is sent as it is, or missed by whoever
// asks for it.
int static_files_load(const char *dir, struct static_files **ret);
void static_files_free(struct static_files *files);

// The compressed form of the file that is there now as `st`; NULL: none. Borrowed.
struct body *static_files_find(const struct static_files *files, const char *name,
                               const struct stat *st);
// Content-Type by the name's ending. Static.
const char *static_files_type(const char *name);
