// SPDX-License-Identifier: GPL-3.0-only
// Compressing what is in memory, or comes piece by piece, into the gzip format (RFC 1952): without
// a name and without a time, so that the same bytes become the same bytes.
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

// Of zlib. The first makes web pages 5 to 15 times shorter; what is between them a sixth shorter
// still, for three to five times the work (docs/reference/web.md has figures).
#define COMPRESS_FAST 1
#define COMPRESS_BEST 9

// Appends `len` bytes, compressed, to `b`. -ENOMEM; -E2BIG past the maximum of `b`.
int compress_bytes(const void *bytes, size_t len, int level, struct buf *b);

// One stream, in about 70 KB of memory however long it is.
struct compressor;

// NULL for lack of memory.
struct compressor *compressor_new(int level);
void compressor_free(struct compressor *c);
DEFINE_CLEANUP(struct compressor *, compressor_free)

enum compress_until {
    COMPRESS_MORE,  // more will come: bytes may be held back
    COMPRESS_FLUSH, // whoever reads must be able to expand all that was added
    COMPRESS_END    // nothing more will come
};

// Takes from *bytes (*len of them; both move on) and writes at most `max` bytes to `out`. Returns
// how many; less than `max` once everything was taken and `until` is reached. Otherwise it is to be
// called again with the same `until`.
size_t compressor_add(struct compressor *c, const char **bytes, size_t *len,
                      enum compress_until until, void *out, size_t max);
