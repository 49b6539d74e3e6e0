// SPDX-License-Identifier: GPL-3.0-only
#include "base/utf8.h"

#include <stdint.h>

#define HIGH_BITS UINT64_C(0x8080808080808080) // of each byte of a word
#define REPLACEMENT "\xef\xbf\xbd"             // U+FFFD

size_t utf8_sequence(const char *s, size_t len)
{
    // First byte from … to …, second byte from … to …, length.
    static const struct {
        unsigned char from, to, second_from, second_to;
        size_t need;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *u = (const unsigned char *)s;
    size_t f = 0, i;

    if (len == 0)
        return 0;
    while (f < ARRAY_SIZE(forms) && (u[0] < forms[f].from || u[0] > forms[f].to))
        f++;
    if (f == ARRAY_SIZE(forms) || forms[f].need > len)
        return 0;
    if (forms[f].need > 1 && (u[1] < forms[f].second_from || u[1] > forms[f].second_to))
        return 0;
    for (i = 2; i < forms[f].need; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return forms[f].need;
}

// How many bytes of ASCII, in whole words, the text begins with.
static size_t skip_ascii(const char *text, size_t len)
{
    size_t at = 0;
    uint64_t word;

    for (; len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if (word & HIGH_BITS)
            break;
    }
    return at;
}

// The last word may begin inside the one before.
static bool is_ascii(const char *text, size_t len)
{
    uint64_t all = 0, word;

    if (len < sizeof(word)) {
        for (size_t i = 0; i < len; i++)
            all |= (unsigned char)text[i];
        return all < 0x80;
    }
    for (size_t at = 0; at + sizeof(word) < len; at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        all |= word;
    }
    memcpy(&word, text + len - sizeof(word), sizeof(word));
    return !((all | word) & HIGH_BITS);
}

bool utf8_is_valid(const char *text, size_t len)
{
    size_t at = 0, n;

    if (is_ascii(text, len)) // nearly all is
        return true;
    while (at < len) {
        at += skip_ascii(text + at, len - at);
        n = utf8_sequence(text + at, len - at);
        if (n == 0)
            return at == len;
        at += n;
    }
    return true;
}

int utf8_add_clean(struct buf *b, const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t n = utf8_sequence(text + at, len - at);
        bool keep = n > 0 && text[at] != '\0';
        int r = keep ? buf_add(b, text + at, n) : buf_add_str(b, REPLACEMENT);

        if (r < 0)
            return r;
        at += keep ? n : 1;
    }
    return 0;
}
