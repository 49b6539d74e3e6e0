// SPDX-License-Identifier: GPL-3.0-only
#include "web/router.h"

#include "net/http.h"

// Those behind the first ones no route has.
static const struct {
    enum method method;
    const char *name;
} methods[] = {
    {METHOD_GET, "GET"},       {METHOD_HEAD, "HEAD"},     {METHOD_POST, "POST"},
    {METHOD_PUT, "PUT"},       {METHOD_DELETE, "DELETE"}, {METHOD_OTHER, "PATCH"},
    {METHOD_OTHER, "OPTIONS"}, {METHOD_OTHER, "TRACE"},   {METHOD_OTHER, "CONNECT"},
    {METHOD_OTHER, "QUERY"},
};

enum method method_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return METHOD_UNKNOWN;
}

char *methods_text(unsigned set)
{
    struct buf text = BUF_INIT(256);

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
        if (set & methods[i].method)
            (void)buf_addf(&text, "%s%s", text.len ? ", " : "", methods[i].name);
    return buf_take(&text);
}

// Keeps what `name` (as it stands in the pattern, up to `name_len`) has caught.
static int catch_value(const char *name, size_t name_len, const char *text, size_t len,
                       struct params *values)
{
    _cleanup_free_ char *key = strndup(name, name_len), *value = strndup(text, len);

    if (!key || !value)
        return -ENOMEM;
    if (http_unescape(value, false) < 0)
        return -EINVAL;
    return params_add(values, key, value);
}

// One segment of the pattern against one of the path: 1, 0 or negative.
static int match_segment(const char *pattern, size_t pattern_len, const char *path, size_t len,
                         struct params *values)
{
    int r;

    if (pattern_len < 3 || pattern[0] != '{')
        return pattern_len == len && memcmp(pattern, path, len) == 0;
    if (len == 0)
        return 0;
    r = catch_value(pattern + 1, pattern_len - 2, path, len, values);
    return r < 0 ? r : 1;
}

int route_match(const char *pattern, const char *path, struct params *values)
{
    params_release(values);
    while (*pattern == '/' && *path == '/') {
        size_t pattern_len = strcspn(++pattern, "/"), len = strcspn(++path, "/");
        int r;

        if (pattern_len > 5 && memcmp(pattern + pattern_len - 4, "...}", 4) == 0) {
            r = catch_value(pattern + 1, pattern_len - 5, path, strlen(path), values);
            return r < 0 ? r : 1;
        }
        r = match_segment(pattern, pattern_len, path, len, values);
        if (r <= 0)
            return r;
        pattern += pattern_len;
        path += len;
    }
    // what is left of the path may be one slash; of the pattern, nothing
    return *pattern == '\0' && (*path == '\0' || strcmp(path, "/") == 0);
}

int router_find(const struct route *routes, size_t n, enum method method, const char *path,
                struct params *values, const struct route **ret, unsigned *ret_allowed)
{
    unsigned allowed = 0;

    for (size_t i = 0; i < n; i++) {
        int r = route_match(routes[i].pattern, path, values);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (routes[i].methods & method) {
            *ret = &routes[i];
            return 0;
        }
        allowed |= routes[i].methods;
    }
    params_release(values);
    *ret_allowed = allowed;
    return allowed ? -EOPNOTSUPP : -ENOENT;
}
