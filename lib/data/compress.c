// SPDX-License-Identifier: GPL-3.0-only
#include "data/compress.h"

#include <limits.h>
#include <zlib.h>

#define GZIP 16 // added to the window's bits (zlib.h)
// A window of 8 KB and what goes with it: many streams are open at once.
#define STREAM_WINDOW_BITS 13
#define STREAM_MEMORY_LEVEL 6
#define WINDOW_BITS 15
#define MEMORY_LEVEL 8
#define GZIP_HEADER_MAX 32 // what a gzip header and trailer take, beside what deflate may need

static unsigned at_most(size_t n)
{
    return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

int compress_bytes(const void *bytes, size_t len, int level, struct buf *b)
{
    z_stream z = {0};
    int r;

    if (len > UINT_MAX)
        return -E2BIG;
    if (deflateInit2(&z, level, Z_DEFLATED, WINDOW_BITS + GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return -ENOMEM;
    r = buf_reserve(b, deflateBound(&z, len) + GZIP_HEADER_MAX);
    if (r == 0) {
        z.next_in = (z_const Bytef *)bytes;
        z.avail_in = (unsigned)len;
        z.next_out = (Bytef *)b->data + b->len;
        z.avail_out = at_most(b->alloc - b->len - 1);
        r = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
    }
    if (r == 0) {
        b->len += z.total_out;
        b->data[b->len] = '\0';
    }
    (void)deflateEnd(&z);
    return r;
}

// ---- a stream

struct compressor {
    z_stream z;
};

struct compressor *compressor_new(int level)
{
    struct compressor *c = calloc(1, sizeof(*c));

    if (c && deflateInit2(&c->z, level, Z_DEFLATED, STREAM_WINDOW_BITS + GZIP, STREAM_MEMORY_LEVEL,
                          Z_DEFAULT_STRATEGY) != Z_OK) {
        free(c);
        return NULL;
    }
    return c;
}

void compressor_free(struct compressor *c)
{
    if (!c)
        return;
    (void)deflateEnd(&c->z);
    free(c);
}

size_t compressor_add(struct compressor *c, const char **bytes, size_t *len,
                      enum compress_until until, void *out, size_t max)
{
    static const int modes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    unsigned in = at_most(*len), room = at_most(max);

    c->z.next_in = (z_const Bytef *)*bytes;
    c->z.avail_in = in;
    c->z.next_out = out;
    c->z.avail_out = room;
    // What it returns says no more than what is left of both: Z_BUF_ERROR is no failure.
    (void)deflate(&c->z, modes[until]);
    *bytes += in - c->z.avail_in;
    *len -= in - c->z.avail_in;
    return room - c->z.avail_out;
}
