// SPDX-License-Identifier: GPL-3.0-only
// Finds packages by how their names begin.
#include "net/http.h"
#include "web/pages.h"
#include "web/results.h"
#include "web/web.h"

#define NAMES 300      // on a page
#define PREFIX_MAX 200 // bytes

// Links to names with each letter or digit that there is.
static int put_initials(struct exchange *x, struct database *db, struct error *err)
{
    json_t *list = json_array();
    int r = list ? 0 : error_oom(err);

    for (const char *c = "0123456789abcdefghijklmnopqrstuvwxyz"; *c && r == 0; c++) {
        const char initial[] = {*c, '\0'};
        json_t *names = NULL;

        r = results_packages(db, initial, NULL, 1, &names, err);
        if (r == 0 && json_array_size(names) > 0 &&
            json_array_append_new(list, json_string(initial)) < 0)
            r = error_oom(err);
        json_decref(names);
    }
    return page_put_rows(x->data, "initials", list) < 0 ? -ENOMEM : r;
}

// The names, and where the next ones are.
static int put_names(struct exchange *x, json_t *names)
{
    size_t n = json_array_size(names);
    json_t *rows = json_array(), *name;
    size_t i;

    if (n > NAMES)
        (void)json_array_remove(names, n - 1);
    json_array_foreach (names, i, name) {
        _cleanup_free_ char *url = results_url(json_string_value(name), NULL, NULL, NULL);

        if (!url ||
            json_array_append_new(rows, json_pack("{s:O, s:s}", "name", name, "url", url)) < 0) {
            json_decref(rows);
            return -ENOMEM;
        }
    }
    if (n > NAMES) {
        _cleanup_free_ char *last =
            http_escape(json_string_value(json_array_get(names, NAMES - 1)), false);

        if (!last || json_put_string(x->data, "after", last) < 0) {
            json_decref(rows);
            return -ENOMEM;
        }
    }
    return page_put_rows(x->data, "packages", rows);
}

// What was typed, as names are: in small letters, without blanks around it.
static char *prefix_of(const char *text)
{
    size_t blanks = text ? strspn(text, " \t") : 0, len = text ? strlen(text + blanks) : 0;
    char *prefix;

    while (len > 0 && strchr(" \t", text[blanks + len - 1]))
        len--;
    prefix = strndup(text ? text + blanks : "", len);
    for (char *c = prefix; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return prefix;
}

// The whole name of a package leads to it; of another page of names it does not.
static int lead_to_package(struct exchange *x, const json_t *names, const char *prefix)
{
    const char *first = json_string_value(json_array_get(names, 0));
    _cleanup_free_ char *url = NULL;

    if (x->wants_json || !first || !*prefix || strcmp(first, prefix) != 0)
        return 0;
    url = results_url(first, NULL, NULL, NULL);
    return url && exchange_redirect(x, MHD_HTTP_SEE_OTHER, url) == 0 ? 1 : -ENOMEM;
}

int page_packages(struct exchange *x, struct error *err)
{
    const char *text = NULL, *after = params_get_filled(&x->query, "after");
    _cleanup_json_ json_t *names = NULL;
    _cleanup_free_ char *prefix = NULL;
    struct database *db;
    int r = page_query_text(x, "q", PREFIX_MAX, &text, err);

    if (r == 0)
        r = page_start(x, "Packages", err);
    if (r != 0)
        return r;
    prefix = prefix_of(text);
    if (!prefix || json_put_string(x->data, "prefix", prefix) < 0)
        return error_oom(err);
    db = page_database(x);
    if (!db)
        return 0;
    r = results_packages(db, prefix, after, NAMES + 1, &names, err);
    if (r == 0)
        r = lead_to_package(x, names, prefix);
    if (r != 0)
        return r < 0 ? r : 0;
    r = put_initials(x, db, err);
    return r < 0 ? r : put_names(x, names) < 0 ? error_oom(err) : 0;
}
