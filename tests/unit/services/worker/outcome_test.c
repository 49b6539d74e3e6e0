// SPDX-License-Identifier: GPL-3.0-only
#include "worker/outcome.h"

#include "test.h"

#include <signal.h>

TEST(codes_of_autopkgtest_are_recorded_as_they_are)
{
    static const int codes[] = {0, 2, 4, 6, 8, 12, 14, 20};

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        ck_assert(!outcome_of(codes[i], 0).retry);
        ck_assert_int_eq(outcome_of(codes[i], 0).exitcode, codes[i]);
    }
}

TEST(a_testbed_failure_is_tried_three_times_more)
{
    for (unsigned attempt = 0; attempt < 3; attempt++)
        ck_assert(outcome_of(16, attempt).retry);
    ck_assert(!outcome_of(16, 3).retry);
    ck_assert_int_eq(outcome_of(16, 3).exitcode, 16);
}

TEST(the_runners_own_failures_are_20)
{
    ck_assert_int_eq(outcome_of(1, 0).exitcode, 20);
    ck_assert_int_eq(outcome_of(-SIGKILL, 0).exitcode, 20);
    ck_assert_int_eq(outcome_of(127, 0).exitcode, 20);
    ck_assert(!outcome_of(-SIGSEGV, 0).retry);
}
