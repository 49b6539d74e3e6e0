// SPDX-License-Identifier: GPL-3.0-only
#include "worker/life.h"

#include "test.h"

TEST(a_request_goes_from_queue_to_done)
{
    static const enum life way[] = {LIFE_TAKEN,  LIFE_RUNNING,   LIFE_SPOOLED, LIFE_UPLOADING,
                                    LIFE_STORED, LIFE_ANNOUNCED, LIFE_DONE};
    enum life state = LIFE_QUEUED;

    for (size_t i = 0; i < ARRAY_SIZE(way); i++)
        ck_assert_msg(life_move(&state, way[i]), "to %s", life_name(way[i]));
}

TEST(a_move_that_is_not_in_the_table_is_refused)
{
    enum life state = LIFE_QUEUED;

    ck_assert(!life_move(&state, LIFE_RUNNING)); // never without a lease
    ck_assert_int_eq(state, LIFE_QUEUED);
    ck_assert(!life_may_move(LIFE_UPLOADING, LIFE_ANNOUNCED)); // never before it is stored
    ck_assert(!life_may_move(LIFE_RUNNING, LIFE_DONE));
    ck_assert(!life_may_move(LIFE_ANNOUNCED, LIFE_QUEUED));
    ck_assert(!life_may_move(LIFE_COUNT, LIFE_QUEUED));
    ck_assert(!life_may_move(LIFE_QUEUED, LIFE_COUNT));
}

TEST(every_state_can_be_reached_and_left)
{
    for (int to = 0; to < LIFE_COUNT; to++) {
        bool reached = false, left = false;

        for (int other = 0; other < LIFE_COUNT; other++) {
            reached |= life_may_move((enum life)other, (enum life)to);
            left |= life_may_move((enum life)to, (enum life)other);
        }
        ck_assert_msg(reached && left, "%s", life_name((enum life)to));
    }
}

// Whatever holds a request must be able to let it go without losing it.
TEST(only_leased_requests_are_worked_on_after_the_original_is_gone)
{
    for (int state = 0; state < LIFE_COUNT; state++) {
        bool unleased = state == LIFE_QUEUED || state == LIFE_TAKEN || state == LIFE_EARLY ||
                        state == LIFE_DONE;

        ck_assert_msg(life_is_leased((enum life)state) == !unleased, "%s",
                      life_name((enum life)state));
    }
    ck_assert(!life_is_leased(LIFE_COUNT));
}

TEST(no_state_has_no_name)
{
    ck_assert_str_eq(life_name(LIFE_COUNT), "unknown");
}
