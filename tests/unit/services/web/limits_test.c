// SPDX-License-Identifier: GPL-3.0-only
#include "web/limits.h"

#include "test.h"

#define SECOND UINT64_C(1000000)

static struct limits *usual_limits(void)
{
    struct limits *limits = limits_new();

    ck_assert_ptr_nonnull(limits);
    limits_set(limits, 20, 30);
    return limits;
}

static unsigned take_all(struct limits *limits, enum limit_kind kind, const char *name,
                         uint64_t now)
{
    unsigned n = 0, wait;

    while (limits_take(limits, kind, name, now, &wait))
        n++;
    return n;
}

TEST(a_bucket_is_emptied_and_fills_again)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0;

    ck_assert_uint_eq(take_all(limits, LIMIT_CRAWLER, "a", SECOND), 10);
    ck_assert(!limits_take(limits, LIMIT_CRAWLER, "a", SECOND, &wait));
    ck_assert_uint_eq(wait, 1);
    ck_assert_uint_eq(take_all(limits, LIMIT_CRAWLER, "a", 3 * SECOND), 2);
    ck_assert_uint_eq(take_all(limits, LIMIT_CRAWLER, "a", 1000 * SECOND), 10);
}

TEST(names_and_kinds_have_buckets_of_their_own)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0;

    ck_assert_uint_eq(take_all(limits, LIMIT_LOGIN, "a", SECOND), 10);
    ck_assert(!limits_take(limits, LIMIT_LOGIN, "a", SECOND, &wait));
    ck_assert_uint_eq(wait, 6);
    ck_assert_uint_eq(take_all(limits, LIMIT_LOGIN, "b", SECOND), 10);
    ck_assert_uint_eq(take_all(limits, LIMIT_REQUESTS, "a", SECOND), 50);
}

TEST(very_many_names_do_not_push_out_the_one_that_is_busy)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0, let_in = 0;

    for (unsigned i = 0; i < 100000; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%u", i);
        (void)limits_take(limits, LIMIT_CLIENT, name, SECOND + i, &wait);
        let_in += limits_take(limits, LIMIT_CRAWLER, "busy", SECOND + i, &wait);
    }
    ck_assert_uint_eq(let_in, 10);
}

TEST(limits_are_those_that_are_set_and_what_was_taken_stays_taken)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0;

    ck_assert_uint_eq(take_all(limits, LIMIT_CLIENT, "a", SECOND), 200);
    limits_set(limits, 2, 6);
    ck_assert(!limits_take(limits, LIMIT_CLIENT, "a", SECOND, &wait));
    ck_assert_uint_eq(take_all(limits, LIMIT_CLIENT, "a", 2 * SECOND), 2);
    ck_assert_uint_eq(take_all(limits, LIMIT_CLIENT, "b", SECOND), 20);
    ck_assert_uint_eq(take_all(limits, LIMIT_REQUESTS, "b", SECOND), 10);
    limits_set(limits, 1, 1);
    ck_assert_uint_eq(take_all(limits, LIMIT_REQUESTS, "c", SECOND), 1);
    ck_assert(!limits_take(limits, LIMIT_REQUESTS, "c", SECOND, &wait));
    ck_assert_uint_eq(wait, 20); // of 1.67 at once there were two thirds left
}

TEST(without_a_limit_nothing_is_counted)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0;

    limits_set(limits, 0, 0);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(limits_take(limits, LIMIT_CRAWLER, "a", SECOND, &wait));
        ck_assert(limits_take(limits, LIMIT_CLIENT, "a", SECOND, &wait));
        ck_assert(limits_take(limits, LIMIT_REQUESTS, "a", SECOND, &wait));
    }
    ck_assert_uint_eq(take_all(limits, LIMIT_LOGIN, "a", SECOND), 10);
}

TEST(to_look_takes_nothing)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0;

    for (unsigned i = 0; i < 100; i++)
        ck_assert(limits_allow(limits, LIMIT_WRONG_KEY, "a", SECOND, &wait));
    ck_assert_uint_eq(take_all(limits, LIMIT_WRONG_KEY, "a", SECOND), 10);
    ck_assert(!limits_allow(limits, LIMIT_WRONG_KEY, "a", SECOND, &wait));
    ck_assert_uint_eq(wait, 6);
    ck_assert(limits_allow(limits, LIMIT_WRONG_KEY, "b", SECOND, &wait));
    ck_assert(!limits_allow(limits, LIMIT_WRONG_KEY, "a", 6 * SECOND, &wait));
    ck_assert(limits_allow(limits, LIMIT_WRONG_KEY, "a", 7 * SECOND, &wait));
}

TEST(names_that_strangers_make_up_push_out_no_client)
{
    _cleanup_(limits_freep) struct limits *limits = usual_limits();
    unsigned wait = 0;

    ck_assert_uint_eq(take_all(limits, LIMIT_CRAWLER, "busy", SECOND), 10);
    for (unsigned i = 0; i < 100000; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%u", i);
        (void)limits_take(limits, LIMIT_WRONG_KEY, name, SECOND + i, &wait);
    }
    ck_assert(!limits_take(limits, LIMIT_CRAWLER, "busy", SECOND + 1, &wait));
}
