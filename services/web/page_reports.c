// SPDX-License-Identifier: GPL-3.0-only
// Reports on all tests: regressions, flaky tests, statistics.
#include "adt/names.h"
#include "adt/verdict.h"
#include "base/clock.h"
#include "base/parse.h"
#include "net/http.h"
#include "web/pages.h"
#include "web/reports.h"
#include "web/statistics.h"
#include "web/web.h"

#define CHART_HEIGHT 120
#define CHART_BAR 22

static int put_menus(struct exchange *x, const struct report_filter *f)
{
    const struct web_settings *s = &x->web->settings;
    int r = json_put(x->data, "releases", page_menu(&s->releases, f->release));

    return r < 0 ? r : json_put(x->data, "architectures", page_menu(&s->architectures, f->arch));
}

// Cuts the row off that only says that there are more.
static bool has_more(json_t *rows, uint64_t limit)
{
    return json_array_size(rows) > limit && json_array_remove(rows, limit) == 0;
}

// ---- regressions

// YYYY-MM-DD as people and browsers write it, into the beginning of a run id.
static int read_since(struct exchange *x, char **ret, struct error *err)
{
    const char *since = params_get_filled(&x->query, "since");
    _cleanup_free_ char *compact = NULL;
    int64_t seconds;

    if (json_put_string(x->data, "since", since ? since : "") < 0)
        return error_oom(err);
    if (!since)
        return 0;
    if (strlen(since) == 10 && since[4] == '-' && since[7] == '-')
        compact = str_format("%.4s%.2s%.2s_000000", since, since + 5, since + 8);
    if (!compact || clock_parse_compact(compact, &seconds, NULL) < 0)
        return exchange_fail(x, 400, err, "since: expected a date YYYY-MM-DD, got \"%.40s\"",
                             since);
    *ret = TAKE_PTR(compact);
    return 0;
}

int page_regressions(struct exchange *x, struct error *err)
{
    struct report_filter f = {.release = params_get_filled(&x->query, "release"),
                              .arch = params_get_filled(&x->query, "arch"),
                              .before = params_get_filled(&x->query, "before"),
                              .limit = REPORT_ROWS + 1};
    _cleanup_free_ char *since = NULL, *end = NULL;
    json_t *rows = NULL;
    struct database *db;
    int r = page_start(x, "Regressions", err);

    if (r < 0 || (r = read_since(x, &since, err)) < 0)
        return r;
    f.since = since;
    if (put_menus(x, &f) < 0)
        return error_oom(err);
    db = page_database(x);
    if (!db)
        return 0;
    r = report_regressions_window_end(db, &f, &end, err);
    if (r == 0)
        r = report_regressions(db, &f, &rows, err);
    if (r < 0)
        return r;
    r = page_cut_rows(x, rows, REPORT_ROWS);
    if (page_put_rows(x->data, "results", rows) < 0 || r < 0)
        return error_oom(err);
    return page_put_window_end(x, end) < 0 ? error_oom(err) : 0;
}

// ---- flaky tests

int page_flaky(struct exchange *x, struct error *err)
{
    struct report_filter f = {.release = params_get_filled(&x->query, "release"),
                              .arch = params_get_filled(&x->query, "arch"),
                              .limit = REPORT_ROWS + 1};
    const char *from = params_get_filled(&x->query, "from");
    _cleanup_json_ json_t *rows = NULL;
    struct database *db;
    int r = page_start(x, "Flaky tests", err);

    if (r < 0)
        return r;
    if (from && parse_uint(from, 0, REPORT_WINDOW, &f.offset, err) < 0)
        return error_prefix(err, -EINVAL, "from");
    if (put_menus(x, &f) < 0)
        return error_oom(err);
    db = page_database(x);
    if (!db)
        return 0;
    r = report_flaky(db, &f, &rows, err);
    if (r == 0 && has_more(rows, REPORT_ROWS))
        r = json_put_int(x->data, "next", (int64_t)f.offset + REPORT_ROWS);
    return r < 0 ? r : page_put_rows(x->data, "results", json_incref(rows));
}

// ---- statistics

struct bar {
    const char *verdict;
    int64_t runs;
};

// The parts of a day's bar, from below: what passed, then what failed, then the rest.
static int add_bars(json_t *bars, const json_t *day, size_t number, int64_t most)
{
    int64_t pass = json_integer_value(json_object_get(day, "pass")) +
                   json_integer_value(json_object_get(day, "neutral"));
    int64_t fail = json_integer_value(json_object_get(day, "fail"));
    int64_t runs = json_integer_value(json_object_get(day, "runs"));
    const struct bar parts[] = {{"pass", pass}, {"fail", fail}, {"error", runs - pass - fail}};
    int64_t below = 0;

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        int64_t y = CHART_HEIGHT - (below + parts[i].runs) * CHART_HEIGHT / most;
        int64_t height = CHART_HEIGHT - below * CHART_HEIGHT / most - y;

        below += parts[i].runs;
        if (height > 0 &&
            json_array_append_new(
                bars, json_pack("{s:I, s:I, s:I, s:s, s:s, s:I}", "x",
                                (json_int_t)number * CHART_BAR, "y", (json_int_t)y, "height",
                                (json_int_t)height, "verdict", parts[i].verdict, "day",
                                json_text(day, "date"), "runs", (json_int_t)parts[i].runs)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int put_chart(json_t *data, const json_t *days)
{
    json_t *bars = json_array(), *day;
    int64_t most = 1;
    size_t i;
    int r = 0;

    json_array_foreach ((json_t *)days, i, day) {
        int64_t runs = json_integer_value(json_object_get(day, "runs"));

        most = runs > most ? runs : most;
    }
    json_array_foreach ((json_t *)days, i, day) {
        if (r == 0)
            r = add_bars(bars, day, i, most);
    }
    if (page_put_rows(data, "bars", bars) < 0 || r < 0 ||
        json_put_int(data, "chart_most", most) < 0)
        return -ENOMEM;
    return json_put_int(data, "chart_width", (int64_t)json_array_size(days) * CHART_BAR);
}

int page_statistics(struct exchange *x, struct error *err)
{
    const json_t *statistics = NULL;
    int r = page_start(x, "Statistics", err);

    if (r < 0 || !page_database(x))
        return r;
    r = statistics_get(x->web, &statistics, err);
    if (r < 0)
        return r;
    if (json_object_update(x->data, (json_t *)statistics) < 0 ||
        put_chart(x->data, json_object_get(statistics, "days")) < 0 ||
        json_put_int(x->data, "window_days", STATISTICS_DAYS) < 0)
        return error_oom(err);
    return 0;
}
