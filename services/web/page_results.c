// SPDX-License-Identifier: GPL-3.0-only
// Pages made of the database: overview, recent results, package, history.
#include "adt/names.h"
#include "base/clock.h"
#include "base/parse.h"
#include "net/http.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/reports.h"
#include "web/results.h"
#include "web/streams.h"
#include "web/web.h"

#define HOME_ROWS 20
#define RECENT_ROWS 100
#define RUNNING_PAGE 50

// ---- overview

// {"rows": [{"release", "arch", "queued", "running"}], "total": n} from the broker's figures.
static int put_activity(struct exchange *x, const json_t *lengths)
{
    const struct web_settings *s = &x->web->settings;
    const char *reason = NULL;
    json_t *rows = json_array();
    int r = rows ? 0 : -ENOMEM;

    for (size_t i = 0; i < s->releases.len * s->architectures.len && r == 0; i++) {
        const char *release = s->releases.items[i / s->architectures.len];
        const char *arch = s->architectures.items[i % s->architectures.len];
        const struct running_filter here = {.release = release, .arch = arch};
        json_t *row = json_pack("{s:s, s:s, s:i}", "release", release, "arch", arch, "running",
                                (int)running_count(broker_running(x->web->broker), &here));
        bool answered = true;
        int64_t queued = 0;

        for (int c = 0; c < CONTEXT_COUNT && lengths; c++) {
            const struct queue_place place = {(enum queue_context)c, release, arch};
            const json_t *n = broker_length(lengths, &place);

            queued += json_integer_value(n);
            answered = answered && n;
        }
        r = json_put_int(row, "queued", queued);
        if (r == 0 && !answered)
            r = json_put_bool(row, "unanswered", true);
        if (r == 0 && json_array_append_new(rows, row) < 0)
            r = -ENOMEM;
    }
    if (r == 0)
        r = json_put(x->data, "activity", rows);
    if (r == 0 && !broker_is_up(x->web->broker, &reason))
        r = json_put_bool(x->data, "broker_away", true);
    return r;
}

static int put_recent(struct exchange *x, const struct results_filter *filter, struct error *err)
{
    struct database *db = page_database(x);
    json_t *rows = NULL;
    int r;

    if (!db)
        return 0;
    r = results_recent(db, filter, &rows, err);
    return r < 0 ? r : page_put_rows(x->data, "results", rows);
}

int page_home(struct exchange *x, struct error *err)
{
    const struct results_filter newest = {.limit = HOME_ROWS};
    const json_t *lengths = NULL;
    int r = broker_look(x->web->broker, QUEUE_LENGTHS, x, &lengths);

    if (r == EXCHANGE_WAIT)
        return r;
    r = r < 0 ? error_oom(err) : page_start(x, "Overview", err);
    if (r == 0)
        r = put_activity(x, lengths);
    if (r == 0)
        r = page_put_running(x, NULL, NULL, NULL);
    return r < 0 ? r : put_recent(x, &newest, err);
}

// ---- running tests

int page_running(struct exchange *x, struct error *err)
{
    struct running_filter filter = {.package = params_get_filled(&x->query, "package"),
                                    .release = params_get_filled(&x->query, "release"),
                                    .arch = params_get_filled(&x->query, "arch"),
                                    .limit = RUNNING_PAGE};
    const char *from = params_get_filled(&x->query, "from");
    uint64_t offset = 0;
    int r = page_start(x, "Running tests", err);

    if (r == 0 && from && parse_uint(from, 0, RUNNING_MAX, &offset, err) < 0)
        return error_prefix(err, -EINVAL, "from");
    filter.offset = offset;
    if (r == 0 && !broker_is_up(x->web->broker, NULL))
        r = json_put_bool(x->data, "broker_away", true);
    return r < 0 ? r : page_put_running_list(x, &filter);
}

int page_running_events(struct exchange *x, struct error *err)
{
    return streams_open(x->web->streams, x, err);
}

// ---- recent results

static int put_filters(struct exchange *x, const struct results_filter *f)
{
    static const char *const verdicts[] = {"pass",    "fail",  "neutral",   "denylisted",
                                           "tmpfail", "error", "otherfail", NULL};
    const struct web_settings *s = &x->web->settings;
    _cleanup_strv_ struct strv names = STRV_INIT;

    if (strv_add_all(&names, verdicts) < 0 ||
        json_put(x->data, "releases", page_menu(&s->releases, f->release)) < 0 ||
        json_put(x->data, "architectures", page_menu(&s->architectures, f->arch)) < 0 ||
        json_put(x->data, "verdicts", page_menu(&names, f->verdict)) < 0 ||
        json_put_string(x->data, "requester", f->requester ? f->requester : "") < 0)
        return -ENOMEM;
    return 0;
}

int page_recent(struct exchange *x, struct error *err)
{
    struct results_filter f = {.release = params_get_filled(&x->query, "release"),
                               .arch = params_get_filled(&x->query, "arch"),
                               .requester = params_get_filled(&x->query, "requester"),
                               .verdict = params_get_filled(&x->query, "verdict"),
                               .limit = RECENT_ROWS};
    const char *limit = params_get_filled(&x->query, "limit");
    int r = page_start(x, "Recent results", err);

    if (r == 0 && limit) {
        r = parse_uint(limit, 1, RESULTS_MAX, &f.limit, err);
        if (r < 0)
            return error_prefix(err, -EINVAL, "limit");
    }
    if (r == 0)
        r = put_filters(x, &f);
    return r < 0 ? r : put_recent(x, &f, err);
}

// ---- package

static const json_t *find_result(const json_t *rows, const char *release, const char *arch)
{
    size_t i;
    json_t *row;

    json_array_foreach ((json_t *)rows, i, row) {
        if (str_equal(json_string_value(json_object_get(row, "release")), release) &&
            str_equal(json_string_value(json_object_get(row, "arch")), arch))
            return row;
    }
    return NULL;
}

static int add_names(const json_t *rows, const char *key, const struct strv *known,
                     struct strv *ret)
{
    size_t i;
    json_t *row;

    STRV_FOREACH (name, known)
        if (!strv_contains(ret, name) && strv_add(ret, name) < 0)
            return -ENOMEM;
    json_array_foreach ((json_t *)rows, i, row) {
        const char *name = json_string_value(json_object_get(row, key));

        if (name && !strv_contains(ret, name) && strv_add(ret, name) < 0)
            return -ENOMEM;
    }
    return 0;
}

// Rows by architecture, cells by release: {"releases": […], "rows": [{"arch", "cells": […]}]}.
static int put_matrix(struct exchange *x, const char *package, const json_t *rows)
{
    const struct web_settings *s = &x->web->settings;
    _cleanup_strv_ struct strv releases = STRV_INIT, archs = STRV_INIT;
    json_t *heads = json_array(), *lines = json_array();
    int r = 0;

    if (add_names(rows, "release", &s->releases, &releases) < 0 ||
        add_names(rows, "arch", &s->architectures, &archs) < 0)
        r = -ENOMEM;
    STRV_FOREACH (release, &releases)
        (void)json_array_append_new(heads, json_string(release));
    for (size_t i = 0; i < archs.len && r == 0; i++) {
        json_t *cells = json_array();

        STRV_FOREACH (release, &releases) {
            const json_t *found = find_result(rows, release, archs.items[i]);
            _cleanup_free_ char *url = results_url(package, release, archs.items[i], NULL);
            json_t *cell = json_pack("{s:s, s:s*}", "release", release, "history_url", url);

            if (found && json_put(cell, "result", json_incref((json_t *)found)) < 0)
                r = -ENOMEM;
            (void)json_array_append_new(cells, cell);
        }
        (void)json_array_append_new(
            lines, json_pack("{s:s, s:o}", "arch", archs.items[i], "cells", cells));
    }
    if (r == 0)
        r = json_put(x->data, "heads", heads);
    return r < 0 ? r : json_put(x->data, "matrix", lines);
}

int page_package(struct exchange *x, struct error *err)
{
    const char *package = exchange_value(x, "package");
    _cleanup_json_ json_t *rows = NULL;
    struct database *db;
    int r;

    if (!name_is_package(package))
        return exchange_fail(x, 404, err, "%s is not the name of a package", package);
    r = page_start(x, package, err);
    if (r == 0)
        r = json_put_string(x->data, "package", package);
    if (r == 0)
        r = page_put_running(x, package, NULL, NULL);
    if (r < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    r = results_latest(db, package, &rows, err);
    if (r < 0)
        return r;
    if (json_array_size(rows) == 0 && json_array_size(json_object_get(x->data, "running")) == 0)
        return exchange_fail(x, 404, err, "there are no results of a package %s", package);
    return put_matrix(x, package, rows);
}

// /packages/P/PACKAGE: the older addresses.
int page_moved_to_package(struct exchange *x, struct error *err)
{
    const char *prefix = exchange_value(x, "prefix"), *package = exchange_value(x, "package");
    _cleanup_free_ char *wanted = package_prefix(package), *url = NULL;

    if (!wanted)
        return error_oom(err);
    if (strcmp(prefix, wanted) != 0)
        return exchange_fail(x, 404, err, "there is no such page");
    url = results_url(package, params_get(&x->values, "release"), params_get(&x->values, "arch"),
                      NULL);
    if (!url)
        return error_oom(err);
    return exchange_redirect(x, MHD_HTTP_MOVED_PERMANENTLY, url);
}

// ---- history

// Bars over time for the page: height by duration, at most 40 steps; the newest on the right.
static int put_chart(json_t *data, const json_t *rows)
{
    json_t *bars = json_array();
    int64_t longest = 1;
    size_t n = json_array_size(rows), i;
    json_t *row;

    json_array_foreach ((json_t *)rows, i, row) {
        int64_t duration = json_integer_value(json_object_get(row, "duration"));

        longest = duration > longest ? duration : longest;
    }
    for (i = n; i-- > 0;) {
        int64_t duration, height;

        row = json_array_get(rows, i);
        duration = json_integer_value(json_object_get(row, "duration"));
        height = 4 + duration * 56 / longest;
        if (json_array_append_new(
                bars,
                json_pack("{s:I, s:I, s:I, s:O, s:O, s:O, s:O}", "x", (json_int_t)(n - 1 - i) * 12,
                          "y", (json_int_t)(62 - height), "height", (json_int_t)height, "verdict",
                          json_object_get(row, "verdict"), "date", json_object_get(row, "date"),
                          "duration_text", json_object_get(row, "duration_text"), "url",
                          json_object_get(row, "url"))) < 0)
            return -ENOMEM;
    }
    if (json_put_int(data, "chart_width", (int64_t)(n * 12)) < 0)
        return -ENOMEM;
    return page_put_rows(data, "chart", bars);
}

static int put_page_of_history(struct exchange *x, json_t *rows)
{
    size_t n = json_array_size(rows);
    _cleanup_free_ char *older = NULL;
    json_t *last;

    if (n > RESULTS_PAGE) {
        (void)json_array_remove(rows, n - 1);
        last = json_array_get(rows, RESULTS_PAGE - 1);
        older = http_escape(json_string_value(json_object_get(last, "run_id")), false);
        if (!older || json_put_string(x->data, "older", older) < 0)
            return -ENOMEM;
    }
    if (put_chart(x->data, rows) < 0)
        return -ENOMEM;
    return page_put_rows(x->data, "results", json_incref(rows));
}

static bool is_known(const struct exchange *x, const char *release, const char *arch)
{
    return strv_contains(&x->web->settings.releases, release) &&
           strv_contains(&x->web->settings.architectures, arch);
}

static int start_test(struct exchange *x, struct error *err)
{
    const char *package = exchange_value(x, "package"), *release = exchange_value(x, "release");
    const char *arch = exchange_value(x, "arch");
    _cleanup_free_ char *title = str_format("%s on %s %s", package, release, arch);
    _cleanup_free_ char *package_url = results_url(package, NULL, NULL, NULL);
    int r;

    if (!name_is_package(package) || !name_is_release(release) || !name_is_arch(arch))
        return exchange_fail(x, 404, err, "there is no such test");
    r = title && package_url ? page_start(x, title, err) : error_oom(err);
    if (r == 0 && (json_put_string(x->data, "package", package) < 0 ||
                   json_put_string(x->data, "release", release) < 0 ||
                   json_put_string(x->data, "arch", arch) < 0 ||
                   json_put_string(x->data, "package_url", package_url) < 0))
        r = error_oom(err);
    return r;
}

int page_history(struct exchange *x, struct error *err)
{
    const char *package = exchange_value(x, "package"), *release = exchange_value(x, "release");
    const char *arch = exchange_value(x, "arch");
    const char *before = params_get_filled(&x->query, "before");
    const struct results_filter f = {.release = release, .arch = arch, .limit = RESULTS_PAGE + 1};
    _cleanup_json_ json_t *rows = NULL, *summary = NULL;
    struct database *db;
    int r = start_test(x, err);

    if (r == 0)
        r = page_put_running(x, package, release, arch);
    if (r < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    r = results_history(db, package, &f, before, &rows, err);
    if (r == 0)
        r = report_test(db, package, release, arch, &summary, err);
    if (r < 0)
        return r;
    if (json_object_update(x->data, summary) < 0)
        return error_oom(err);
    if (json_array_size(rows) == 0 && !before && !is_known(x, release, arch))
        return exchange_fail(x, 404, err, "nothing is tested on %s %s here", release, arch);
    return put_page_of_history(x, rows);
}
