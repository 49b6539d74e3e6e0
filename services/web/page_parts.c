// SPDX-License-Identifier: GPL-3.0-only
// What several pages have.
#include "adt/names.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "net/http.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/results.h"
#include "web/web.h"

#define RUNNING_ROWS 20 // of a page about other things

struct database *page_database(struct exchange *x)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct database *db = NULL;
    int r = web_database(x->web, &db, &err);

    if (r == 0)
        return db;
    (void)json_put_string(x->data, "no_results",
                          r == -ENOENT ? "No results so far: the database is made when the first "
                                         "result comes in."
                                       : "The results cannot be read right now.");
    return NULL;
}

int page_start(struct exchange *x, const char *title, struct error *err)
{
    x->data = json_object();
    if (!x->data || json_put_string(x->data, "title", title) < 0)
        return error_oom(err);
    return 0;
}

int page_put_rows(json_t *data, const char *key, json_t *rows)
{
    bool any = json_array_size(rows) > 0;
    _cleanup_free_ char *flag = str_format("has_%s", key);
    int r = json_put(data, key, rows);

    return r < 0 || !flag ? -ENOMEM : json_put_bool(data, flag, any);
}

// ---- results

// All that was asked for, but for where in it: to go before another such parameter.
static char *query_but_for_place(const struct exchange *x)
{
    _cleanup_buf_ struct buf query = BUF_INIT(BUF_OWN_MAX);

    for (size_t i = 0; i < x->query.len; i++) {
        const struct param *param = &x->query.items[i];
        _cleanup_free_ char *name = http_escape(param->name, false);
        _cleanup_free_ char *value = http_escape(param->value, false);

        if (!name || !value)
            return NULL;
        if (strcmp(param->name, "before") != 0 && strcmp(param->name, "format") != 0 &&
            buf_addf(&query, "%s=%s&", name, value) < 0)
            return NULL;
    }
    return buf_take(&query);
}

// The way to what is older than that run.
static int put_older(struct exchange *x, const char *run_id)
{
    _cleanup_free_ char *older = http_escape(run_id, false), *query = query_but_for_place(x);

    return !older || !query || json_put_string(x->data, "older", older) < 0
               ? -ENOMEM
               : json_put_string(x->data, "page_query", query);
}

int page_cut_rows(struct exchange *x, json_t *rows, size_t max)
{
    if (json_array_size(rows) <= max)
        return 0;
    while (json_array_size(rows) > max)
        (void)json_array_remove(rows, json_array_size(rows) - 1);
    return put_older(x, json_text(json_array_get(rows, max - 1), "run_id"));
}

int page_read_before(struct exchange *x, const char **ret, struct error *err)
{
    *ret = params_get_filled(&x->query, "before");
    return *ret && !name_is_run_id(*ret)
               ? exchange_fail(x, 400, err, "before: expected the name of a run")
               : 0;
}

int page_put_window_end(struct exchange *x, const char *run_id)
{
    return !run_id || json_object_get(x->data, "older") ? 0
           : put_older(x, run_id) < 0                   ? -ENOMEM
                                      : json_put_bool(x->data, "looked_through", true);
}

int page_put_results(struct exchange *x, struct database *db, const struct results_filter *filter,
                     struct error *err)
{
    struct results_filter f = *filter;
    _cleanup_free_ char *end = NULL;
    json_t *rows = NULL;
    int r = page_read_before(x, &f.before, err);

    f.limit++;
    if (r == 0)
        r = results_recent(db, &f, &rows, err);
    if (r == 0 && json_array_size(rows) < f.limit)
        r = results_window_end(db, &f, &end, err);
    if (r < 0) {
        json_decref(rows);
        return r;
    }
    r = page_cut_rows(x, rows, filter->limit);
    if (page_put_rows(x->data, "results", rows) < 0 || r < 0)
        return error_oom(err);
    return page_put_window_end(x, end) < 0 ? error_oom(err) : 0;
}

// ---- running tests

// The filter as the query of an address, "" for none.
static char *filter_query(const struct running_filter *f)
{
    const struct {
        const char *name, *value;
    } parts[] = {{"package", f->package}, {"release", f->release}, {"arch", f->arch}};
    _cleanup_buf_ struct buf query = BUF_INIT(16384);

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        _cleanup_free_ char *value = parts[i].value ? http_escape(parts[i].value, false) : NULL;

        if (parts[i].value && (!value || buf_addf(&query, "%s%s=%s", query.len ? "&" : "?",
                                                  parts[i].name, value) < 0))
            return NULL;
    }
    return buf_take(&query);
}

int page_put_broker(struct exchange *x)
{
    _cleanup_free_ char *time = NULL, *why = broker_absence(x->web->broker, &time);

    return json_put_bool(x->data, "broker_away", why != NULL) < 0
               ? -ENOMEM
               : json_put_string(x->data, "broker_away_for", time);
}

int page_put_running_list(struct exchange *x, const struct running_filter *filter)
{
    const struct running *running = broker_running(x->web->broker);
    size_t n = running_count(running, filter);
    json_t *list = running_list(running, filter);
    _cleanup_free_ char *query = filter_query(filter);

    // Which tests there are is told by package, release and architecture only.
    bool whole = filter->offset == 0 && filter->limit >= n && !filter->requester;

    if (!list || !query || json_put_string(x->data, "running_live", whole ? "all" : "some") < 0 ||
        json_put_string(x->data, "running_filter", query) < 0 ||
        json_put_int(x->data, "running_total", (int64_t)n) < 0 ||
        json_put_bool(x->data, "running_more", filter->offset + filter->limit < n) < 0 ||
        json_put_int(x->data, "running_next", (int64_t)(filter->offset + filter->limit)) < 0 ||
        page_put_broker(x) < 0) {
        json_decref(list);
        return -ENOMEM;
    }
    return page_put_rows(x->data, "running", list);
}

int page_put_running(struct exchange *x, const char *package, const char *release, const char *arch)
{
    const struct running_filter filter = {
        .package = package, .release = release, .arch = arch, .limit = RUNNING_ROWS};

    return page_put_running_list(x, &filter);
}

// ---- menus

json_t *page_menu(const struct strv *values, const char *selected)
{
    json_t *list = json_array();

    STRV_FOREACH (value, values)
        if (json_array_append_new(list, json_pack("{s:s, s:b}", "value", value, "selected",
                                                  selected && strcmp(selected, value) == 0)) < 0)
            break;
    return list;
}

int page_query_text(struct exchange *x, const char *name, size_t max, const char **ret,
                    struct error *err)
{
    const char *text = params_get_filled(&x->query, name);
    size_t len = text ? strlen(text) : 0;

    if (len > max)
        return exchange_fail(x, 400, err, "%s: more than %zu bytes", name, max);
    if (len > 0 && !utf8_is_valid(text, len))
        return exchange_fail(x, 400, err, "%s: expected UTF-8", name);
    *ret = text;
    return 0;
}

int page_put_pages(struct exchange *x, uint64_t page, uint64_t total, uint64_t each,
                   const char *query)
{
    uint64_t pages = (total + each - 1) / each;

    return json_put_int(x->data, "page", (int64_t)page) < 0 ||
                   json_put_int(x->data, "pages", (int64_t)pages) < 0 ||
                   json_put_bool(x->data, "many", pages > 1) < 0 ||
                   json_put_string(x->data, "page_query", query) < 0 ||
                   (page > 1 && json_put_int(x->data, "previous", (int64_t)page - 1) < 0) ||
                   (page < pages && json_put_int(x->data, "next", (int64_t)page + 1) < 0)
               ? -ENOMEM
               : 0;
}
