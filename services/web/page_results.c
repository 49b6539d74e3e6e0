// SPDX-License-Identifier: GPL-3.0-only
// Pages made of the database: overview, recent results, package, history.
#include "adt/names.h"
#include "base/clock.h"
#include "base/parse.h"
#include "net/http.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/queued.h"
#include "web/reports.h"
#include "web/results.h"
#include "web/retry.h"
#include "web/streams.h"
#include "web/web.h"

#define HOME_ROWS 20
#define RECENT_ROWS 100
#define RUNNING_PAGE 50
#define NAME_TEXT_MAX 200

// ---- overview

// What waits and runs at a place.
struct activity {
    int64_t queued;
    size_t running;
    bool unanswered; // by a queue of it
};

// Adds what the broker has told of the queues, by release and architecture. (Each object is looked
// up once, as these are many.)
static void add_queued(const struct web_settings *s, const json_t *lengths, struct activity *places)
{
    for (int c = 0; c < CONTEXT_COUNT && lengths; c++) {
        const json_t *context = json_object_get(lengths, queue_context_name((enum queue_context)c));
        struct activity *place = places;

        STRV_FOREACH (release, &s->releases) {
            const json_t *archs = json_object_get(context, release);

            STRV_FOREACH (arch, &s->architectures) {
                const json_t *n = json_object_get(archs, arch);

                place->queued += json_integer_value(n);
                place->unanswered |= !json_is_integer(n);
                place++;
            }
        }
    }
}

// The names are those of many rows, which share them.
static json_t *activity_row(json_t *release, json_t *arch, const struct activity *place)
{
    _cleanup_json_ json_t *row = json_object();

    if (json_put(row, "release", json_incref(release)) < 0 ||
        json_put(row, "arch", json_incref(arch)) < 0 ||
        json_put_int(row, "queued", place->queued) < 0 ||
        json_put_int(row, "running", (int64_t)place->running) < 0 ||
        (place->unanswered && json_put_bool(row, "unanswered", true) < 0))
        return NULL;
    return TAKE_PTR(row);
}

// What waits and runs at each place, by the broker's figures.
static int put_activity(struct exchange *x, const json_t *lengths)
{
    const struct web_settings *s = &x->web->settings;
    size_t n = s->releases.len * s->architectures.len;
    _cleanup_free_ struct activity *places = calloc(n + 1, sizeof(*places));
    _cleanup_free_ size_t *running = calloc(n + 1, sizeof(*running));
    _cleanup_json_ json_t *releases = json_strings(&s->releases),
                          *archs = json_strings(&s->architectures);
    json_t *rows = json_array();

    if (json_put(x->data, "activity", rows) < 0 || !places || !running || !releases || !archs)
        return -ENOMEM;
    add_queued(s, lengths, places);
    if (running_count_places(broker_running(x->web->broker), &s->releases, &s->architectures,
                             running) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        places[i].running = running[i];
        if (json_array_append_new(rows,
                                  activity_row(json_array_get(releases, i / s->architectures.len),
                                               json_array_get(archs, i % s->architectures.len),
                                               &places[i])) < 0)
            return -ENOMEM;
    }
    return 0;
}

int page_home(struct exchange *x, struct error *err)
{
    const struct results_filter newest = {.limit = HOME_ROWS};
    struct database *db;
    json_t *rows = NULL;
    const json_t *lengths = NULL;
    int r = broker_look(x->web->broker, QUEUE_LENGTHS, x, &lengths);

    if (r == EXCHANGE_WAIT)
        return r;
    r = r < 0 ? error_oom(err) : page_start(x, "Overview", err);
    if (r == 0)
        r = put_activity(x, lengths);
    if (r == 0)
        r = page_put_running(x, NULL, NULL, NULL);
    db = r < 0 ? NULL : page_database(x);
    if (!db)
        return r;
    r = results_recent(db, &newest, &rows, err);
    return r < 0 ? r : page_put_rows(x->data, "results", rows);
}

// ---- running tests

int page_running(struct exchange *x, struct error *err)
{
    struct running_filter filter = {.limit = RUNNING_PAGE};
    const char *from = params_get_filled(&x->query, "from");
    uint64_t offset = 0;
    int r = page_start(x, "Running tests", err);

    if (r == 0)
        r = page_query_text(x, "package", NAME_TEXT_MAX, &filter.package, err);
    if (r == 0)
        r = page_query_text(x, "release", NAME_TEXT_MAX, &filter.release, err);
    if (r == 0)
        r = page_query_text(x, "arch", NAME_TEXT_MAX, &filter.arch, err);
    if (r == 0 && from && parse_uint(from, 0, RUNNING_MAX, &offset, err) < 0)
        return error_prefix(err, -EINVAL, "from");
    filter.offset = offset;
    if (r < 0)
        return r;
    return page_put_running_list(x, &filter) < 0 ||
                   json_put_string(x->data, "package", filter.package) < 0 ||
                   json_put_string(x->data, "release", filter.release) < 0 ||
                   json_put_string(x->data, "arch", filter.arch) < 0
               ? error_oom(err)
               : 0;
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
    struct database *db;
    int r = page_start(x, "Recent results", err);

    if (r == 0 && limit) {
        r = parse_uint(limit, 1, RESULTS_MAX, &f.limit, err);
        if (r < 0)
            return error_prefix(err, -EINVAL, "limit");
    }
    if (r == 0)
        r = put_filters(x, &f);
    db = r < 0 ? NULL : page_database(x);
    return db ? page_put_results(x, db, &f, err) : r;
}

// ---- package

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

// `release` is the head of the column, which all its cells share.
static json_t *matrix_cell(const char *package, json_t *release, const char *arch, json_t *result)
{
    _cleanup_free_ char *text =
        result ? NULL : results_url(package, json_string_value(release), arch, NULL);
    json_t *url = result ? json_incref(json_object_get(result, "history_url")) : json_string(text);
    _cleanup_json_ json_t *cell = json_object();

    if (json_put(cell, "history_url", url) < 0 ||
        json_put(cell, "release", json_incref(release)) < 0 ||
        (result && json_put(cell, "result", json_incref(result)) < 0))
        return NULL;
    return TAKE_PTR(cell);
}

// A row of cells, each with its result, if it has one.
static json_t *matrix_line(const char *package, const json_t *heads, const char *arch,
                           json_t *const *results)
{
    _cleanup_json_ json_t *line = json_object();
    json_t *cells = json_array();

    if (json_put(line, "cells", cells) < 0 || json_put_string(line, "arch", arch) < 0)
        return NULL;
    for (size_t i = 0; i < json_array_size(heads); i++)
        if (json_array_append_new(
                cells, matrix_cell(package, json_array_get(heads, i), arch, results[i])) < 0)
            return NULL;
    return TAKE_PTR(line);
}

// Rows by architecture, cells by release: {"heads": […], "matrix": [{"arch", "cells": […]}]}.
static int put_matrix(struct exchange *x, const char *package, const json_t *rows)
{
    const struct web_settings *s = &x->web->settings;
    _cleanup_strv_ struct strv releases = STRV_INIT, archs = STRV_INIT;
    _cleanup_free_ json_t **results = NULL; // by architecture and release, borrowed
    json_t *heads = NULL, *lines = json_array(), *row;
    size_t i;

    if (json_put(x->data, "matrix", lines) < 0 ||
        add_names(rows, "release", &s->releases, &releases) < 0 ||
        add_names(rows, "arch", &s->architectures, &archs) < 0)
        return -ENOMEM;
    heads = json_strings(&releases);
    if (json_put(x->data, "heads", heads) < 0 || json_array_size(heads) != releases.len)
        return -ENOMEM;
    results = calloc(releases.len * archs.len + 1, sizeof(json_t *));
    if (!results)
        return -ENOMEM;
    json_array_foreach ((json_t *)rows, i, row)
        results[strv_find(&archs, json_text(row, "arch")) * releases.len +
                strv_find(&releases, json_text(row, "release"))] = row;
    for (i = 0; i < archs.len; i++)
        if (json_array_append_new(
                lines, matrix_line(package, heads, archs.items[i], results + i * releases.len)) < 0)
            return -ENOMEM;
    return 0;
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
    if (r == 0)
        r = queued_put(x, package, NULL, NULL);
    if (r < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    r = results_latest(db, package, !x->wants_json, &rows, err);
    if (r < 0)
        return r;
    if (json_array_size(rows) == 0 && json_array_size(json_object_get(x->data, "running")) == 0 &&
        json_array_size(json_object_get(x->data, "queued")) == 0)
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

#define BAR_WIDTH 12

// A bar at `x`; what it tells is the row's.
static json_t *chart_bar(const json_t *row, int64_t x, int64_t height)
{
    static const char *const told[] = {"verdict", "date", "duration_text", "url"};
    _cleanup_json_ json_t *bar = json_object();

    if (json_put_int(bar, "x", x) < 0 || json_put_int(bar, "y", 62 - height) < 0 ||
        json_put_int(bar, "height", height) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(told); i++)
        if (json_put(bar, told[i], json_incref(json_object_get(row, told[i]))) < 0)
            return NULL;
    return TAKE_PTR(bar);
}

// Bars over time for the page: height by duration, at most 40 steps; the newest on the right.
static int put_chart(json_t *data, const json_t *rows)
{
    json_t *bars = json_array(), *row;
    int64_t longest = 1;
    size_t n = json_array_size(rows), i;

    json_array_foreach ((json_t *)rows, i, row) {
        int64_t duration = json_integer_value(json_object_get(row, "duration"));

        longest = duration > longest ? duration : longest;
    }
    for (i = n; i-- > 0;) {
        int64_t duration;

        row = json_array_get(rows, i);
        duration = json_integer_value(json_object_get(row, "duration"));
        if (json_array_append_new(bars, chart_bar(row, (int64_t)(n - 1 - i) * BAR_WIDTH,
                                                  4 + duration * 56 / longest)) < 0) {
            json_decref(bars);
            return -ENOMEM;
        }
    }
    if (page_put_rows(data, "chart", bars) < 0)
        return -ENOMEM;
    return json_put_int(data, "chart_width", (int64_t)n * BAR_WIDTH);
}

// Where the files of the test's runs are, and the way to ask once more for what did not pass.
static int put_links(struct exchange *x, json_t *rows)
{
    const char *package = exchange_value(x, "package"), *release = exchange_value(x, "release");
    _cleanup_free_ char *prefix = package_prefix(package);
    _cleanup_free_ char *folder =
        str_format("/results/autopkgtest-%s/%s/%s/%s/%s", release, release,
                   exchange_value(x, "arch"), prefix ? prefix : "", package);
    size_t i;
    json_t *row;

    if (!prefix || !folder || json_put_string(x->data, "files_url", folder) < 0)
        return -ENOMEM;
    json_array_foreach (rows, i, row) {
        _cleanup_free_ char *url = NULL;

        if (strcmp(json_text(row, "verdict"), "pass") != 0 && retry_makes_sense(row) &&
            (!(url = retry_url(row)) || json_put_string(row, "retry_url", url) < 0))
            return -ENOMEM;
    }
    return 0;
}

static int put_page_of_history(struct exchange *x, json_t *rows)
{
    if (page_cut_rows(x, rows, RESULTS_PAGE) < 0)
        return -ENOMEM;
    if (put_chart(x->data, rows) < 0 || put_links(x, rows) < 0)
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
    const struct results_filter f = {
        .release = release, .arch = arch, .before = before, .limit = RESULTS_PAGE + 1};
    _cleanup_json_ json_t *rows = NULL, *summary = NULL;
    struct database *db;
    int r = start_test(x, err);

    if (r == 0)
        r = page_put_running(x, package, release, arch);
    if (r == 0)
        r = queued_put(x, package, release, arch);
    if (r < 0)
        return r;
    db = page_database(x);
    if (!db)
        return 0;
    r = results_history(db, package, &f, &rows, err);
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
