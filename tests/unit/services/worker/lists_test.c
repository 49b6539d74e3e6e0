// SPDX-License-Identifier: GPL-3.0-only
#include "worker/lists.h"

#include "base/file.h"
#include "test.h"

static bool matches(const char *line)
{
    return lists_line_matches(line, "linux", "amd64", "noble");
}

TEST(a_line_names_package_architecture_and_release)
{
    ck_assert(matches("linux"));
    ck_assert(matches("linux/amd64"));
    ck_assert(matches("linux/amd64/noble"));
    ck_assert(!matches("linux/arm64"));
    ck_assert(!matches("linux/amd64/jammy"));
    ck_assert(!matches("linux-meta"));
    ck_assert(!matches("lin"));
}

TEST(wildcards_and_all)
{
    ck_assert(matches("lin*"));
    ck_assert(matches("l?nux/all/noble"));
    ck_assert(matches("all/amd64"));
    ck_assert(matches("linux/all"));
    ck_assert(!matches("all/all/jammy"));
}

TEST(comments_blanks_and_empty_lines)
{
    ck_assert(matches("  linux/amd64  # too big"));
    ck_assert(!matches("# linux"));
    ck_assert(!matches(""));
    ck_assert(!matches("   "));
    ck_assert(!matches("/amd64"));
}

static void put(const char *path, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_replace(path, text, strlen(text), &FILE_ATTRIBUTES(0644), NULL, &err), &err);
}

static void load(struct lists *lists, const char *dir)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(lists_load(lists, dir, &err), &err);
}

static bool names_gzip(const struct lists *lists, enum list list)
{
    return lists_contain(lists, list, "gzip", "amd64", "noble");
}

TEST(a_missing_file_is_an_empty_list)
{
    struct lists lists = {0};

    load(&lists, test_dir());
    for (int i = 0; i < LIST_COUNT; i++)
        ck_assert(!names_gzip(&lists, i));
    load(&lists, "/nowhere");
    ck_assert(!names_gzip(&lists, LIST_BIG));
}

TEST(each_list_has_its_file)
{
    static const char *const names[] = {"never_run", "big_packages", "long_tests", "vm_packages"};

    for (int i = 0; i < LIST_COUNT; i++) {
        const char *dir = test_dir();
        _cleanup_free_ char *path = path_join(dir, names[i]);
        struct lists lists = {0};

        put(path, "bash\ngz* # why\n");
        load(&lists, dir);
        for (int k = 0; k < LIST_COUNT; k++)
            ck_assert(names_gzip(&lists, k) == (i == k));
        put(path, "bash\n");
        load(&lists, dir);
        ck_assert(!names_gzip(&lists, i));
        lists_release(&lists);
    }
}

TEST(a_list_that_cannot_be_read_still_counts_as_it_was)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    _cleanup_free_ char *path = path_join(dir, "big_packages");
    struct lists lists = {0};

    put(path, "gzip\n");
    load(&lists, dir);
    ASSERT_OK(file_remove(path, NULL, &err), &err);
    ASSERT_OK(dir_make(path, 0755, &err), &err);
    load(&lists, dir);
    ck_assert(names_gzip(&lists, LIST_BIG));
    lists_release(&lists);
}

TEST(lines_that_are_none_are_left_out)
{
    static const char *const lines[] = {"gzip/amd64/noble/x", "gzip amd64", "/amd64", "gzip/",
                                        "gzip//noble"};
    const char *dir = test_dir();
    _cleanup_free_ char *path = path_join(dir, "long_tests");
    struct lists lists = {0};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_free_ char *text = str_format("bash\n%s\nzlib\n", lines[i]);

        put(path, text);
        load(&lists, dir);
        ck_assert_uint_eq(lists.lines[LIST_LONG].len, 2);
        ck_assert(!names_gzip(&lists, LIST_LONG));
    }
    lists_release(&lists);
}
