// SPDX-License-Identifier: GPL-3.0-only
#include "base/strv.h"

#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

int strv_take(struct strv *v, char *s)
{
    if (!s)
        return -ENOMEM;
    if (v->len + 2 > v->alloc) {
        size_t alloc = v->alloc ? v->alloc * 2 : 8;
        char **items = reallocarray(v->items, alloc, sizeof(*items));

        if (!items) {
            free(s);
            return -ENOMEM;
        }
        v->items = items;
        v->alloc = alloc;
    }
    v->items[v->len++] = s;
    v->items[v->len] = NULL;
    return 0;
}

int strv_add(struct strv *v, const char *s)
{
    return strv_take(v, strdup(s));
}

int strv_addf(struct strv *v, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return strv_take(v, text);
}

int strv_add_all(struct strv *v, const char *const *items)
{
    for (; *items; items++) {
        int r = strv_add(v, *items);

        if (r < 0)
            return r;
    }
    return 0;
}

int strv_add_list(struct strv *v, const struct strv *other)
{
    return other->len > 0 ? strv_add_all(v, (const char *const *)other->items) : 0;
}

int strv_split(struct strv *v, const char *s, const char *separators)
{
    for (;;) {
        size_t n;
        int r;

        s += strspn(s, separators);
        if (!*s)
            return 0;
        n = strcspn(s, separators);
        r = strv_take(v, strndup(s, n));
        if (r < 0)
            return r;
        s += n;
    }
}

char *strv_join(const struct strv *v, const char *separator)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    size_t i;

    for (i = 0; i < v->len; i++)
        if ((i > 0 && buf_add_str(&text, separator) < 0) || buf_add_str(&text, v->items[i]) < 0)
            return NULL;
    return buf_take(&text);
}

size_t strv_find(const struct strv *v, const char *s)
{
    size_t i = 0;

    while (i < v->len && strcmp(v->items[i], s) != 0)
        i++;
    return i;
}

bool strv_contains(const struct strv *v, const char *s)
{
    return strv_find(v, s) < v->len;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *v)
{
    if (v->len > 1)
        qsort(v->items, v->len, sizeof(*v->items), compare);
}

bool strv_contains_sorted(const struct strv *v, const char *s)
{
    return v->len > 0 && bsearch(&s, v->items, v->len, sizeof(*v->items), compare);
}

void strv_release(struct strv *v)
{
    size_t i;

    for (i = 0; i < v->len; i++)
        free(v->items[i]);
    free(v->items);
    v->items = NULL;
    v->len = v->alloc = 0;
}

struct strv strv_move(struct strv *v)
{
    struct strv moved = *v;

    *v = (struct strv)STRV_INIT;
    return moved;
}
