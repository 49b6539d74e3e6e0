// SPDX-License-Identifier: GPL-3.0-only
#include "data/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
    const char *at = strchr(alphabet, c);

    return at ? (int)(at - alphabet) : -1;
}

int base64_decode(const char *text, struct buf *ret)
{
    unsigned bits = 0, n = 0, padding = 0;

    for (const char *c = text; *c; c++) {
        if (strchr(" \t\r\n", *c))
            continue;
        if (*c == '=') {
            padding++;
            continue;
        }
        if (padding || digit(*c) < 0)
            return -EINVAL;
        bits = bits << 6 | (unsigned)digit(*c);
        n++;
        if (n % 4 != 1) {
            unsigned left = n % 4 == 2 ? 4 : n % 4 == 3 ? 2 : 0;
            int r = buf_add_char(ret, (char)(bits >> left & 0xff));

            if (r < 0)
                return r;
        }
    }
    return n % 4 == 1 || padding > 2 ? -EINVAL : 0;
}

int base64_encode(const void *bytes, size_t len, struct buf *ret)
{
    const unsigned char *s = bytes;
    int r = 0;

    for (size_t i = 0; i < len && r == 0; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        unsigned bits = (unsigned)s[i] << 16 | (have > 1 ? (unsigned)s[i + 1] << 8 : 0) |
                        (have > 2 ? s[i + 2] : 0);
        char group[4];

        for (unsigned k = 0; k < 4; k++)
            group[k] = k <= have ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
        r = buf_add(ret, group, sizeof(group));
    }
    return r;
}
