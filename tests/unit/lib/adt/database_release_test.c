// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_release.h"

#include "adt/names.h"
#include "base/file.h"
#include "test.h"

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static void add(struct database *db, const char *release, const char *package, const char *run_id,
                int exitcode)
{
    _cleanup_free_ char *container = str_format("autopkgtest-%s", release);
    _cleanup_free_ char *path = run_path(release, "amd64", package, run_id);
    struct test_complete done = {.release = text(release),
                                 .arch = text("amd64"),
                                 .container = container,
                                 .package = text(package),
                                 .testpkg_version = text("1"),
                                 .requester = text(""),
                                 .swift_dir = path,
                                 .exitcode = exitcode,
                                 .triggers = text("gzip/1"),
                                 .env = text("")};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_add_result(db, &done, &err), &err);
}

static struct database *open_new(void)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct database *db = NULL;

    ASSERT_OK(database_open(path, &db, &err), &err);
    return db;
}

static int note(struct test_complete *run, void *userdata)
{
    return strv_add(userdata, run->swift_dir);
}

// The heirs' folders, one a line.
static const char *heirs(struct database *db, const char *release, unsigned limit, int64_t *after)
{
    _cleanup_strv_ struct strv found = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_release_heirs(db, release, limit, after, note, &found, &err), &err);
    return test_keep(strv_join(&found, "\n"));
}

TEST(a_release_leaves_what_was_decided_last_and_what_passed_last)
{
    _cleanup_(database_closep) struct database *db = open_new();
    int64_t after = 0;

    add(db, "noble", "bash", "20261101_000000_aaaaa@", 0);
    add(db, "noble", "bash", "20261102_000000_aaaaa@", 2);
    add(db, "noble", "bash", "20261103_000000_aaaaa@", 4);
    add(db, "noble", "bash", "20261104_000000_aaaaa@", 12);
    add(db, "noble", "bash", "20261105_000000_aaaaa@", 16);
    add(db, "noble", "gzip", "20261101_000000_aaaaa@", 20);
    add(db, "noble", "zsh", "20261101_000000_aaaaa@", 8);
    add(db, "jammy", "zsh", "20261102_000000_aaaaa@", 8);
    ck_assert_str_eq(heirs(db, "noble", 1, &after), "noble/amd64/b/bash/20261102_000000_aaaaa@\n"
                                                    "noble/amd64/b/bash/20261104_000000_aaaaa@");
    ck_assert_str_eq(heirs(db, "noble", 1, &after), ""); // gzip was never decided
    ck_assert_str_eq(heirs(db, "noble", 9, &after), "noble/amd64/z/zsh/20261101_000000_aaaaa@");
    ck_assert_str_eq(heirs(db, "noble", 9, &after), "");
    after = 0;
    ck_assert_str_eq(heirs(db, "mantic", 9, &after), "");
    ck_assert_int_eq(after, 0);
}

static uint64_t count(struct database *db, const char *release)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t n = 0;

    ASSERT_OK(database_release_count(db, release, &n, &err), &err);
    return n;
}

TEST(a_release_goes_a_part_at_a_time)
{
    _cleanup_(database_closep) struct database *db = open_new();
    _cleanup_strv_ struct strv archs = STRV_INIT;

    for (int day = 1; day <= 5; day++) {
        _cleanup_free_ char *run = str_format("202611%02d_000000_aaaaa@", day);

        add(db, "noble", "bash", run, 0);
        add(db, "jammy", "bash", run, 0);
    }
    ck_assert_int_eq(database_release_archs(db, "noble", &archs, NULL), 0);
    ck_assert_int_eq(database_release_archs(db, "jammy", &archs, NULL), 0);
    ck_assert_uint_eq(archs.len, 1);
    ck_assert_int_eq(database_remove_release(db, "noble", 3, NULL), 1);
    ck_assert_uint_eq(count(db, "noble"), 2);
    ck_assert_int_eq(database_remove_release(db, "noble", 3, NULL), 0);
    ck_assert_uint_eq(count(db, "noble"), 0);
    ck_assert_uint_eq(count(db, "jammy"), 5);
    ck_assert_int_eq(database_remove_release(db, "noble", 3, NULL), 0);
}
