// SPDX-License-Identifier: GPL-3.0-only
#include "adt/version.h"
#include "base/clock.h"
#include "base/process.h"
#include "test.h"

static const struct {
    const char *a;
    int order; // -1: a is earlier
    const char *b;
} cases[] = {
    {"1.12-1", 0, "1.12-1"},
    {"1.12-1", -1, "1.12-1ubuntu1"},
    {"1.12-1", -1, "1.12-1+b1"},
    {"1.12-1ubuntu1", -1, "1.12-1ubuntu1.1"},
    {"1.12-1ubuntu1", -1, "1.12-1ubuntu10"},
    {"1.12-1ubuntu2", -1, "1.12-1ubuntu10"},
    {"1.12-1build1", -1, "1.12-1ubuntu1"},
    {"1.12-1~exp1", -1, "1.12-1"},
    {"1.12~rc1-1", -1, "1.12-1"},
    {"1.12~rc1-1", -1, "1.12~rc2-1"},
    {"1.12~~", -1, "1.12~"},
    {"1.12~", -1, "1.12"},
    {"1.12", 0, "1.12-0"},
    {"1.12", -1, "1.12-1"},
    {"1.9", -1, "1.10"},
    {"1.09", 0, "1.9"},
    {"1.0", 1, "1"},
    {"1.0.0", 1, "1.0"},
    {"0:1.0-1", 0, "1.0-1"},
    {"1:0.1", 1, "9.9"},
    {"2:1", 1, "1:99"},
    {"10:1", 1, "9:1"},
    {"1:1.2-3", -1, "1:1.2-4"},
    {"6.8.0-31.31", -1, "6.8.0-31.32"},
    {"6.8.0-31.31", -1, "6.8.0-101.101"},
    {"5.15.0-1001.1", 1, "5.15.0-130.140"},
    {"2.39-0ubuntu8", -1, "2.39-0ubuntu8.4"},
    {"2.39-0ubuntu8.4", -1, "2.40-1ubuntu3"},
    {"1.2+dfsg-1", 1, "1.2-1"},
    {"1.2+dfsg-1", -1, "1.2.1-1"},
    {"1.2+git20240101-1", -1, "1.2+git20240102-1"},
    {"1.2a-1", 1, "1.2-1"},
    {"1.2a-1", -1, "1.2b-1"},
    {"1.2A-1", -1, "1.2a-1"},
    {"1.2a-1", -1, "1.2+a-1"},
    {"1.2-a-1", -1, "1.2-b-1"},
    {"1.2-3-1", -1, "1.2-3-2"},
    {"20230311ubuntu0.22.04.1", 1, "20230311"},
    {"0.0~git20200101.abcdef-1", -1, "0.1-1"},
    {"1.0-1~bpo12+1", -1, "1.0-1"},
    {"1.0-1~deb12u1", -1, "1.0-1~deb12u2"},
    {"1.0-1+deb12u1", 1, "1.0-1"},
    {"3.0pl1-150", -1, "3.0pl1-162ubuntu1"},
    {"1:4.13+dfsg1-4ubuntu3", -1, "1:4.13+dfsg1-4ubuntu3.2"},
    {"99999999999999999999999999", 1, "99999999999999999999999998"},
    {"100000000000000000000000000", 1, "99999999999999999999999999"},
    {"00000000000000000000000000001", 0, "1"},
    {"1.0.", 1, "1.0"},
    {"1a~", -1, "1a"},
    {"1.~a", -1, "1."},
};

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

TEST(versions_are_in_the_order_of_the_table_both_ways)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ck_assert_msg(sign(version_compare(cases[i].a, cases[i].b)) == cases[i].order, "%s, %s",
                      cases[i].a, cases[i].b);
        ck_assert_msg(sign(version_compare(cases[i].b, cases[i].a)) == -cases[i].order, "%s, %s",
                      cases[i].b, cases[i].a);
    }
}

TEST(what_is_no_version_has_a_place_as_well)
{
    ck_assert_int_eq(version_compare("", ""), 0);
    ck_assert_int_lt(version_compare("", "0.1"), 0);
    ck_assert_int_lt(version_compare("~", ""), 0);
    ck_assert_int_eq(version_compare(":", ""), 0);
    ck_assert_int_eq(version_compare("-", ""), 0);
    ck_assert_int_eq(version_compare_len("1.2x", 3, "1.2y", 3), 0);
    ck_assert_int_ne(version_compare("1.\xff", "1.\xfe"), 0);
}

static void ask_dpkg(const char *a, int order, const char *b)
{
    const char *relation = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
    const char *const argv[] = {"dpkg", "--compare-versions", a, relation, b, NULL};
    const struct process_spec spec = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(4096);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(process_run(&spec, NULL, 0, 30 * USEC_PER_SEC, &result, &err), &err);
    ck_assert_msg(result.status == 0, "dpkg --compare-versions %s %s %s: %d", a, relation, b,
                  result.status);
}

TEST(dpkg_agrees_with_the_table)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        ask_dpkg(cases[i].a, cases[i].order, cases[i].b);
}
