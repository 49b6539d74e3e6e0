// SPDX-License-Identifier: GPL-3.0-only
#include "worker/claim.h"

#include "test.h"

static struct claim claim(enum claim_rank rank, int64_t since, const char *worker)
{
    return (struct claim){
        .uuid = "u",
        .queue = "q",
        .run_id = "20260102_030405_abcde@",
        .worker = worker,
        .since_us = since,
        .rank = rank,
    };
}

TEST(who_is_further_keeps_the_request_then_who_is_older)
{
    struct claim asks = claim(CLAIM_ASKING, 1, "a"), runs = claim(CLAIM_RUNNING, 9, "b");
    struct claim older = claim(CLAIM_RUNNING, 8, "c");

    ck_assert(claim_beats(&runs, &asks) && !claim_beats(&asks, &runs));
    ck_assert(claim_beats(&older, &runs) && !claim_beats(&runs, &older));
}

TEST(of_any_two_claims_exactly_one_wins)
{
    static const char *const workers[] = {"a/0/x", "a/1/x"};
    struct claim all[16];
    size_t n = 0;

    for (int rank = CLAIM_ASKING; rank <= CLAIM_STORED; rank++)
        for (int64_t since = 1; since <= 2; since++)
            for (size_t i = 0; i < 2; i++)
                all[n++] = claim((enum claim_rank)rank, since, workers[i]);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            ck_assert_int_eq(claim_beats(&all[i], &all[k]) + claim_beats(&all[k], &all[i]), i != k);
}

TEST(a_finished_request_is_the_claimed_one_when_it_was_taken_before_that)
{
    struct claim c = claim(CLAIM_ASKING, 1, "a");

    ck_assert(claim_is_of_finished(&c, "20260102_030406 u q", false));
    ck_assert(!claim_is_of_finished(&c, "20260102_030404 u q", true));
}

TEST(a_redelivered_request_may_have_been_finished_shortly_before_the_link_was_lost)
{
    struct claim c = claim(CLAIM_ASKING, 1, "a");

    c.redelivered = true;
    ck_assert(claim_is_of_finished(&c, "20260102_030404 u q", true));
    ck_assert(!claim_is_of_finished(&c, "20260102_030404 u q", false));
}
