// SPDX-License-Identifier: GPL-3.0-only
#include "adt/version.h"

#include <stdbool.h>
#include <string.h>

// A piece of a version, from `at` up to `end`.
struct piece {
    const char *at, *end;
};

struct version {
    struct piece epoch, upstream, revision;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct version split(const char *text, size_t len)
{
    const char *end = text + len, *colon = len ? memchr(text, ':', len) : NULL;
    const char *start = colon ? colon + 1 : text;
    const char *hyphen = len ? memrchr(start, '-', (size_t)(end - start)) : NULL;

    return (struct version){.epoch = {text, colon ? colon : text},
                            .upstream = {start, hyphen ? hyphen : end},
                            .revision = {hyphen ? hyphen + 1 : end, end}};
}

// `~` before everything, also the end; then the end and digits, letters, all others.
static int weight(const struct piece *p)
{
    if (p->at == p->end || is_digit(*p->at))
        return 0;
    if (*p->at == '~')
        return -1;
    return is_letter(*p->at) ? (unsigned char)*p->at : (unsigned char)*p->at + 256;
}

static bool has_digit(const struct piece *p)
{
    return p->at < p->end && is_digit(*p->at);
}

static bool has_other(const struct piece *p)
{
    return p->at < p->end && !is_digit(*p->at);
}

static int compare_text(struct piece *a, struct piece *b)
{
    while (has_other(a) || has_other(b)) {
        int difference = weight(a) - weight(b);

        if (difference != 0)
            return difference;
        // Of equal weight: both are at the same character.
        a->at++;
        b->at++;
    }
    return 0;
}

// Numbers of any length: after leading zeros the longer one is larger.
static int compare_number(struct piece *a, struct piece *b)
{
    int first = 0;

    while (has_digit(a) && *a->at == '0')
        a->at++;
    while (has_digit(b) && *b->at == '0')
        b->at++;
    for (; has_digit(a) && has_digit(b); a->at++, b->at++)
        if (first == 0)
            first = *a->at - *b->at;
    if (has_digit(a))
        return 1;
    return has_digit(b) ? -1 : first;
}

static int compare_piece(struct piece a, struct piece b)
{
    int difference = 0;

    while (difference == 0 && (a.at < a.end || b.at < b.end)) {
        difference = compare_text(&a, &b);
        if (difference == 0)
            difference = compare_number(&a, &b);
    }
    return difference;
}

int version_compare_len(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct version one = split(a, a_len), other = split(b, b_len);
    int difference = compare_piece(one.epoch, other.epoch);

    if (difference == 0)
        difference = compare_piece(one.upstream, other.upstream);
    return difference != 0 ? difference : compare_piece(one.revision, other.revision);
}

int version_compare(const char *a, const char *b)
{
    return version_compare_len(a, strlen(a), b, strlen(b));
}
