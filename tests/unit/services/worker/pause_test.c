// SPDX-License-Identifier: GPL-3.0-only
#include "worker/pause.h"

#include "test.h"

TEST(pauses_grow_up_to_an_hour)
{
    ck_assert_uint_eq(pause_length_s(300, 0), 300);
    ck_assert_uint_eq(pause_length_s(300, 1), 600);
    ck_assert_uint_eq(pause_length_s(300, 4), 3600);
    ck_assert_uint_eq(pause_length_s(0, 0), 1);
    ck_assert_uint_eq(pause_length_s(1, 1000), 3600);
}

TEST(three_testbed_failures_in_a_row_pause_and_another_outcome_resumes)
{
    struct worker w = {.settings = {.name = (char[]){"x"}, .retry_delay_s = 5}};

    pause_count(&w, true);
    pause_count(&w, true);
    ck_assert(!pause_is_on(&w));
    pause_count(&w, true);
    ck_assert(pause_is_on(&w) && w.pause_until_us > clock_monotonic_us());
    pause_count(&w, false);
    ck_assert(!pause_is_on(&w) && w.pause_until_us == 0);
}

TEST(failures_that_are_not_in_a_row_do_not_count)
{
    struct worker w = {.settings = {.name = (char[]){"x"}}};

    for (int i = 0; i < 9; i++)
        pause_count(&w, i % 3 != 2);
    ck_assert(!pause_is_on(&w));
}
