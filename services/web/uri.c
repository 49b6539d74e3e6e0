// SPDX-License-Identifier: GPL-3.0-only
#include "web/uri.h"

#include "net/http.h"

int params_add(struct params *params, const char *name, const char *value)
{
    struct param item = {0};

    if (params->len >= PARAMS_MAX)
        return -E2BIG;
    if (params->len == params->alloc) {
        size_t alloc = params->alloc ? params->alloc * 2 : 8;
        struct param *items = reallocarray(params->items, alloc, sizeof(*items));

        if (!items)
            return -ENOMEM;
        params->items = items;
        params->alloc = alloc;
    }
    item.name = strdup(name);
    item.value = strdup(value);
    if (!item.name || !item.value) {
        free(item.name);
        free(item.value);
        return -ENOMEM;
    }
    params->items[params->len++] = item;
    return 0;
}

static int add_piece(struct params *params, const char *piece, size_t len, struct error *err)
{
    _cleanup_free_ char *text = strndup(piece, len);
    char *value;
    int r;

    if (!text)
        return error_oom(err);
    value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    else
        value = text + strlen(text);
    if (http_unescape(text, true) < 0 || http_unescape(value, true) < 0)
        return error_set(err, -EINVAL, "parameters: expected %%XX escapes of two hex digits");
    r = params_add(params, text, value);
    if (r == -E2BIG)
        return error_set(err, r, "parameters: more than %d", PARAMS_MAX);
    return r < 0 ? error_oom(err) : 0;
}

int params_parse(struct params *params, const char *text, size_t len, struct error *err)
{
    const char *end = text + len;

    if (memchr(text, '\0', len))
        return error_set(err, -EINVAL, "parameters: expected text, got a NUL byte");
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        int r;

        if (!stop)
            stop = end;
        if (stop > text) {
            r = add_piece(params, text, (size_t)(stop - text), err);
            if (r < 0)
                return r;
        }
        text = stop + 1;
    }
    return 0;
}

const char *params_get(const struct params *params, const char *name)
{
    for (size_t i = 0; i < params->len; i++)
        if (strcmp(params->items[i].name, name) == 0)
            return params->items[i].value;
    return NULL;
}

const char *params_get_filled(const struct params *params, const char *name)
{
    const char *value = params_get(params, name);

    return str_empty(value) ? NULL : value;
}

void params_release(struct params *params)
{
    for (size_t i = 0; i < params->len; i++) {
        free(params->items[i].name);
        free(params->items[i].value);
    }
    free(params->items);
    *params = (struct params){0};
}

int uri_split(const char *uri, char **ret_path, char **ret_query)
{
    _cleanup_free_ char *path = NULL;
    const char *query, *start = uri;
    char *copy;

    if (str_starts_with(uri, "http://") || str_starts_with(uri, "https://")) {
        start = strchr(strstr(uri, "//") + 2, '/');
        if (!start)
            start = "/";
    }
    query = strchr(start, '?');
    path = query ? strndup(start, (size_t)(query - start)) : strdup(start);
    copy = strdup(query ? query + 1 : "");
    if (!path || !copy) {
        free(copy);
        return -ENOMEM;
    }
    *ret_path = TAKE_PTR(path);
    *ret_query = copy;
    return 0;
}
