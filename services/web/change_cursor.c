// SPDX-License-Identifier: GPL-3.0-only
#include "web/change_cursor.h"

#include "data/base64.h"

// Version (1), time (5) and digest (6) of the floor, then of each that was seen the seconds behind
// the floor (1) and the digest (6); big endian.
#define FORMAT 1
#define TIME_BYTES 5
#define DIGEST_BYTES 6
#define HEAD_BYTES (1 + TIME_BYTES + DIGEST_BYTES)
#define SEEN_BYTES (1 + DIGEST_BYTES)
#define BYTES_MAX (HEAD_BYTES + SEEN_BYTES * CHANGE_SEEN_MAX)

void change_cursor_release(struct change_cursor *cursor)
{
    free(cursor->seen);
    *cursor = (struct change_cursor){0};
}

static int compare(const void *a, const void *b)
{
    const struct change_key *x = a, *y = b;

    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? -1 : 1;
    return x->digest == y->digest ? 0 : x->digest < y->digest ? -1 : 1;
}

int change_cursor_add(struct change_cursor *c, struct change_key key)
{
    if (c->len == c->alloc) {
        size_t alloc = c->alloc ? c->alloc * 2 : 64;
        struct change_key *grown = reallocarray(c->seen, alloc, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        c->seen = grown;
        c->alloc = alloc;
    }
    c->seen[c->len++] = key;
    return 0;
}

void change_cursor_settle(struct change_cursor *c)
{
    struct change_key least;
    size_t n = 0;

    if (c->len == 0)
        return;
    qsort(c->seen, c->len, sizeof(*c->seen), compare);
    least = (struct change_key){.time_s = c->seen[c->len - 1].time_s - CHANGE_WINDOW_S};
    if (compare(&least, &c->floor) > 0)
        c->floor = least;
    while (n < c->len && (compare(&c->seen[n], &c->floor) <= 0 || c->len - n > CHANGE_SEEN_MAX)) {
        if (compare(&c->seen[n], &c->floor) > 0)
            c->floor = c->seen[n];
        n++;
    }
    memmove(c->seen, c->seen + n, (c->len - n) * sizeof(*c->seen));
    c->len -= n;
}

// ---- as text

static void put(unsigned char **at, int64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--)
        *(*at)++ = (unsigned char)((uint64_t)value >> (8 * (i - 1)) & 0xff);
}

static int64_t take(const unsigned char **at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | *(*at)++;
    return (int64_t)value;
}

// The alphabet for addresses (RFC 4648, section 5), and back.
static void exchange_letters(char *text, const char *from, const char *to)
{
    for (char *c = text; *c; c++) {
        if (*c == from[0])
            *c = to[0];
        else if (*c == from[1])
            *c = to[1];
    }
}

char *change_cursor_write(const struct change_cursor *c)
{
    _cleanup_buf_ struct buf text = BUF_INIT(CHANGE_CURSOR_MAX);
    unsigned char bytes[BYTES_MAX], *at = bytes;
    char *written;

    put(&at, FORMAT, 1);
    put(&at, c->floor.time_s, TIME_BYTES);
    put(&at, c->floor.digest, DIGEST_BYTES);
    for (size_t i = 0; i < c->len && i < CHANGE_SEEN_MAX; i++) {
        put(&at, c->seen[i].time_s - c->floor.time_s, 1);
        put(&at, c->seen[i].digest, DIGEST_BYTES);
    }
    if (base64_encode(bytes, (size_t)(at - bytes), &text) < 0)
        return NULL;
    written = strndup(text.data, strcspn(text.data, "="));
    if (written)
        exchange_letters(written, "+/", "-_");
    return written;
}

int change_cursor_read(const char *text, struct change_cursor *ret, struct error *err)
{
    static const char wrong[] = "expected one of an answer of this server";
    _cleanup_buf_ struct buf bytes = BUF_INIT(BYTES_MAX + 1);
    _cleanup_free_ char *copy = strndup(text, CHANGE_CURSOR_MAX + 1);
    _cleanup_(change_cursor_release) struct change_cursor c = {0};
    const unsigned char *at;

    if (!copy)
        return error_oom(err);
    if (strlen(copy) > CHANGE_CURSOR_MAX || strpbrk(copy, "+/= \t\r\n"))
        return error_set(err, -EINVAL, wrong);
    exchange_letters(copy, "-_", "+/");
    if (base64_decode(copy, &bytes) < 0 || bytes.len < HEAD_BYTES || bytes.len > BYTES_MAX ||
        (bytes.len - HEAD_BYTES) % SEEN_BYTES != 0 || *bytes.data != FORMAT)
        return error_set(err, -EINVAL, wrong);
    at = (const unsigned char *)bytes.data + 1;
    c.floor.time_s = take(&at, TIME_BYTES);
    c.floor.digest = take(&at, DIGEST_BYTES);
    while (at < (const unsigned char *)bytes.data + bytes.len) {
        int64_t time = c.floor.time_s + take(&at, 1);

        if (change_cursor_add(&c, (struct change_key){time, take(&at, DIGEST_BYTES)}) < 0)
            return error_oom(err);
    }
    *ret = c;
    c = (struct change_cursor){0};
    return 0;
}
