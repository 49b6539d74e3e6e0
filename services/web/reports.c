// SPDX-License-Identifier: GPL-3.0-only
#include "web/reports.h"

#include "adt/test_summary.h"
#include "adt/verdict.h"
#include "web/results_internal.h"

// ---- regressions

static int put_run(sqlite3_stmt *s, json_t *row, const char *key, const char *url_key, int column)
{
    const char *run_id = results_column(s, column);
    _cleanup_free_ char *url =
        results_url(results_column(s, 0), results_column(s, 1), results_column(s, 2), run_id);

    if (!url || json_put_string(row, key, run_id) < 0)
        return -ENOMEM;
    return json_put_string(row, url_key, url);
}

static int add_regression(sqlite3_stmt *s, json_t *row)
{
    int r = put_run(s, row, "passed", "passed_url", RESULT_COLUMNS_LEN);

    return r < 0 ? r : put_run(s, row, "newest", "newest_url", RESULT_COLUMNS_LEN + 1);
}

#define REGRESSIONS                                                                                \
    "SELECT " RESULT_COLUMNS ", s.passed, s.newest FROM test_summary s"                            \
    " CROSS JOIN test t ON t.id = s.test_id"                                                       \
    " CROSS JOIN result r ON r.test_id = s.test_id AND r.run_id = s.failing_since"                 \
    " WHERE s.failing_since != '' AND s.failing_since >= ?3 AND s.failing_since < ?4"
#define NEWEST_REGRESSIONS " ORDER BY s.failing_since DESC LIMIT ?5"

static const char sql_anywhere[] = REGRESSIONS NEWEST_REGRESSIONS;

// The last of the 20000 that are looked through, however few are of that place.
#define WINDOW_END                                                                                 \
    "SELECT failing_since FROM test_summary WHERE failing_since != ''"                             \
    " AND failing_since < ?4 ORDER BY failing_since DESC LIMIT 1 OFFSET 20000"
static const char sql_of_place[] =
    REGRESSIONS " AND s.failing_since >= coalesce((" WINDOW_END "), '')"
                " AND (?1 = '' OR t.release = ?1) AND (?2 = '' OR t.arch = ?2)" NEWEST_REGRESSIONS;

// Behind every run id.
static const char *before_or_end(const struct report_filter *f)
{
    return str_empty(f->before) ? "~" : f->before;
}

static bool is_anywhere(const struct report_filter *f)
{
    return str_empty(f->release) && str_empty(f->arch);
}

int report_regressions_window_end(struct database *db, const struct report_filter *f, char **ret,
                                  struct error *err)
{
    const char *texts[] = {"", "", "", before_or_end(f)};
    _cleanup_free_ char *end = NULL;
    int r = is_anywhere(f)
                ? 0
                : results_first_text(db, WINDOW_END, texts, ARRAY_SIZE(texts), &end, err);

    *ret = r == 0 && end && strcmp(end, f->since ? f->since : "") > 0 ? TAKE_PTR(end) : NULL;
    return r;
}

int report_regressions(struct database *db, const struct report_filter *f, json_t **ret,
                       struct error *err)
{
    const char *texts[] = {f->release, f->arch, f->since, before_or_end(f)};
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, is_anywhere(f) ? sql_anywhere : sql_of_place, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 5, (sqlite3_int64)f->limit);
    return results_gather(db, s, rc, add_regression, ret, err);
}

// ---- flaky tests

// Percent of the changes that there could be.
static int score_of(int flips, size_t verdicts)
{
    return verdicts > 1 ? (flips * 100 + (int)verdicts / 2) / ((int)verdicts - 1) : 0;
}

static int put_verdicts(json_t *row, const char *letters, int flips)
{
    json_t *list = json_array();

    for (const char *p = letters; list && *p; p++)
        if (json_array_append_new(list, json_string(*p == 'P' ? "pass" : "fail")) < 0)
            break;
    if (json_put(row, "verdicts", list) < 0 || json_put_int(row, "flips", flips) < 0)
        return -ENOMEM;
    return json_put_int(row, "score", score_of(flips, strlen(letters)));
}

static int add_flips(sqlite3_stmt *s, json_t *row)
{
    return put_verdicts(row, results_column(s, RESULT_COLUMNS_LEN + 1),
                        sqlite3_column_int(s, RESULT_COLUMNS_LEN));
}

int report_flaky(struct database *db, const struct report_filter *f, json_t **ret,
                 struct error *err)
{
    static const char sql[] =
        "SELECT " RESULT_COLUMNS ", s.flips, s.verdicts FROM test_summary s"
        " CROSS JOIN test t ON t.id = s.test_id"
        " CROSS JOIN result r ON r.test_id = s.test_id AND r.run_id = s.newest"
        " WHERE s.flips >= 4 AND (?1 = '' OR t.release = ?1) AND (?2 = '' OR t.arch = ?2)"
        " ORDER BY s.flips DESC, s.newest DESC LIMIT ?3 OFFSET ?4";
    const char *texts[] = {f->release, f->arch};
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 3, (sqlite3_int64)f->limit);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 4, (sqlite3_int64)f->offset);
    return results_gather(db, s, rc, add_flips, ret, err);
}

static int read_summary(sqlite3_stmt *s, json_t *summary)
{
    int flips = sqlite3_column_int(s, 1);
    int r = put_verdicts(summary, results_column(s, 0), flips);

    if (r == 0)
        r = json_put_bool(summary, "flaky", flips >= SUMMARY_FLAKY_FLIPS);
    if (r == 0)
        r = json_put_int(summary, "expected_s", sqlite3_column_int64(s, 2));
    if (r == 0)
        r = json_put_string(summary, "failing_since", results_column(s, 3));
    return r < 0 ? r : json_put_string(summary, "passed", results_column(s, 4));
}

int report_test(struct database *db, const char *package, const char *release, const char *arch,
                json_t **ret, struct error *err)
{
    static const char sql[] =
        "SELECT s.verdicts, s.flips, s.expected_s, s.failing_since, s.passed FROM test t"
        " JOIN test_summary s ON s.test_id = t.id"
        " WHERE t.package = ?1 AND t.release = ?2 AND t.arch = ?3";
    const char *texts[] = {package, release, arch};
    _cleanup_json_ json_t *summary = json_object();
    sqlite3_stmt *s = NULL;
    int r = summary ? database_statement(db, sql, &s, err) : error_oom(err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        r = read_summary(s, summary) < 0 ? error_oom(err) : 0;
    else if (rc != SQLITE_DONE)
        r = database_error(db, rc, "cannot read the summary", err);
    (void)sqlite3_reset(s);
    if (r == 0)
        *ret = TAKE_PTR(summary);
    return r;
}

// ---- changes of verdict

static int add_before(sqlite3_stmt *s, json_t *row)
{
    const char *letter = results_column(s, RESULT_COLUMNS_LEN);

    return json_put_string(row, "before", *letter == 'P' ? "pass" : "fail");
}

int report_changes(struct database *db, const char *package, const char *since, uint64_t limit,
                   json_t **ret, struct error *err)
{
    static const char sql[] =
        "WITH run AS (SELECT r.rowid AS id, r.test_id, r.run_id, CASE WHEN r.exitcode IN (0, 2, 8)"
        "  THEN 'P' WHEN r.exitcode IN (4, 6, 12, 14) THEN 'F' END AS letter"
        "  FROM test t JOIN result r ON r.test_id = t.id"
        "  WHERE t.package = ?1 AND r.run_id >= ?2 AND letter IS NOT NULL),"
        " change AS (SELECT id, letter,"
        "  lag(letter) OVER (PARTITION BY test_id ORDER BY run_id) AS before FROM run)"
        " SELECT " RESULT_COLUMNS ", c.before FROM change c CROSS JOIN result r ON r.rowid = c.id"
        " CROSS JOIN test t ON t.id = r.test_id"
        " WHERE c.before != c.letter ORDER BY r.run_id DESC LIMIT ?3";
    const char *texts[] = {package, since};
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 3, (sqlite3_int64)limit);
    return results_gather(db, s, rc, add_before, ret, err);
}

// ---- statistics

// Adds to a number of an object.
static int add_to(json_t *object, const char *key, int64_t n)
{
    return json_put_int(object, key, json_integer_value(json_object_get(object, key)) + n);
}

// The object of an array that has these members, which is made when there is none. The array is in
// the order of the rows, so that it can only be the last one.
static json_t *last_with(json_t *array, const char *key, const char *value, const char *key2,
                         const char *value2)
{
    size_t n = json_array_size(array);
    json_t *last = n ? json_array_get(array, n - 1) : NULL;

    if (last && strcmp(json_text(last, key), value) == 0 &&
        (!key2 || strcmp(json_text(last, key2), value2) == 0))
        return last;
    last = json_object();
    if (json_put_string(last, key, value) < 0 ||
        (key2 && json_put_string(last, key2, value2) < 0)) {
        json_decref(last);
        return NULL;
    }
    return json_array_append_new(array, last) < 0 ? NULL : last;
}

// Columns: exitcode, runs, seconds.
static int count_row(sqlite3_stmt *s, int column, json_t *object)
{
    int64_t runs = sqlite3_column_int64(s, column + 1);
    const char *verdict = verdict_name(verdict_of(sqlite3_column_int(s, column)));

    if (!object || add_to(object, verdict, runs) < 0 || add_to(object, "runs", runs) < 0)
        return -ENOMEM;
    return add_to(object, "seconds", sqlite3_column_int64(s, column + 2));
}

static int gather_tests(sqlite3_stmt *s, json_t *tests)
{
    return count_row(
        s, 2, last_with(tests, "release", results_column(s, 0), "arch", results_column(s, 1)));
}

static int gather_days(sqlite3_stmt *s, json_t *days)
{
    return count_row(s, 1, last_with(days, "day", results_column(s, 0), NULL, NULL));
}

static int gather_into(struct database *db, const char *sql, int64_t first_day,
                       int (*gather)(sqlite3_stmt *, json_t *), json_t *array, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_bind_int64(s, 1, first_day);
    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        r = gather(s, array) < 0 ? error_oom(err) : 0;
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(s);
    return r < 0 || rc == SQLITE_DONE ? r
                                      : database_error(db, rc, "cannot read the statistics", err);
}

static int put_means(json_t *tests)
{
    size_t i;
    json_t *test;

    json_array_foreach (tests, i, test) {
        int64_t runs = json_integer_value(json_object_get(test, "runs"));
        int64_t seconds = json_integer_value(json_object_get(test, "seconds"));

        if (json_put_int(test, "mean_s", runs > 0 ? seconds / runs : 0) < 0)
            return -ENOMEM;
    }
    return 0;
}

int report_statistics(struct database *db, int64_t first_day, json_t **ret, struct error *err)
{
    static const char by_test[] =
        "SELECT release, arch, exitcode, sum(runs), sum(seconds) FROM statistic"
        " INDEXED BY statistic_day WHERE day >= ?1 GROUP BY release, arch, exitcode"
        " HAVING sum(runs) > 0 ORDER BY release, arch";
    static const char by_day[] =
        "SELECT CAST(day AS TEXT), exitcode, sum(runs), sum(seconds) FROM statistic"
        " WHERE day >= ?1 GROUP BY day, exitcode HAVING sum(runs) > 0 ORDER BY day";
    _cleanup_json_ json_t *all = json_object();
    json_t *tests = json_array(), *days = json_array();
    int r = json_put(all, "tests", tests);

    if (json_put(all, "days", days) < 0 || r < 0)
        return error_oom(err);
    r = gather_into(db, by_test, first_day, gather_tests, tests, err);
    if (r == 0)
        r = gather_into(db, by_day, first_day, gather_days, days, err);
    if (r == 0 && put_means(tests) < 0)
        r = error_oom(err);
    if (r == 0)
        *ret = TAKE_PTR(all);
    return r;
}
