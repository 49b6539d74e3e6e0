// SPDX-License-Identifier: GPL-3.0-only
#include "base/parse.h"
#include "test.h"

TEST(whole_numbers_within_their_limits)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t n = 0;

    ASSERT_OK(parse_uint("0", 0, 10, &n, &err), &err);
    ck_assert_uint_eq(n, 0);
    ASSERT_OK(parse_uint("007", 0, 10, &n, &err), &err);
    ck_assert_uint_eq(n, 7);
    ASSERT_OK(parse_uint("18446744073709551615", 0, UINT64_MAX, &n, &err), &err);
    ck_assert_uint_eq(n, UINT64_MAX);
    ASSERT_FAILS(parse_uint("0", 1, 65535, &n, &err), -ERANGE, &err,
                 "expected a whole number from 1 to 65535, got \"0\"");
    ASSERT_FAILS(parse_uint("65536", 1, 65535, &n, &err), -ERANGE, &err,
                 "expected a whole number from 1 to 65535, got \"65536\"");
    ck_assert_int_eq(parse_uint("18446744073709551616", 0, UINT64_MAX, &n, &err), -ERANGE);
    ck_assert_int_eq(parse_uint("99999999999999999999999", 0, UINT64_MAX, &n, &err), -ERANGE);
    ck_assert_uint_eq(n, UINT64_MAX);
}

TEST(anything_but_digits_is_no_whole_number)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "1a", "0x1", "1.0", "ten", "\n"};
    uint64_t n = 5;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_int_eq(parse_uint(bad[i], 0, UINT64_MAX, &n, NULL), -EINVAL);
    ck_assert_uint_eq(n, 5);
}

TEST(signed_numbers_to_both_ends)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int64_t n = 0;

    ASSERT_OK(parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &n, &err), &err);
    ck_assert_int_eq(n, INT64_MIN);
    ASSERT_OK(parse_int("9223372036854775807", INT64_MIN, INT64_MAX, &n, &err), &err);
    ck_assert_int_eq(n, INT64_MAX);
    ASSERT_OK(parse_int("-0", -1, 1, &n, &err), &err);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(parse_int("9223372036854775808", INT64_MIN, INT64_MAX, &n, &err), -ERANGE);
    ck_assert_int_eq(parse_int("-9223372036854775809", INT64_MIN, INT64_MAX, &n, &err), -ERANGE);
    ASSERT_FAILS(parse_int("-6", -5, 5, &n, &err), -ERANGE, &err,
                 "expected a whole number from -5 to 5, got \"-6\"");
    ASSERT_FAILS(parse_int("--1", -5, 5, &n, &err), -EINVAL, &err,
                 "expected a whole number, got \"--1\"");
    ck_assert_int_eq(parse_int("-", -5, 5, &n, &err), -EINVAL);
    ck_assert_int_eq(parse_int("", -5, 5, &n, &err), -EINVAL);
}

TEST(truth_in_any_case)
{
    static const char *const yes[] = {"true", "YES", "On", "1"};
    static const char *const no[] = {"false", "No", "OFF", "0"};
    _cleanup_error_ struct error err = ERROR_INIT;
    bool b;

    for (size_t i = 0; i < 4; i++) {
        b = false;
        ASSERT_OK(parse_bool(yes[i], &b, &err), &err);
        ck_assert(b);
        ASSERT_OK(parse_bool(no[i], &b, &err), &err);
        ck_assert(!b);
    }
    ASSERT_FAILS(parse_bool("maybe", &b, &err), -EINVAL, &err,
                 "expected true or false, got \"maybe\"");
    ck_assert_int_eq(parse_bool("", &b, &err), -EINVAL);
}

TEST(bytes_in_hexadecimal)
{
    char text[9];

    hex_encode("\x00\x9f\xff\x10", 4, text);
    ck_assert_str_eq(text, "009fff10");
    hex_encode("", 0, text);
    ck_assert_str_eq(text, "");
}
