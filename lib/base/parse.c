// SPDX-License-Identifier: GPL-3.0-only
#include "base/parse.h"

#include <inttypes.h>
#include <strings.h>

static int digits(const char *s, uint64_t *ret)
{
    uint64_t n = 0;

    if (!*s)
        return -EINVAL;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(n, 10U, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
            return -ERANGE;
    }
    *ret = n;
    return 0;
}

int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct error *err)
{
    uint64_t n = 0;
    int r = digits(s, &n);

    if (r == 0 && (n < min || n > max))
        r = -ERANGE;
    if (r == -EINVAL)
        return error_set(err, r, "expected a whole number, got \"%s\"", s);
    if (r < 0)
        return error_set(err, r,
                         "expected a whole number from %" PRIu64 " to %" PRIu64 ", got \"%s\"", min,
                         max, s);
    *ret = n;
    return 0;
}

int parse_int(const char *s, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
    bool negative = *s == '-';
    uint64_t n = 0;
    int64_t value = 0;
    int r = digits(s + negative, &n);

    if (r == 0 && n > (uint64_t)INT64_MAX + negative)
        r = -ERANGE;
    if (r == 0) {
        value = (int64_t)(negative ? -n : n); // two's complement: INT64_MIN has no positive
        if (value < min || value > max)
            r = -ERANGE;
    }
    if (r == -EINVAL)
        return error_set(err, r, "expected a whole number, got \"%s\"", s);
    if (r < 0)
        return error_set(err, r,
                         "expected a whole number from %" PRId64 " to %" PRId64 ", got \"%s\"", min,
                         max, s);
    *ret = value;
    return 0;
}

int parse_bool(const char *s, bool *ret, struct error *err)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    size_t i;

    for (i = 0; i < ARRAY_SIZE(yes); i++)
        if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
            *ret = strcasecmp(s, yes[i]) == 0;
            return 0;
        }
    return error_set(err, -EINVAL, "expected true or false, got \"%s\"", s);
}

void hex_encode(const void *bytes, size_t len, char *ret)
{
    static const char digit[] = "0123456789abcdef";
    const unsigned char *b = bytes;
    size_t i;

    for (i = 0; i < len; i++) {
        ret[2 * i] = digit[b[i] >> 4];
        ret[2 * i + 1] = digit[b[i] & 15];
    }
    ret[2 * len] = '\0';
}
