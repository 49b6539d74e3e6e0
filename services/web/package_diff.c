// SPDX-License-Identifier: GPL-3.0-only
#include "web/package_diff.h"

// {package: version}
static int read_versions(const char *text, json_t *versions)
{
    _cleanup_strv_ struct strv lines = STRV_INIT;
    int r = strv_split(&lines, text, "\n");

    STRV_FOREACH (line, &lines) {
        char *tab = strchr(line, '\t');

        if (r < 0 || !tab || tab == line || !tab[1])
            continue;
        *tab = '\0';
        r = json_put_string(versions, line, tab + 1);
        if (r == -EILSEQ)
            r = 0; // no package has such a version
    }
    return r;
}

static int add_change(json_t *changes, const char *package, const json_t *before,
                      const json_t *after)
{
    json_t *change = json_object();
    int r = json_put_string(change, "package", package);

    if (r == 0)
        r = before ? json_put_string(change, "before", json_string_value(before))
                   : json_put_bool(change, "added", true);
    if (r == 0)
        r = after ? json_put_string(change, "after", json_string_value(after))
                  : json_put_bool(change, "removed", true);
    if (r < 0) {
        json_decref(change);
        return r;
    }
    return json_array_append_new(changes, change) < 0 ? -ENOMEM : 0;
}

// The names in both, sorted.
static int gather_names(const json_t *before, const json_t *after, struct strv *ret)
{
    const char *name;
    json_t *version;

    json_object_foreach ((json_t *)before, name, version) {
        if (strv_add(ret, name) < 0)
            return -ENOMEM;
    }
    json_object_foreach ((json_t *)after, name, version) {
        if (!json_object_get(before, name) && strv_add(ret, name) < 0)
            return -ENOMEM;
    }
    strv_sort(ret);
    return 0;
}

int package_diff(const char *before, const char *after, json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *old = json_object(), *new = json_object(), *changes = json_array();
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = old && new &&changes ? 0 : -ENOMEM;

    if (r == 0)
        r = read_versions(before, old);
    if (r == 0)
        r = read_versions(after, new);
    if (r == 0)
        r = gather_names(old, new, &names);
    STRV_FOREACH (name, &names) {
        const json_t *was = json_object_get(old, name), *is = json_object_get(new, name);

        if (r == 0 && !(was && is && json_equal(was, is)))
            r = add_change(changes, name, was, is);
    }
    if (r < 0)
        return error_oom(err);
    *ret = TAKE_PTR(changes);
    return 0;
}
