// SPDX-License-Identifier: GPL-3.0-only
#include "web/remembered.h"

#include "test.h"

#include "base/clock.h"

#define SPAN_US (100 * USEC_PER_SEC)

TEST(what_is_remembered_is_there_for_a_span_and_gone_after_two)
{
    struct remembered r = {0}, moved;

    remembered_turn(&r, SPAN_US);
    ck_assert_int_eq(remembered_add(&r, "old"), 0);
    r.since_us -= SPAN_US; // so long ago
    remembered_turn(&r, SPAN_US);
    ck_assert_int_eq(remembered_add(&r, "new"), 0);
    ck_assert(remembered_has(&r, "old") && remembered_has(&r, "new"));
    remembered_turn(&r, SPAN_US);
    ck_assert(remembered_has(&r, "old"));
    r.since_us -= SPAN_US;
    remembered_turn(&r, SPAN_US);
    ck_assert(!remembered_has(&r, "old") && remembered_has(&r, "new"));
    moved = remembered_move(&r);
    ck_assert(!remembered_has(&r, "new") && remembered_has(&moved, "new"));
    moved.since_us -= 2 * SPAN_US;
    remembered_turn(&moved, SPAN_US);
    ck_assert(!remembered_has(&moved, "new"));
    remembered_release(&moved);
    remembered_release(&r);
}
