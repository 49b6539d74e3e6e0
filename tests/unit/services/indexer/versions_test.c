// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/versions.h"

#include "base/clock.h"
#include "test.h"

TEST(failures_are_tried_again_sooner_and_never_later_than_the_interval)
{
    const struct archive_settings hourly = {.interval_s = 3600}, often = {.interval_s = 5};

    ck_assert_uint_eq(versions_wait_us(&hourly, 0), 3600 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&hourly, 1), 60 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&hourly, 2), 120 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&hourly, 6), 1920 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&hourly, 7), 3600 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&hourly, 4000000000u), 3600 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&often, 0), 5 * USEC_PER_SEC);
    ck_assert_uint_eq(versions_wait_us(&often, 9), 5 * USEC_PER_SEC);
}
