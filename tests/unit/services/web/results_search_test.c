// SPDX-License-Identifier: GPL-3.0-only
// What a search finds, step by step, is what one question to the database would.
#include "web/results_search.h"

#include "base/file.h"
#include "test.h"

#define TESTS 60000    // more than is passed over in a step
#define STEP_FOUND 100 // what a step gives, of runs at different moments

// Test number n, n = 0 … TESTS - 1, was run once, at minute n of 2025; of every thousandth the
// release is noble and the requester rare, of the others jammy and often; of number 5 the
// architecture is riscv64. Verdicts go round.
static struct database *many_results(void)
{
    static const char sql[] =
        "BEGIN;"
        "CREATE TEMP TABLE number AS WITH RECURSIVE n(i) AS"
        " (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 60000) SELECT i,"
        "  strftime('%Y%m%d_%H%M%S', 1735689600 + i * 60, 'unixepoch') || '_00000@' AS run FROM n;"
        "INSERT INTO test(id, release, arch, package)"
        " SELECT i + 1, CASE i % 1000 WHEN 0 THEN 'noble' ELSE 'jammy' END, CASE i WHEN 5 THEN "
        "'riscv64' ELSE 'amd64' END, 'p' || i"
        " FROM number;"
        "INSERT INTO result(test_id, run_id, version, triggers, duration, exitcode, requester, env)"
        " SELECT i + 1, run, '1', 'a/1', 1, CASE i % 7 WHEN 0 THEN 4 WHEN 1 THEN 16 ELSE 0 END,"
        "  CASE i % 1000 WHEN 0 THEN 'rare' ELSE 'often' END, '' FROM number;"
        "INSERT INTO statistic SELECT t.release, t.arch, CAST(substr(r.run_id, 1, 8) AS INTEGER),"
        "  r.exitcode, count(*), sum(r.duration) FROM result r JOIN test t ON t.id = r.test_id"
        "  GROUP BY 1, 2, 3, 4;"
        "COMMIT";
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct database *db = NULL;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ck_assert_int_eq(sqlite3_exec(database_handle(db), sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

// The names of the packages, by one question.
static char *wanted(struct database *db, const struct results_filter *f)
{
    static const char sql[] =
        "SELECT coalesce(group_concat(package, ' '), '') FROM (SELECT t.package FROM result r"
        " JOIN test t ON t.id = r.test_id WHERE (?1 IS NULL OR t.release = ?1)"
        " AND (?2 IS NULL OR t.arch = ?2) AND (?3 IS NULL OR r.requester = ?3) AND (?4 IS NULL OR"
        " r.exitcode = CASE ?4 WHEN 'fail' THEN 4 WHEN 'tmpfail' THEN 16 WHEN 'pass' THEN 0"
        " ELSE 99 END) ORDER BY r.run_id DESC LIMIT ?5 OFFSET ?6)";
    const char *texts[] = {f->release, f->arch, f->requester, f->verdict};
    sqlite3_stmt *s = NULL;
    char *names;

    ck_assert_int_eq(sqlite3_prepare_v2(database_handle(db), sql, -1, &s, NULL), SQLITE_OK);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(sqlite3_bind_text(s, i + 1, texts[i], -1, SQLITE_STATIC), SQLITE_OK);
    ck_assert_int_eq(sqlite3_bind_int64(s, 5, (sqlite3_int64)f->limit), SQLITE_OK);
    ck_assert_int_eq(sqlite3_bind_int64(s, 6, (sqlite3_int64)f->offset), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    names = strdup((const char *)sqlite3_column_text(s, 0));
    (void)sqlite3_finalize(s);
    return names;
}

// The same by a search, and how many steps it took. No step gives much more than a hundred, and
// each but the last of many gives that many.
static char *found(struct database *db, const struct results_filter *f, unsigned *ret_steps)
{
    _cleanup_(results_search_freep) struct results_search *search = NULL;
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    ck_assert_int_eq(results_search_new(f, &search), 0);
    *ret_steps = 0;
    do {
        const json_t *rows;

        r = results_search_step(search, db, &err);
        ASSERT_OK(r, &err);
        ++*ret_steps;
        rows = results_search_rows(search);
        ck_assert_uint_le(json_array_size(rows), STEP_FOUND);
        for (size_t i = 0; i < json_array_size(rows); i++)
            ck_assert_int_eq(strv_add(&names, json_text(json_array_get(rows, i), "package")), 0);
    } while (r > 0);
    return strv_join(&names, " ");
}

TEST(what_is_found_in_steps_is_what_one_question_finds)
{
    static const struct results_filter filters[] = {
        {0},
        {.release = "noble"},
        {.release = "jammy"},
        {.release = "xenial"},
        {.arch = "riscv64"},
        {.verdict = "fail"},
        {.verdict = "denylisted"},
        {.release = "noble", .arch = "amd64", .verdict = "tmpfail"},
        {.requester = "rare"},
        {.requester = "rare", .release = "noble"},
        {.requester = "rare", .release = "jammy"},
        {.requester = "often", .verdict = "pass"},
        {.requester = "nobody"}};
    static const uint64_t pages[][2] = {{10, 0},     {1000, 0},       {3, 5001},
                                        {10, 50001}, {10, TESTS - 3}, {10, 1000000}};
    struct database *db = many_results();

    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        for (size_t page = 0; page < ARRAY_SIZE(pages); page++) {
            struct results_filter f = filters[i];
            _cleanup_free_ char *names = NULL, *right = NULL;
            unsigned steps;

            f.limit = pages[page][0];
            f.offset = pages[page][1];
            names = found(db, &f, &steps);
            right = wanted(db, &f);
            ck_assert_msg(str_equal(names, right), "filter %zu, page %zu: \"%.60s\", not \"%.60s\"",
                          i, page, names, right);
        }
    database_close(db);
}

TEST(what_takes_long_takes_many_steps)
{
    const struct results_filter first = {.limit = 100}, far = {.limit = 1, .offset = 55000},
                                rare = {.release = "noble", .limit = 100},
                                often = {.release = "jammy", .limit = 100},
                                one = {.arch = "riscv64", .limit = 100},
                                none = {.verdict = "denylisted", .limit = 100},
                                many = {.limit = 10000},
                                many_that_fit = {.release = "jammy", .limit = 10000};
    struct database *db = many_results();
    unsigned steps;

    free(found(db, &first, &steps));
    ck_assert_uint_eq(steps, 1);
    free(found(db, &far, &steps));
    ck_assert_uint_eq(steps, 2);
    free(found(db, &rare, &steps));
    ck_assert_uint_ge(steps, TESTS / 5001);
    free(found(db, &often, &steps));
    ck_assert_uint_le(steps, 2);
    // The statistics tell where it is, and that there is none.
    free(found(db, &one, &steps));
    ck_assert_uint_le(steps, 4);
    free(found(db, &none, &steps));
    ck_assert_uint_le(steps, 3);
    free(found(db, &many, &steps));
    ck_assert_uint_eq(steps, 10000 / STEP_FOUND);
    free(found(db, &many_that_fit, &steps));
    ck_assert_uint_ge(steps, 10000 / STEP_FOUND);
    database_close(db);
}

TEST(what_ran_at_the_same_moment_is_not_torn_apart)
{
    static const char at_once[] =
        "UPDATE result SET run_id = '20250201_000000_00000@' WHERE test_id IN"
        " (SELECT test_id FROM result ORDER BY run_id DESC LIMIT 250 OFFSET 30)";
    const struct results_filter every = {.limit = 1000}, first = {.limit = 100};
    _cleanup_(results_search_freep) struct results_search *search = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *seen = json_object();
    struct database *db = many_results();
    size_t n = 0;
    int r;

    ck_assert_int_eq(sqlite3_exec(database_handle(db),
                                  "DELETE FROM result WHERE run_id < '20250201_000000_00000@'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database_handle(db),
                                  "DELETE FROM result WHERE run_id > '20250201_060000_00000@'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database_handle(db), at_once, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(results_search_new(&every, &search), 0);
    do {
        const json_t *rows;

        r = results_search_step(search, db, &err);
        ASSERT_OK(r, &err);
        rows = results_search_rows(search);
        for (size_t i = 0; i < json_array_size(rows); i++, n++)
            ck_assert_int_eq(json_object_set_new(
                                 seen, json_text(json_array_get(rows, i), "package"), json_true()),
                             0);
    } while (r > 0);
    // Each once: of six hours every minute's.
    ck_assert_uint_eq(n, 361);
    ck_assert_uint_eq(json_object_size(seen), 361);
    results_search_free(TAKE_PTR(search));
    ck_assert_int_eq(results_search_new(&first, &search), 0);
    ck_assert_int_eq(results_search_step(search, db, &err), 0);
    ck_assert_uint_eq(json_array_size(results_search_rows(search)), 100);
    database_close(db);
}
