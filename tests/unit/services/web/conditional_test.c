// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "web/conditional.h"

TEST(ranges)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum range expected;
        uint64_t first, len;
    } cases[] = {
        {NULL, 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=2-4", 10, RANGE_PART, 2, 3},
        {"Bytes=7-", 10, RANGE_PART, 7, 3},
        {"bytes=5-99999999999999999999999", 10, RANGE_WHOLE, 0, 0},
        {"bytes=5-999", 10, RANGE_PART, 5, 5},
        {"bytes=-3", 10, RANGE_PART, 7, 3},
        {"bytes=-30", 10, RANGE_PART, 0, 10},
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=4-2", 10, RANGE_WHOLE, 0, 0},
        {"bytes=1-2,4-5", 10, RANGE_WHOLE, 0, 0},
        {"bytes=-", 10, RANGE_WHOLE, 0, 0},
        {"bytes=", 10, RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 10, RANGE_WHOLE, 0, 0},
        {"lines=1-2", 10, RANGE_WHOLE, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t first = 0, len = 0;

        ck_assert_msg(range_parse(cases[i].header, cases[i].size, &first, &len) ==
                          cases[i].expected,
                      "%s", cases[i].header);
        ck_assert_uint_eq(first, cases[i].first);
        ck_assert_uint_eq(len, cases[i].len);
    }
}

TEST(tags_are_found_in_lists)
{
    ck_assert(etag_listed("\"abc\"", "abc"));
    ck_assert(etag_listed("abc", "abc"));
    ck_assert(etag_listed("\"x\", W/\"abc\"", "abc"));
    ck_assert(etag_listed("*", "abc"));
    ck_assert(!etag_listed("\"abcd\"", "abc"));
    ck_assert(!etag_listed("\"ab\", \"\"", "abc"));
    ck_assert(!etag_listed("", "abc"));
    ck_assert(!etag_listed("\"", ""));
}

TEST(a_range_holds_for_what_the_client_has)
{
    static const char date[] = "Thu, 01 Jan 1970 00:01:40 GMT";

    ck_assert(if_range_holds(NULL, "a", date));
    ck_assert(if_range_holds("\"a\"", "a", date));
    ck_assert(if_range_holds(date, "a", date));
    ck_assert(!if_range_holds("\"b\"", "a", date));
    ck_assert(!if_range_holds("W/\"a\"", "a", date));
    ck_assert(!if_range_holds("*", "a", date));
    ck_assert(!if_range_holds(date, "a", NULL));
    ck_assert(!if_range_holds("\"a\"", NULL, NULL));
}

TEST(conditions_decide)
{
    const char *then = "Thu, 01 Jan 1970 00:01:40 GMT";
    struct conditions none = {0}, match = {.if_match = "\"a\""}, other = {.if_match = "\"b\""};
    struct conditions has = {.if_none_match = "a"}, since = {.if_modified_since = then};
    struct conditions unless = {.if_unmodified_since = then}, bad = {.if_modified_since = "now"};

    ck_assert_int_eq(conditions_check(&none, "a", 100), PRECONDITION_SEND);
    ck_assert_int_eq(conditions_check(&match, "a", 100), PRECONDITION_SEND);
    ck_assert_int_eq(conditions_check(&other, "a", 100), PRECONDITION_FAILED);
    ck_assert_int_eq(conditions_check(&has, "a", 100), PRECONDITION_NOT_MODIFIED);
    ck_assert_int_eq(conditions_check(&has, "b", 100), PRECONDITION_SEND);
    ck_assert_int_eq(conditions_check(&since, "a", 100), PRECONDITION_NOT_MODIFIED);
    ck_assert_int_eq(conditions_check(&since, "a", 101), PRECONDITION_SEND);
    ck_assert_int_eq(conditions_check(&unless, "a", 101), PRECONDITION_FAILED);
    ck_assert_int_eq(conditions_check(&bad, "a", 1), PRECONDITION_SEND);
}

TEST(dates_go_both_ways)
{
    _cleanup_free_ char *text = http_date_format(784111777);
    int64_t back = 0;

    ck_assert_str_eq(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    ck_assert_int_eq(http_date_parse(text, &back), 0);
    ck_assert_int_eq(back, 784111777);
    ck_assert_int_eq(http_date_parse("yesterday", &back), -EINVAL);
}

TEST(older_forms_of_dates_are_read)
{
    static const struct {
        const char *text;
        int64_t expected;
    } cases[] = {
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Monday, 07-Jan-30 00:00:00 GMT", 1893974400},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t back = 0;

        ck_assert_int_eq(http_date_parse(cases[i].text, &back), 0);
        ck_assert_int_eq(back, cases[i].expected);
    }
}
