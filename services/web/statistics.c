// SPDX-License-Identifier: GPL-3.0-only
#include "web/statistics.h"

#include "adt/verdict.h"
#include "base/clock.h"
#include "base/parse.h"
#include "web/reports.h"
#include "web/web.h"

#define KEPT_US (60 * USEC_PER_SEC)
// A page asks for each of many queues: of a database that is locked once is enough.
#define PAUSE_US USEC_PER_SEC
#define DAY_S 86400

// What has not been seen has been seen no times.
static int put_zeros(json_t *counts)
{
    for (int v = 0; v < VERDICT_COUNT; v++) {
        const char *name = verdict_name((enum verdict)v);

        if (!json_object_get(counts, name) && json_put_int(counts, name, 0) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int finish_tests(json_t *tests)
{
    size_t i;
    json_t *test;

    json_array_foreach (tests, i, test) {
        int64_t pass = json_integer_value(json_object_get(test, "pass"));
        int64_t fail = json_integer_value(json_object_get(test, "fail"));
        int64_t mean = json_integer_value(json_object_get(test, "mean_s"));
        int64_t total = json_integer_value(json_object_get(test, "seconds"));
        _cleanup_free_ char *mean_text = clock_format_duration((uint64_t)mean);
        _cleanup_free_ char *total_text = clock_format_duration((uint64_t)total);

        if (put_zeros(test) < 0 || json_put_string(test, "mean", mean_text) < 0 ||
            json_put_string(test, "total", total_text) < 0 ||
            (pass + fail > 0 &&
             json_put_int(test, "percent", (pass * 100 + (pass + fail) / 2) / (pass + fail)) < 0))
            return -ENOMEM;
    }
    return 0;
}

static int finish_days(json_t *days)
{
    size_t i;
    json_t *day;

    json_array_foreach (days, i, day) {
        const char *compact = json_text(day, "day");
        _cleanup_free_ char *date = str_format("%.4s-%.2s-%.2s", compact, compact + 4, compact + 6);

        if (!date || put_zeros(day) < 0 || json_put_string(day, "date", date) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int first_day(int64_t *ret, struct error *err)
{
    int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC);
    _cleanup_free_ char *text =
        clock_format_utc(now - (int64_t)(STATISTICS_DAYS - 1) * DAY_S, "%Y%m%d");
    uint64_t day = 0;
    int r = text ? parse_uint(text, 0, 99999999, &day, err) : error_oom(err);

    *ret = (int64_t)day;
    return r;
}

int statistics_get(struct web *web, const json_t **ret, struct error *err)
{
    uint64_t now = clock_monotonic_us();
    _cleanup_json_ json_t *fresh = NULL;
    struct database *db = NULL;
    int64_t day = 0;
    int r;

    if (web->statistics && now - web->statistics_us < KEPT_US) {
        *ret = web->statistics;
        return 0;
    }
    if (web->statistics_failed_us && now - web->statistics_failed_us < PAUSE_US)
        return error_set(err, -EAGAIN, "the statistics could not be read just now");
    if ((r = web_database(web, &db, err)) < 0 || (r = first_day(&day, err)) < 0)
        return r;
    r = report_statistics(db, day, &fresh, err);
    web->statistics_failed_us = r < 0 ? now : 0;
    if (r < 0)
        return r;
    if (finish_tests(json_object_get(fresh, "tests")) < 0 ||
        finish_days(json_object_get(fresh, "days")) < 0)
        return error_oom(err);
    statistics_forget(web);
    web->statistics = TAKE_PTR(fresh);
    web->statistics_us = now;
    *ret = web->statistics;
    return 0;
}

int64_t statistics_mean_s(const json_t *statistics, const char *release, const char *arch)
{
    const json_t *tests = json_object_get(statistics, "tests"); // once: foreach is a macro
    size_t i;
    json_t *test;

    json_array_foreach (tests, i, test) {
        if (strcmp(json_text(test, "release"), release) == 0 &&
            strcmp(json_text(test, "arch"), arch) == 0)
            return json_integer_value(json_object_get(test, "mean_s"));
    }
    return 0;
}

void statistics_forget(struct web *web)
{
    json_decref(web->statistics);
    web->statistics = NULL;
}
