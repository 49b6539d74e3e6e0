// SPDX-License-Identifier: GPL-3.0-only
#include "adt/drain.h"
#include "base/file.h"
#include "test.h"

static bool set(const char *dir, const char *cloud, const char *arch)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool changed = false;

    ASSERT_OK(drain_set(dir, cloud, arch, &changed, &err), &err);
    return changed;
}

static bool clear(const char *dir, const char *cloud, const char *arch)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool changed = false;

    ASSERT_OK(drain_clear(dir, cloud, arch, &changed, &err), &err);
    return changed;
}

TEST(an_order_covers_what_it_names)
{
    static const struct {
        const char *cloud, *arch;
        bool covers[3]; // local amd64, local arm64, other amd64
    } cases[] = {
        {NULL, NULL, {true, true, true}},          {"local", NULL, {true, true, false}},
        {NULL, "amd64", {true, false, true}},      {"local", "amd64", {true, false, false}},
        {"other", "arm64", {false, false, false}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *dir = path_join(test_dir(), "drained");

        ck_assert(set(dir, cases[i].cloud, cases[i].arch));
        ck_assert(!set(dir, cases[i].cloud, cases[i].arch));
        ck_assert(drain_covers(dir, "local", "amd64") == cases[i].covers[0]);
        ck_assert(drain_covers(dir, "local", "arm64") == cases[i].covers[1]);
        ck_assert(drain_covers(dir, "other", "amd64") == cases[i].covers[2]);
        ck_assert(clear(dir, cases[i].cloud, cases[i].arch));
        ck_assert(!clear(dir, cases[i].cloud, cases[i].arch));
        ck_assert(!drain_covers(dir, "local", "amd64"));
    }
}

TEST(a_wider_order_stays_when_a_narrower_is_taken_back)
{
    const char *dir = test_dir();
    _cleanup_strv_ struct strv orders = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert(set(dir, "local", "amd64") && set(dir, NULL, NULL));
    ASSERT_OK(drain_list(dir, &orders, &err), &err);
    ck_assert_uint_eq(orders.len, 2);
    ck_assert_str_eq(orders.items[0], "all:all");
    ck_assert_str_eq(orders.items[1], "local:amd64");
    ck_assert(clear(dir, "local", "amd64"));
    ck_assert(drain_covers(dir, "local", "amd64"));
}

TEST(names_that_could_not_be_told_apart_are_refused)
{
    static const char *const names[] = {"", "all", "a:b", "../x", "a/b", ".hidden"};
    _cleanup_error_ struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        ck_assert_int_eq(drain_set(test_dir(), names[i], NULL, NULL, &err), -EINVAL);
        error_clear(&err);
        ck_assert_int_eq(drain_clear(test_dir(), NULL, names[i], NULL, &err), -EINVAL);
        error_clear(&err);
    }
}

TEST(the_folder_is_named_in_the_settings)
{
    const char *dir = test_dir();
    _cleanup_free_ char *path = path_join(dir, "worker.conf");
    _cleanup_free_ char *found = NULL, *fallback = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(drain_dir(dir, &found, &err), -ENOENT);
    error_clear(&err);
    ASSERT_OK(file_replace(path, "[worker]\n", 9, &FILE_ATTRIBUTES(0644), NULL, &err), &err);
    ASSERT_OK(drain_dir(dir, &fallback, &err), &err);
    ck_assert_str_eq(fallback, DRAIN_DIR);
    ASSERT_OK(
        file_replace(path, "[worker]\ndrain-dir = /d\n", 24, &FILE_ATTRIBUTES(0644), NULL, &err),
        &err);
    ASSERT_OK(drain_dir(dir, &found, &err), &err);
    ck_assert_str_eq(found, "/d");
}
