// SPDX-License-Identifier: GPL-3.0-only
#include "base/buf.h"
#include "base/clock.h"
#include "test.h"

TEST(clocks_go_forward)
{
    uint64_t before = clock_monotonic_us();

    ck_assert_uint_ge(clock_monotonic_us(), before);
    ck_assert_uint_gt(clock_realtime_us(), UINT64_C(1600000000) * USEC_PER_SEC);
}

TEST(dates_are_utc)
{
    _cleanup_free_ char *date = NULL, *old = NULL;

    setenv("TZ", "America/New_York", 1);
    date = clock_format_utc(1700000000, "%Y-%m-%d %H:%M:%S");
    ck_assert_str_eq(date, "2023-11-14 22:13:20");
    old = clock_format_utc(-1, "%Y%m%d_%H%M%S");
    ck_assert_str_eq(old, "19691231_235959");
    ck_assert_ptr_null(clock_format_utc(INT64_MAX, "%Y"));
}

TEST(compact_dates_round_trip)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *back = NULL;
    int64_t seconds = 0;

    ASSERT_OK(clock_parse_compact("20240229_235959_abc12@", &seconds, &err), &err);
    ck_assert_int_eq(seconds, 1709251199);
    back = clock_format_utc(seconds, "%Y%m%d_%H%M%S");
    ck_assert_str_eq(back, "20240229_235959");
}

TEST(compact_dates_are_those_of_the_c_library)
{
    for (int64_t day = -719528; day < 2932897; day += 97) { // of the years 0000 to 9999
        _cleanup_free_ char *text = NULL;
        int64_t seconds = 0, when = day * 86400 + 45296;

        text = clock_format_utc(when, "%Y%m%d_%H%M%S");
        while (text && strlen(text) < 15) { // the library writes early years without zeros
            char *longer = str_format("0%s", text);

            free(text);
            text = longer;
        }
        ck_assert_int_eq(clock_parse_compact(text, &seconds, NULL), 0);
        ck_assert_int_eq(seconds, when);
    }
}

TEST(dates_of_one_day_differ_by_their_times)
{
    int64_t first = 0, second = 0;

    ck_assert_int_eq(clock_parse_compact("20240229_000000", &first, NULL), 0);
    ck_assert_int_eq(clock_parse_compact("20240229_235959", &second, NULL), 0);
    ck_assert_int_eq(second - first, 86399);
    ck_assert_int_eq(clock_parse_compact("20240229_240000", &second, NULL), -EINVAL);
    ck_assert_int_eq(clock_parse_compact("20240230_000000", &second, NULL), -EINVAL);
    ck_assert_int_eq(clock_parse_compact("20240301_000000", &second, NULL), 0);
    ck_assert_int_eq(second - first, 86400);
}

TEST(dates_no_calendar_has_are_refused)
{
    static const char *const bad[] = {
        "",
        "20240229",
        "20240229-235959",
        "20230229_000000",
        "19000229_000000",
        "20240132_000000",
        "20240001_000000",
        "20240431_000000",
        "20241301_000000",
        "20240100_000000",
        "20240101_240000",
        "20240101_006000",
        "20240101_000060",
        "2024010a_000000",
        "+0240101_000000",
    };
    int64_t seconds = 5;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_int_eq(clock_parse_compact(bad[i], &seconds, NULL), -EINVAL);
    ck_assert_int_eq(seconds, 5);
}

static void assert_duration(uint64_t seconds, const char *expected)
{
    _cleanup_free_ char *text = clock_format_duration(seconds);

    ck_assert_str_eq(text, expected);
}

TEST(durations_for_people)
{
    assert_duration(0, "0s");
    assert_duration(45, "45s");
    assert_duration(200, "3m 20s");
    assert_duration(3600, "1h 00m");
    assert_duration(7530, "2h 05m");
    assert_duration(360000, "100h 00m");
}

TEST(time_left_is_none_when_past_and_no_limit_when_infinite)
{
    struct timespec room = {.tv_sec = -1}, *left;

    ck_assert_ptr_null(clock_left(USEC_INFINITY, &room));
    left = clock_left(clock_monotonic_us() + 10 * USEC_PER_SEC, &room);
    ck_assert_ptr_eq(left, &room);
    ck_assert_int_le(left->tv_sec, 10);
    ck_assert_int_ge(left->tv_sec, 5);
    ck_assert(clock_left(1, &room)->tv_sec == 0 && room.tv_nsec == 0);
}
