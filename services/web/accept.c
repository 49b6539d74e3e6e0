// SPDX-License-Identifier: GPL-3.0-only
#include "web/accept.h"

#include "base/buf.h"

#include <ctype.h>
#include <strings.h>

#define WHITE " \t"

// `0`, `1`, with up to three digits behind a point, in thousandths; -1: no such.
static int parse_weight(const char *text, size_t len)
{
    int weight = 0, digit = 100;

    if (len == 0 || (text[0] != '0' && text[0] != '1') || len > strlen("0.000") ||
        (len > 1 && text[1] != '.'))
        return -1;
    weight = (text[0] - '0') * ACCEPT_WEIGHT_MAX;
    for (size_t i = 2; i < len; i++, digit /= 10) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        weight += (text[i] - '0') * digit;
    }
    return weight <= ACCEPT_WEIGHT_MAX ? weight : -1;
}

static size_t trimmed(const char *text, size_t len)
{
    while (len > 0 && strchr(WHITE, text[len - 1]))
        len--;
    return len;
}

// A parameter, without what is around it: the weight when it is one, else what it was before.
static int read_parameter(const char *text, size_t len, int weight)
{
    len = trimmed(text, len);
    if (len < 2 || tolower((unsigned char)text[0]) != 'q' || text[1] != '=')
        return weight;
    weight = parse_weight(text + 2, len - 2);
    return weight < 0 ? 0 : weight;
}

struct accept_part accept_part_read(const char *text, size_t len)
{
    size_t at = strcspn(text, ",; \t");
    struct accept_part part = {.name_len = at < len ? at : len, .weight = ACCEPT_WEIGHT_MAX};

    for (at = part.name_len; at < len;) {
        size_t end;

        at += strspn(text + at, WHITE ";");
        if (at >= len)
            break;
        end = at + strcspn(text + at, ";");
        end = end < len ? end : len;
        part.weight = read_parameter(text + at, end - at, part.weight);
        at = end;
    }
    return part;
}

bool accept_next(const char **list, const char **ret_text, size_t *ret_len)
{
    *ret_text = *list + strspn(*list, WHITE ",");
    *ret_len = strcspn(*ret_text, ",");
    *list = *ret_text + *ret_len;
    return *ret_len > 0;
}

bool accept_is_name(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

void accept_types_read(struct accept_types *types, const char *list)
{
    const struct {
        const char *name;
        int *weight;
    } ranges[] = {{"text/html", &types->html},
                  {"text/*", &types->html_like},
                  {"application/json", &types->json},
                  {"application/*", &types->json_like},
                  {"*/*", &types->any}};
    const char *text;
    size_t len;

    while (accept_next(&list, &text, &len)) {
        struct accept_part part = accept_part_read(text, len);

        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
            if (accept_is_name(text, part.name_len, ranges[i].name))
                *ranges[i].weight = part.weight;
    }
}

static int first_named(int most, int more, int any)
{
    return most >= 0 ? most : more >= 0 ? more : any >= 0 ? any : 0;
}

enum accepted accept_types_choose(const struct accept_types *t)
{
    int html = first_named(t->html, t->html_like, t->any);
    int json = first_named(t->json, t->json_like, t->any);

    if (html != json)
        return html > json ? ACCEPTS_HTML : ACCEPTS_JSON;
    return t->html > 0                         ? ACCEPTS_HTML
           : t->json > 0                       ? ACCEPTS_JSON
           : html > 0 && t->html_like > t->any ? ACCEPTS_HTML
                                               : ACCEPTS_EITHER;
}
