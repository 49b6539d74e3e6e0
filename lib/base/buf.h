// SPDX-License-Identifier: GPL-3.0-only
// A growing string of bytes with a maximum.
//
// `data` is always NUL-terminated once something was added (the NUL is not counted in `len`); the
// bytes themselves may contain NUL. A buffer that outside bytes fill must be given a maximum it can
// live with: an append past it fails with -E2BIG and leaves the content as it was.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
    char *data;   // owned; NULL while nothing was added
    size_t len;   // bytes, without the NUL
    size_t alloc; // bytes allocated
    size_t max;   // bytes, largest len allowed
};

#define BUF_INIT(maximum)                                                                          \
    {                                                                                              \
        .max = (maximum)                                                                           \
    }
// For text that only this program's own data fill.
#define BUF_OWN_MAX ((size_t)64 * 1024 * 1024)

// Makes room for `extra` more bytes. 0, -E2BIG past the maximum, -ENOMEM.
int buf_reserve(struct buf *b, size_t extra);

// Append; each returns 0, -E2BIG or -ENOMEM. Pages are made of many short texts: where there is
// room for one nothing is called.
int buf_add_growing(struct buf *b, const void *bytes, size_t len);
static inline int buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (!b->data || len >= b->alloc - b->len || b->len + len > b->max)
        return buf_add_growing(b, bytes, len);
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}
static inline int buf_add_str(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s)); // a literal's length is known then
}
int buf_add_char(struct buf *b, char c);
int buf_addf(struct buf *b, const char *format, ...) _printf_(2, 3);

// The content as a C string, "" when nothing was added. Owned by the buffer, valid until it
// changes.
const char *buf_str(const struct buf *b);

// Hands the string over to the caller (never NULL but for lack of memory); the buffer is empty
// then.
char *buf_take(struct buf *b);

// Gives back what was allocated beyond the content: of what is kept for long.
void buf_fit(struct buf *b);

// Shortens the content to `len` bytes.
void buf_truncate(struct buf *b, size_t len);

// Copies at most `max` bytes from position *at on, which moves behind them. How many there were.
size_t buf_read(const struct buf *b, size_t *at, void *bytes, size_t max);
// Drops `n` bytes at the front.
void buf_consume(struct buf *b, size_t n);

// Frees the content; the buffer can be used again.
void buf_release(struct buf *b);

#define _cleanup_buf_ _cleanup_(buf_release)

// asprintf() that gives NULL when there is no memory. The caller frees.
char *str_format(const char *format, ...) _printf_(1, 2);

bool str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
// Equal, where NULL equals NULL only.
bool str_equal(const char *a, const char *b);
static inline bool str_empty(const char *s)
{
    return !s || !*s;
}

// Whether a control character (below 0x20, or 0x7f) is in it: it would break out of the line it is
// written into.
bool str_has_control(const char *s);

// Cuts white space off both ends in place; gives the new start.
char *str_strip(char *s);

// Equality in a time that depends on the lengths only, for secrets.
bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len);
