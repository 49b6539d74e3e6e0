// SPDX-License-Identifier: GPL-3.0-only
// Reports and filters on more rows than they look through at once.
#include "web/reports.h"

#include "base/file.h"
#include "test.h"
#include "web/results.h"

#define TESTS 41005 // two windows, and a few

// Test number n, n = 0 … TESTS - 1, was run once, at second n of 2026, and has failed since then;
// of every thousandth the release is noble, of the others jammy.
static struct database *many_regressions(void)
{
    static const char sql[] =
        "BEGIN;"
        "CREATE TEMP TABLE number AS WITH RECURSIVE n(i) AS"
        " (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 41005) SELECT i,"
        "  strftime('%Y%m%d_%H%M%S', 1767225600 + i, 'unixepoch') || '_00000@' AS run FROM n;"
        "INSERT INTO test(id, release, arch, package)"
        " SELECT i + 1, CASE i % 1000 WHEN 0 THEN 'noble' ELSE 'jammy' END, 'amd64', 'p' || i FROM "
        "number;"
        "INSERT INTO result(test_id, run_id, version, triggers, duration, exitcode, requester, env)"
        " SELECT i + 1, run, '1', 'a/1', 1, 4, '', '' FROM number;"
        "INSERT INTO test_summary(test_id, newest, exitcode, verdicts, passed, failing_since,"
        "  expected_s, flips) SELECT i + 1, run, 4, 'FP', '20251231_000000_00000@', run, 1, 1"
        " FROM number;"
        "COMMIT";
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct database *db = NULL;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ck_assert_int_eq(sqlite3_exec(database_handle(db), sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

// What a page of each kind asks for: rows before a run, and where it has stopped looking.
struct question {
    struct database *db;
    const char *release, *since;
    bool recent; // else regressions
};

static void ask(const struct question *q, const char *before, json_t **ret_rows, char **ret_end)
{
    const struct report_filter report = {
        .release = q->release, .since = q->since, .before = before, .limit = REPORT_ROWS + 1};
    const struct results_filter recent = {
        .release = q->release, .before = before, .limit = REPORT_ROWS + 1};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (q->recent) {
        ASSERT_OK(results_recent(q->db, &recent, ret_rows, &err), &err);
        ASSERT_OK(results_window_end(q->db, &recent, ret_end, &err), &err);
    } else {
        ASSERT_OK(report_regressions(q->db, &report, ret_rows, &err), &err);
        ASSERT_OK(report_regressions_window_end(q->db, &report, ret_end, &err), &err);
    }
}

// Goes from page to page as their links lead; how many rows there are, each newer than the next.
static size_t walk(const struct question *q, size_t *ret_pages)
{
    char *before = strdup("~");
    size_t rows = 0;

    *ret_pages = 0;
    while (before) {
        _cleanup_json_ json_t *page = NULL;
        _cleanup_free_ char *end = NULL, *last = TAKE_PTR(before);
        size_t n;

        ask(q, last, &page, &end);
        n = json_array_size(page) > REPORT_ROWS ? REPORT_ROWS : json_array_size(page);
        for (size_t i = 0; i < n; i++) {
            const char *run = json_text(json_array_get(page, i), "run_id");

            ck_assert_str_lt(run, last);
            free(last);
            last = strdup(run);
        }
        rows += n;
        before = json_array_size(page) > n ? TAKE_PTR(last) : TAKE_PTR(end);
        ck_assert_uint_lt(++*ret_pages, TESTS);
    }
    return rows;
}

TEST(every_regression_is_reached_page_by_page)
{
    struct database *db = many_regressions();
    size_t pages = 0;

    ck_assert_uint_eq(walk(&(struct question){.db = db}, &pages), TESTS);
    ck_assert_uint_eq(pages, (TESTS + REPORT_ROWS - 1) / REPORT_ROWS);
    database_close(db);
}

TEST(a_filter_reaches_what_is_behind_the_first_20000)
{
    struct question rare = {.db = many_regressions(), .release = "noble"}, none = rare;
    size_t pages = 0;

    none.release = "xenial";
    for (int recent = 0; recent < 2; recent++) {
        rare.recent = none.recent = recent;
        ck_assert_uint_eq(walk(&rare, &pages), (TESTS + 999) / 1000);
        ck_assert_uint_eq(pages, 3);
        ck_assert_uint_eq(walk(&none, &pages), 0);
        ck_assert_uint_eq(pages, 3);
    }
    database_close(rare.db);
}

TEST(results_far_from_the_newest_are_reached_by_their_number)
{
    struct database *db = many_regressions();
    const uint64_t offsets[] = {0, 1, 20000, 20001, TESTS - 1, TESTS, 1000000};

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        const struct results_filter f = {.offset = offsets[i], .limit = 10};
        size_t left = offsets[i] < TESTS ? (size_t)(TESTS - offsets[i]) : 0;
        _cleanup_free_ char *package = str_format("p%zu", left - 1);
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *rows = NULL;

        ASSERT_OK(results_recent(db, &f, &rows, &err), &err);
        ck_assert_uint_eq(json_array_size(rows), left < 10 ? left : 10);
        if (left > 0)
            ck_assert_str_eq(json_text(json_array_get(rows, 0), "package"), package);
    }
    database_close(db);
}

TEST(a_filter_looks_no_further_than_since)
{
    struct question q = {.db = many_regressions(), .release = "noble"};
    size_t pages = 0;

    q.since = "20260101_111000"; // 805 seconds before the last one
    ck_assert_uint_eq(walk(&q, &pages), 1);
    ck_assert_uint_eq(pages, 1);
    database_close(q.db);
}
