// SPDX-License-Identifier: GPL-3.0-only
// Writing tar (libarchive) and gzip (zlib) streams to files, and reading them, in bounded memory.
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct tar_writer;

// A tar file (pax, owner 0:0, reproducible for equal content and `mtime`), gzip-compressed when
// `gzip`.
int tar_writer_open(const char *path, bool gzip, int64_t mtime, struct tar_writer **ret,
                    struct error *err);
// A member with content from memory, or streamed from a file of the file system.
int tar_writer_add(struct tar_writer *w, const char *name, const void *content, size_t len,
                   struct error *err);
int tar_writer_add_file(struct tar_writer *w, const char *name, const char *path,
                        struct error *err);
// Every regular file, folder and link below `dir`, named relative to it, sorted by folder; names
// for which `skip` (may be NULL) returns true are left out with all below them. Special files, what
// we may not read, and what is nested deeper than TAR_DEPTH_MAX are left out.
#define TAR_DEPTH_MAX 100
int tar_writer_add_tree(struct tar_writer *w, const char *dir, bool (*skip)(const char *name),
                        struct error *err);
// Finishes and syncs; the writer is freed in any case. Without it, tar_writer_free() drops the
// file.
int tar_writer_close(struct tar_writer *w, struct error *err);
void tar_writer_free(struct tar_writer *w);

// Compresses `source` into `target` (gzip, mtime 0), streamed and synced. An absent source is an
// empty one. On failure the target is removed.
int gzip_file(const char *source, const char *target, struct error *err);
// Expands, at most b->max bytes. For tests and small files. -EBADMSG: not gzip, damaged or cut.
int gunzip_file(const char *path, struct buf *b, struct error *err);

// The content of one member of a tar or tar.gz, appended. -ENOENT when there is no such member,
// -EBADMSG when the file is damaged, -E2BIG when the member is longer than `b` allows.
int tar_read_member(const char *path, const char *name, struct buf *b, struct error *err);

DEFINE_CLEANUP(struct tar_writer *, tar_writer_free)
