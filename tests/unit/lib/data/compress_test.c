// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "data/compress.h"

#include <zlib.h>

#define LINES 20000
#define TEXT_MAX ((size_t)4 * 1024 * 1024)

static void fill(struct buf *text)
{
    for (int i = 0; i < LINES; i++)
        ck_assert_int_eq(buf_addf(text, "line %d of a log, much like the one before\n", i), 0);
}

// What of a stream that may not be at its end can be expanded.
static void expand(const struct buf *gzip, struct buf *text, int expected)
{
    z_stream z = {.next_in = (Bytef *)gzip->data, .avail_in = (unsigned)gzip->len};

    ck_assert_int_eq(buf_reserve(text, TEXT_MAX / 2), 0);
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_out = (Bytef *)text->data;
    z.avail_out = (unsigned)(text->alloc - 1);
    ck_assert_int_eq(inflate(&z, Z_SYNC_FLUSH), expected);
    text->len = z.total_out;
    text->data[text->len] = '\0';
    (void)inflateEnd(&z);
}

TEST(bytes_become_gzip_and_back)
{
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX), back = BUF_INIT(TEXT_MAX);
    _cleanup_buf_ struct buf one = BUF_INIT(TEXT_MAX), other = BUF_INIT(TEXT_MAX);

    fill(&text);
    ck_assert_int_eq(buf_add_str(&one, "kept"), 0);
    ck_assert_int_eq(compress_bytes(text.data, text.len, COMPRESS_FAST, &one), 0);
    ck_assert_int_eq(compress_bytes(text.data, text.len, COMPRESS_FAST, &other), 0);
    ck_assert_uint_lt(one.len, text.len / 5);
    buf_consume(&one, 4);
    ck_assert_mem_eq(one.data, other.data, other.len); // no time in it
    expand(&one, &back, Z_STREAM_END);
    ck_assert_str_eq(back.data, text.data);
}

TEST(what_does_not_fit_is_refused)
{
    _cleanup_buf_ struct buf b = BUF_INIT(8);

    ck_assert_int_eq(compress_bytes("text", 4, COMPRESS_FAST, &b), -E2BIG);
    ck_assert_uint_eq(b.len, 0);
}

static void add_all(struct compressor *c, const char *text, size_t len, enum compress_until until,
                    struct buf *out)
{
    char piece[1000];
    size_t n;

    do {
        n = compressor_add(c, &text, &len, until, piece, sizeof(piece));
        ck_assert_int_eq(buf_add(out, piece, n), 0);
    } while (n == sizeof(piece));
    ck_assert_uint_eq(len, 0);
}

TEST(a_stream_shows_all_that_was_flushed)
{
    _cleanup_(compressor_freep) struct compressor *c = compressor_new(COMPRESS_FAST);
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX), gzip = BUF_INIT(TEXT_MAX);
    _cleanup_buf_ struct buf back = BUF_INIT(TEXT_MAX);

    ck_assert_ptr_nonnull(c);
    add_all(c, "first\n", 6, COMPRESS_MORE, &gzip);
    ck_assert_uint_lt(gzip.len, 16); // the head at most: it is held back
    add_all(c, "second\n", 7, COMPRESS_FLUSH, &gzip);
    expand(&gzip, &back, Z_OK);
    ck_assert_str_eq(back.data, "first\nsecond\n");

    fill(&text);
    add_all(c, text.data, text.len, COMPRESS_MORE, &gzip);
    add_all(c, NULL, 0, COMPRESS_END, &gzip);
    expand(&gzip, &back, Z_STREAM_END);
    ck_assert_uint_eq(back.len, 13 + text.len);
    ck_assert_str_eq(back.data + 13, text.data);
    ck_assert_uint_lt(gzip.len, text.len / 5);
}
