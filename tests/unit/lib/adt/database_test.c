// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database.h"
#include "base/file.h"
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

static int64_t number(struct database *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t n;

    ck_assert_int_eq(sqlite3_prepare_v2(database_handle(db), sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    n = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return n;
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
    ck_assert_int_eq(number(db, "SELECT count(*) FROM result"), 1);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM special_result"), 3);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM test"), 1);
}

TEST(a_result_that_comes_twice_is_there_once_with_the_last_outcome)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "autopkgtest-noble", "gzip/1", 16);
    add(db, "autopkgtest-noble", "gzip/1", 0);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM result"), 1);
    ck_assert_int_eq(number(db, "SELECT exitcode FROM result"), 0);
}

TEST(the_schema_is_what_readers_of_the_public_copy_expect)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ck_assert_int_eq(
        number(db, "SELECT count(*) FROM pragma_table_info('result') WHERE name IN ('test_id',"
                   " 'run_id', 'version', 'triggers', 'duration', 'exitcode', 'requester', 'env')"),
        8);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM pragma_table_info('result')"), 8);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM pragma_table_info('test')"), 4);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM pragma_table_info('current_version')"), 5);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM pragma_table_info('url_last_checked')"), 2);
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
    ck_assert_int_eq(number(again, "SELECT count(*) FROM result"), 1);
    database_close(again);
    ck_assert_int_eq(
        sqlite3_exec(database_handle(db), "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(database_open(path, &again, &err), -ENOTSUP);
    ck_assert_int_eq(database_open_readonly(path, &again, &err), -ENOTSUP);
}

TEST(a_reader_needs_a_database_with_tables)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    struct database *db = NULL;

    ck_assert_int_eq(database_open_readonly(path, &db, NULL), -ENOENT);
    ck_assert_int_eq(file_replace(path, "", 0, &attributes, NULL, NULL), 0);
    ck_assert_int_eq(database_open_readonly(path, &db, NULL), -ENOENT);
    ck_assert_int_eq(file_replace(path,
                                  "no database, but longer than its header would be, surely "
                                  "so; a hundred bytes it takes to be read as one....",
                                  105, &attributes, NULL, NULL),
                     0);
    ck_assert_int_eq(database_open_readonly(path, &db, NULL), -EUCLEAN);
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
    ck_assert_int_eq(number(db, "SELECT count(*) FROM result"), 0);
}

TEST(what_nobody_can_read_is_set_aside)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ASSERT_OK(database_add_rejected(db, "\xff\0x", 3, "no JSON", &err), &err);
    ASSERT_OK(database_add_rejected(db, NULL, 0, "empty", &err), &err);
    ck_assert_int_eq(number(db, "SELECT length(body) FROM rejected_message WHERE id = 1"), 3);
}
