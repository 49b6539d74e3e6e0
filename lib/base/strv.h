// SPDX-License-Identifier: GPL-3.0-only
// A list of strings, always NULL-terminated, so that `items` can be given to execvp().
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct strv {
    char **items; // owned, each item too; NULL while empty
    size_t len;   // without the final NULL
    size_t alloc;
};

#define STRV_INIT                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#define STRV_FOREACH(s, v)                                                                         \
    for (size_t s##_i = 0; s##_i < (v)->len; s##_i++)                                              \
        for (const char *s = (v)->items[s##_i]; s; s = NULL)

// Append a copy; 0 or -ENOMEM.
int strv_add(struct strv *v, const char *s);
int strv_addf(struct strv *v, const char *format, ...) _printf_(2, 3);
// Append a string whose ownership passes to the list (also on failure, when it is freed).
int strv_take(struct strv *v, char *s);
// Append copies of several at once: a NULL-terminated array, or another list.
int strv_add_all(struct strv *v, const char *const *items);
int strv_add_list(struct strv *v, const struct strv *other);

// Splits at any of the characters `separators`, leaving out empty pieces, and appends the pieces.
int strv_split(struct strv *v, const char *s, const char *separators);

// Glues the items with `separator`. The caller frees; NULL for lack of memory.
char *strv_join(const struct strv *v, const char *separator);

bool strv_contains(const struct strv *v, const char *s);
// The number of the first that is equal; `len` when there is none.
size_t strv_find(const struct strv *v, const char *s);
// Ascending byte order.
void strv_sort(struct strv *v);
// Of a list that is in that order.
bool strv_contains_sorted(const struct strv *v, const char *s);

void strv_release(struct strv *v);

// The whole list, which is empty then.
struct strv strv_move(struct strv *v);

#define _cleanup_strv_ _cleanup_(strv_release)
