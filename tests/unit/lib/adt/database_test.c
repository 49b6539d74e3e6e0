// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database.h"
#include "base/file.h"
#include "sql.h"
#include "test.h"

// The structs own their strings elsewhere; here they borrow constants.
static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static struct test_complete done_of(const char *container, const char *triggers, int exitcode)
{
    return (struct test_complete){.release = text("noble"),
                                  .arch = text("amd64"),
                                  .container = text(container),
                                  .package = text("gzip"),
                                  .duration_s = 7,
                                  .exitcode = exitcode,
                                  .testpkg_version = text("1.12-1"),
                                  .requester = text("me"),
                                  .swift_dir = text("noble/amd64/g/gzip/20261123_041500_abc12@"),
                                  .triggers = text(triggers),
                                  .env = text("")};
}

static void add(struct database *db, const char *container, const char *triggers, int exitcode)
{
    struct test_complete done = done_of(container, triggers, exitcode);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_begin(db, &err), &err);
    ASSERT_OK(database_add_result(db, &done, &err), &err);
    ASSERT_OK(database_commit(db, &err), &err);
}

TEST(plain_results_with_triggers_are_public_and_others_apart)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "autopkgtest-noble", "gzip/1", 0);
    add(db, "autopkgtest-noble", "", 0);
    add(db, "autopkgtest-noble-me-ppa", "gzip/1", 0);
    add(db, "private-autopkgtest-noble", "gzip/1", 0);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM result"), 1);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM special_result"), 3);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM test"), 1);
}

TEST(a_result_that_comes_twice_is_there_once_with_the_last_outcome)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "autopkgtest-noble", "gzip/1", 16);
    add(db, "autopkgtest-noble", "gzip/1", 0);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM result"), 1);
    ck_assert_int_eq(sql_number(db, "SELECT exitcode FROM result"), 0);
}

TEST(the_schema_is_what_readers_of_the_public_copy_expect)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ck_assert_int_eq(
        sql_number(db,
                   "SELECT count(*) FROM pragma_table_info('result') WHERE name IN ('test_id',"
                   " 'run_id', 'version', 'triggers', 'duration', 'exitcode', 'requester', 'env')"),
        8);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM pragma_table_info('result')"), 8);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM pragma_table_info('test')"), 4);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM pragma_table_info('current_version')"),
                     5);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM pragma_table_info('url_last_checked')"),
                     2);
}

TEST(an_older_database_is_kept_and_a_newer_one_refused)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    struct database *again = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "autopkgtest-noble", "gzip/1", 0);
    ASSERT_OK(database_open(path, &again, &err), &err);
    ck_assert_int_eq(sql_number(again, "SELECT count(*) FROM result"), 1);
    database_close(again);
    ck_assert_int_eq(
        sqlite3_exec(database_handle(db), "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(database_open(path, &again, &err), -ENOTSUP);
    ck_assert_int_eq(database_open_readonly(path, DATABASE_WAIT_MS, &again, &err), -ENOTSUP);
}

TEST(a_database_of_before_gets_the_tables_of_current_versions)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "autopkgtest-noble", "gzip/1", 0);
    ck_assert_int_eq(sqlite3_exec(database_handle(db),
                                  "DROP TABLE source_version; DROP TABLE rebuild_progress;"
                                  "DROP TABLE result_change;"
                                  "PRAGMA user_version = 3",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    database_close(db);
    ASSERT_OK(database_open(path, &db, &err), &err);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM result"), 1);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM source_version"), 0);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM rebuild_progress"), 0);
    database_close(db);
}

TEST(a_reader_needs_a_database_with_tables)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    struct database *db = NULL;

    ck_assert_int_eq(database_open_readonly(path, DATABASE_WAIT_MS, &db, NULL), -ENOENT);
    ck_assert_int_eq(file_replace(path, "", 0, &attributes, NULL, NULL), 0);
    ck_assert_int_eq(database_open_readonly(path, DATABASE_WAIT_MS, &db, NULL), -ENOENT);
    ck_assert_int_eq(file_replace(path,
                                  "no database, but longer than its header would be, surely "
                                  "so; a hundred bytes it takes to be read as one....",
                                  105, &attributes, NULL, NULL),
                     0);
    ck_assert_int_eq(database_open_readonly(path, DATABASE_WAIT_MS, &db, NULL), -EUCLEAN);
    ck_assert_int_eq(database_open(path, &db, NULL), -EUCLEAN);
}

TEST(rolled_back_is_not_there)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    struct test_complete done = done_of("autopkgtest-noble", "gzip/1", 0);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ASSERT_OK(database_begin(db, &err), &err);
    ASSERT_OK(database_add_result(db, &done, &err), &err);
    ck_assert_int_eq(database_rollback(db), 0);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM result"), 0);
}

TEST(what_nobody_can_read_is_set_aside)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ASSERT_OK(database_add_rejected(db, "\xff\0x", 3, "no JSON", &err), &err);
    ASSERT_OK(database_add_rejected(db, NULL, 0, "empty", &err), &err);
    ck_assert_int_eq(sql_number(db, "SELECT length(body) FROM rejected_message WHERE id = 1"), 3);
}

// ---- what is derived from results

static void add_run(struct database *db, const char *package, int day, int exitcode,
                    uint64_t seconds)
{
    struct test_complete done = done_of("autopkgtest-noble", "gzip/1", exitcode);
    _cleanup_free_ char *dir =
        str_format("noble/amd64/g/%s/202611%02d_041500_abc12@", package, day);
    _cleanup_error_ struct error err = ERROR_INIT;

    done.package = text(package);
    done.swift_dir = dir;
    done.duration_s = seconds;
    ASSERT_OK(database_add_result(db, &done, &err), &err);
}

static char *dump(struct database *db)
{
    static const char sql[] =
        "SELECT (SELECT json_group_array(json_array(release, arch, day, exitcode, runs, seconds))"
        "  FROM (SELECT * FROM statistic WHERE runs != 0 ORDER BY release, arch, day, exitcode)) ||"
        " (SELECT json_group_array(json_array(test_id, newest, exitcode, verdicts, passed,"
        "  failing_since, expected_s, flips)) FROM (SELECT * FROM test_summary ORDER BY test_id))";
    sqlite3_stmt *statement = NULL;
    char *all;

    ck_assert_int_eq(sqlite3_prepare_v2(database_handle(db), sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    all = strdup((const char *)sqlite3_column_text(statement, 0));
    (void)sqlite3_finalize(statement);
    return all;
}

TEST(statistics_and_summaries_are_the_same_in_whatever_order_results_come)
{
    static const struct {
        int day, exitcode;
        uint64_t seconds;
    } runs[] = {{5, 4, 50}, {1, 0, 10}, {3, 16, 30}, {5, 0, 51}, {2, 4, 20},
                {5, 0, 51}, {4, 8, 40}, {9, 4, 90},  {3, 2, 31}};
    _cleanup_free_ char *path = path_join(test_dir(), "results.db"), *once = NULL, *anew = NULL;
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        add_run(db, "gzip", runs[i].day, runs[i].exitcode, runs[i].seconds);
        add_run(db, "bash", runs[i].day, runs[i].exitcode ? 0 : 4, runs[i].seconds);
    }
    once = dump(db);
    ck_assert_ptr_nonnull(
        strstr(once, "\"FPPPFP\",\"20261105_041500_abc12@\",\"20261109_041500_abc12@\""));
    ck_assert_ptr_nonnull(strstr(once, "[\"noble\",\"amd64\",20261105,0,1,51]"));
    // As the migration of an older database makes them.
    ck_assert_int_eq(sqlite3_exec(database_handle(db),
                                  "DROP TABLE statistic; DROP TABLE test_summary;"
                                  "DROP TABLE request; DROP TABLE request_event;"
                                  "DROP TABLE source_version; DROP TABLE rebuild_progress;"
                                  "DROP TABLE result_change;"
                                  "DROP INDEX special_result_container;"
                                  "PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    database_close(TAKE_PTR(db));
    ck_assert_int_eq(database_open_readonly(path, DATABASE_WAIT_MS, &db, &err), -EAGAIN);
    error_clear(&err);
    ASSERT_OK(database_open(path, &db, &err), &err);
    anew = dump(db);
    ck_assert_str_eq(once, anew);
}
