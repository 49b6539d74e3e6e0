// SPDX-License-Identifier: GPL-3.0-only
// Indexes of archives that take long to read, or to get (archive_list.h), in files without names:
// who opens one folder after the other waits once. Those that were used last are kept. Keys name
// the archive, its reader and its entity tag: of an archive that has changed it finds nothing.
#pragma once

#include "base/error.h"

#include <stdint.h>

#define ARCHIVE_INDEXES_MAX 64
#define ARCHIVE_INDEXES_BYTES ((int64_t)128 * 1024 * 1024) // of all
// Bytes of an archive of the built-in store; smaller ones are read each time.
#define ARCHIVE_INDEXED_FROM ((uint64_t)4 * 1024 * 1024)

struct web;
struct archive_index_entry;

// A descriptor of its own, which the caller closes; -ENOENT.
int archive_index_open(struct web *web, const char *key);
// Keeps the file `*fd`, which is taken over on success.
int archive_index_keep(struct web *web, const char *key, int *fd);
void archive_indexes_free(struct web *web);
