// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_rebuild.h"
#include "base/file.h"
#include "test.h"

#define RUN "noble/amd64/g/gzip/20261123_041500_abc12@"

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static void add(struct database *db, const char *container, const char *triggers)
{
    struct test_complete done = {.release = text("noble"),
                                 .arch = text("amd64"),
                                 .container = text(container),
                                 .package = text("gzip"),
                                 .testpkg_version = text("1"),
                                 .requester = text(""),
                                 .swift_dir = text(RUN),
                                 .triggers = text(triggers),
                                 .env = text("")};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_add_result(db, &done, &err), &err);
}

static bool has(struct database *db, const char *container, const char *path)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool there = false;

    ASSERT_OK(database_has_run(db, container, path, &there, &err), &err);
    return there;
}

static struct database *open_new(void)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct database *db = NULL;

    ASSERT_OK(database_open(path, &db, &err), &err);
    return db;
}

TEST(a_run_is_found_in_the_table_of_its_container)
{
    _cleanup_(database_closep) struct database *db = open_new();
    bool there = false;

    ck_assert(!has(db, "autopkgtest-noble", RUN));
    add(db, "autopkgtest-noble", "gzip/1");
    ck_assert(has(db, "autopkgtest-noble", RUN));
    ck_assert(has(db, "autopkgtest-noble", RUN "/result.tar"));
    ck_assert(!has(db, "autopkgtest-noble-me-ppa", RUN));
    ck_assert(!has(db, "autopkgtest-noble", "noble/arm64/g/gzip/20261123_041500_abc12@"));
    add(db, "autopkgtest-noble-me-ppa", "gzip/1");
    ck_assert(has(db, "autopkgtest-noble-me-ppa", RUN));
    ck_assert_int_eq(database_has_run(db, "autopkgtest-noble", "noble/amd64/x", &there, NULL),
                     -EBADMSG);
}

TEST(a_run_without_triggers_is_found_as_well)
{
    _cleanup_(database_closep) struct database *db = open_new();

    add(db, "autopkgtest-noble", "");
    ck_assert(has(db, "autopkgtest-noble", RUN));
}

static const char *marker(struct database *db, const char *container, const char *prefix)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char *found = NULL;

    ASSERT_OK(database_rebuild_marker(db, container, prefix, &found, &err), &err);
    return test_keep(found);
}

TEST(each_folder_has_a_marker_of_its_own_until_it_is_forgotten)
{
    _cleanup_(database_closep) struct database *db = open_new();
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_str_eq(marker(db, "c", "noble/amd64/"), "");
    ASSERT_OK(database_set_rebuild_marker(db, "c", "noble/amd64/", "a", &err), &err);
    ASSERT_OK(database_set_rebuild_marker(db, "c", "noble/amd64/", "b", &err), &err);
    ASSERT_OK(database_set_rebuild_marker(db, "c", "noble/arm64/", "z", &err), &err);
    ck_assert_str_eq(marker(db, "c", "noble/amd64/"), "b");
    ck_assert_str_eq(marker(db, "d", "noble/amd64/"), "");
    ASSERT_OK(database_forget_rebuild_marker(db, "c", "noble/amd64/", &err), &err);
    ck_assert_str_eq(marker(db, "c", "noble/amd64/"), "");
    ck_assert_str_eq(marker(db, "c", "noble/arm64/"), "z");
}
