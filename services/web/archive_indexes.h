// SPDX-License-Identifier: GPL-3.0-only
// Indexes of archives that take long to read (archive_list.h), in files without names: who opens
// one folder after the other waits once. The newest few are kept.
#pragma once

#include "base/error.h"

#include <stdint.h>

#define ARCHIVE_INDEXES_MAX 8
#define ARCHIVE_INDEXED_FROM ((uint64_t)4 * 1024 * 1024) // bytes; smaller ones are read each time

struct web;
struct archive_index_entry;

// What tells the archive, an open file, from other ones. The caller frees.
char *archive_index_key(int fd, const char *container, const char *archive);
// A descriptor of its own, which the caller closes; -ENOENT.
int archive_index_open(struct web *web, const char *key);
// Keeps the file `*fd`, which is taken over.
int archive_index_keep(struct web *web, const char *key, int *fd);
void archive_indexes_free(struct web *web);
