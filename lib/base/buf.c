// SPDX-License-Identifier: GPL-3.0-only
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

int buf_reserve(struct buf *b, size_t extra)
{
    size_t want, alloc;
    char *data;

    if (extra > b->max || b->len > b->max - extra)
        return -E2BIG;
    want = b->len + extra + 1;
    if (b->data && want <= b->alloc)
        return 0;
    alloc = b->alloc < 64 ? 64 : b->alloc;
    while (alloc < want)
        alloc = alloc > SIZE_MAX / 2 ? want : alloc * 2;
    if (alloc > b->max && b->max + 1 > want)
        alloc = b->max + 1;
    if (alloc < want)
        alloc = want;
    data = realloc(b->data, alloc);
    if (!data)
        return -ENOMEM;
    b->data = data;
    b->alloc = alloc;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add_growing(struct buf *b, const void *bytes, size_t len)
{
    int r = buf_reserve(b, len);

    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

size_t buf_read(const struct buf *b, size_t *at, void *bytes, size_t max)
{
    size_t n = b->len - *at;

    n = n < max ? n : max;
    if (n > 0)
        memcpy(bytes, b->data + *at, n);
    *at += n;
    return n;
}

int buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return buf_add(b, text, (size_t)n);
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
    char *data = b->data ? b->data : strdup("");

    b->data = NULL;
    b->len = b->alloc = 0;
    return data;
}

void buf_fit(struct buf *b)
{
    char *fitting = b->data && b->alloc > b->len + 1 ? realloc(b->data, b->len + 1) : NULL;

    if (!fitting) // a larger one does as well
        return;
    b->data = fitting;
    b->alloc = b->len + 1;
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len >= b->len)
        return;
    b->len = len;
    b->data[len] = '\0';
}

void buf_consume(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    if (n >= b->len) {
        buf_truncate(b, 0);
        return;
    }
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

void buf_release(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->alloc = 0;
}

char *str_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

bool str_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

char *str_strip(char *s)
{
    static const char white[] = " \t\r\n\v\f";
    size_t n;

    s += strspn(s, white);
    n = strlen(s);
    while (n > 0 && strchr(white, s[n - 1]))
        n--;
    s[n] = '\0';
    return s;
}

bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    volatile unsigned char differs = a_len != b_len;
    size_t i;

    // Runs over `a`, the presented value: its length is the asker's own knowledge.
    for (i = 0; i < a_len; i++)
        differs = (unsigned char)(differs | (a[i] ^ (b_len ? b[i % b_len] : 0)));
    return !differs;
}
