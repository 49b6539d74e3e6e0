// SPDX-License-Identifier: GPL-3.0-only
#include "adt/test_summary.h"

#include "test.h"

// Adds runs with these exit codes, one a day.
static struct test_summary of(const int *exitcodes, size_t n)
{
    struct test_summary s = {0};

    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *run_id = str_format("202611%02zu_041500_abc12@", i + 1);

        test_summary_add(&s, run_id, exitcodes[i], 100);
    }
    return s;
}
#define OF(...) of((const int[]){__VA_ARGS__}, ARRAY_SIZE(((const int[]){__VA_ARGS__})))

TEST(a_test_that_fails_after_it_passed_has_regressed_with_the_first_failure)
{
    struct test_summary s = OF(4, 0, 2, 4, 16, 6);

    ck_assert_str_eq(s.verdicts, "FFPPF");
    ck_assert_str_eq(s.passed, "20261103_041500_abc12@");
    ck_assert_str_eq(s.failing_since, "20261104_041500_abc12@");
    ck_assert_str_eq(s.newest, "20261106_041500_abc12@");
    ck_assert_int_eq(s.exitcode, 6);
    ck_assert_int_eq(s.flips, 2);
}

TEST(a_test_that_never_passed_has_not_regressed)
{
    struct test_summary s = OF(4, 4, 12);

    ck_assert_str_eq(s.failing_since, "");
    ck_assert_str_eq(s.passed, "");
    ck_assert_str_eq(s.verdicts, "FFF");
}

TEST(a_pass_ends_a_regression)
{
    struct test_summary s = OF(0, 4, 8);

    ck_assert_str_eq(s.failing_since, "");
    ck_assert_str_eq(s.verdicts, "PFP");
}

TEST(what_says_nothing_of_the_package_is_only_the_newest_run)
{
    struct test_summary s = OF(0, 16, 20, 99, 1);

    ck_assert_str_eq(s.verdicts, "P");
    ck_assert_str_eq(s.failing_since, "");
    ck_assert_str_eq(s.newest, "20261105_041500_abc12@");
    ck_assert_int_eq(s.exitcode, 1);
    ck_assert_int_eq(s.expected_s, 100);
}

TEST(only_the_last_verdicts_are_kept)
{
    struct test_summary s = {0};

    for (int i = 0; i < 2 * SUMMARY_VERDICTS + 1; i++)
        test_summary_add(&s, "20261101_041500_abc12@", i % 2 ? 4 : 0, 10);
    ck_assert_uint_eq(strlen(s.verdicts), SUMMARY_VERDICTS);
    ck_assert_int_eq(s.verdicts[0], 'P');
    ck_assert_int_eq(s.verdicts[SUMMARY_VERDICTS - 1], 'F');
    ck_assert_int_eq(s.flips, SUMMARY_VERDICTS - 1);
}

TEST(the_expected_duration_follows_the_newer_runs)
{
    struct test_summary s = {0};

    test_summary_add(&s, "20261101_041500_abc12@", 0, 100);
    test_summary_add(&s, "20261102_041500_abc12@", 0, 200);
    ck_assert_int_eq(s.expected_s, 125);
}
