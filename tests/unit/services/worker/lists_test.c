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

TEST(a_missing_file_is_an_empty_list)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool found = true;

    ASSERT_OK(lists_contain(test_dir(), "never_run", "gzip", "amd64", "noble", &found, &err), &err);
    ck_assert(!found);
    ASSERT_OK(lists_contain("/nowhere", "never_run", "gzip", "amd64", "noble", &found, &err), &err);
    ck_assert(!found);
}

TEST(an_edited_list_counts_at_once)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    _cleanup_free_ char *path = path_join(dir, "long_tests");
    bool found = true;

    ASSERT_OK(file_replace(path, "bash\n", 5, &FILE_ATTRIBUTES(0644), NULL, &err), &err);
    ASSERT_OK(lists_contain(dir, "long_tests", "gzip", "amd64", "noble", &found, &err), &err);
    ck_assert(!found);
    ASSERT_OK(file_replace(path, "bash\ngz*\n", 9, &FILE_ATTRIBUTES(0644), NULL, &err), &err);
    ASSERT_OK(lists_contain(dir, "long_tests", "gzip", "amd64", "noble", &found, &err), &err);
    ck_assert(found);
}

TEST(a_list_that_cannot_be_read_is_an_error)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    _cleanup_free_ char *path = path_join(dir, "big_packages");
    bool found = false;

    ASSERT_OK(dir_make(path, 0755, &err), &err);
    ck_assert_int_lt(lists_contain(dir, "big_packages", "gzip", "amd64", "noble", &found, &err), 0);
}
