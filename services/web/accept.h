// SPDX-License-Identifier: GPL-3.0-only
// What clients say they take: lists with weights (RFC 9110 §12.4.2, §12.5.1).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ACCEPT_WEIGHT_MAX 1000

// One part of such a list, as long as `len`: its name, which `text` begins with, and its weight in
// thousandths; one that is none counts as not wanted, that is 0. Parameters before the weight say
// nothing here.
struct accept_part {
    size_t name_len;
    int weight;
};
struct accept_part accept_part_read(const char *text, size_t len);
// The next part of a list from *list on, which moves behind it. False: there is none.
bool accept_next(const char **list, const char **ret_text, size_t *ret_len);
// Whether `text` of that length is the name, in capital or small letters.
bool accept_is_name(const char *text, size_t len, const char *name);

// What is wanted of the two forms of a page, in thousandths; -1: not named. A range that names more
// counts before `text/*` and `application/*`, which count before `*/*`.
struct accept_types {
    int html, html_like, json, json_like, any;
};
#define ACCEPT_TYPES_INIT                                                                          \
    {                                                                                              \
        -1, -1, -1, -1, -1                                                                         \
    }
// Adds one header's list: `text/html, application/json;q=0.9, */*;q=0.1`.
void accept_types_read(struct accept_types *types, const char *list);

enum accepted {
    ACCEPTS_EITHER, // says nothing of it
    ACCEPTS_HTML,
    ACCEPTS_JSON
};
// Which is wanted more; of two that are wanted alike, HTML, unless JSON alone is named.
enum accepted accept_types_choose(const struct accept_types *types);
