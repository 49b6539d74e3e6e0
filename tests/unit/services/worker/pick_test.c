// SPDX-License-Identifier: GPL-3.0-only
#include "worker/pick.h"

#include "test.h"

#define NEVER_UPSTREAM 99
#define UPSTREAM 0

static struct pick make(const char *releases)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv list = STRV_INIT;
    struct pick pick;

    ck_assert_int_eq(strv_split(&list, releases, " "), 0);
    ASSERT_OK(pick_init(&pick, &list, "amd64", 20, &err), &err);
    return pick;
}

// Takes from the first queue in order that `full` names.
static const char *take(struct pick *pick, unsigned roll, const char *full)
{
    size_t order[64];

    pick_order(pick, roll, order);
    for (size_t i = 0; i < pick->len; i++) {
        const char *name = pick->queues[order[i]].name;
        const char *at = strstr(full, name);

        if (at && (at[strlen(name)] == ' ' || at[strlen(name)] == '\0')) {
            pick_taken(pick, order[i]);
            return name;
        }
    }
    return "";
}

TEST(every_context_of_every_release_is_looked_into)
{
    struct pick pick = make("noble jammy");
    size_t order[64];
    unsigned seen = 0;

    ck_assert_uint_eq(pick.len, 2 * CONTEXT_COUNT);
    pick_order(&pick, NEVER_UPSTREAM, order);
    for (size_t i = 0; i < pick.len; i++)
        seen |= 1U << order[i];
    ck_assert_uint_eq(seen, (1U << pick.len) - 1);
    ck_assert_uint_eq(pick_find(&pick, "debci-huge-jammy-amd64"), 5);
    ck_assert_uint_eq(pick_find(&pick, "elsewhere"), pick.len);
    pick_release(&pick);
}

TEST(releases_and_contexts_with_work_are_served_in_turn)
{
    struct pick pick = make("noble jammy");
    const char *full = "debci-noble-amd64 debci-jammy-amd64 debci-ppa-noble-amd64";
    int noble = 0, jammy = 0, ppa = 0;

    for (int i = 0; i < 300; i++) {
        const char *name = take(&pick, NEVER_UPSTREAM, full);

        noble += str_equal(name, "debci-noble-amd64");
        jammy += str_equal(name, "debci-jammy-amd64");
        ppa += str_equal(name, "debci-ppa-noble-amd64");
    }
    ck_assert_int_eq(noble, 100);
    ck_assert_int_eq(jammy, 100);
    ck_assert_int_eq(ppa, 100);
    pick_release(&pick);
}

TEST(huge_waits_until_the_others_are_empty)
{
    struct pick pick = make("noble");

    for (int i = 0; i < 10; i++)
        ck_assert_str_eq(take(&pick, NEVER_UPSTREAM, "debci-huge-noble-amd64 debci-noble-amd64"),
                         "debci-noble-amd64");
    ck_assert_str_eq(take(&pick, UPSTREAM, "debci-huge-noble-amd64"), "debci-huge-noble-amd64");
    pick_release(&pick);
}

TEST(upstream_has_its_share_of_the_picks)
{
    struct pick pick = make("noble");
    int upstream = 0;

    for (unsigned i = 0; i < 1000; i++)
        upstream += str_equal(take(&pick, i % 100, "debci-upstream-noble-amd64 debci-noble-amd64"),
                              "debci-upstream-noble-amd64");
    ck_assert_int_eq(upstream, 200);
    ck_assert_str_eq(take(&pick, NEVER_UPSTREAM, "debci-upstream-noble-amd64"),
                     "debci-upstream-noble-amd64");
    pick_release(&pick);
}

// Numerical Recipes' generator: the same rolls at every run.
static unsigned next_roll(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 16) % 100;
}

#define DRAWS 20000

// Takes DRAWS times from full queues of three releases; how often each queue came.
static void draw(struct pick *pick, const char *full, unsigned counts[static 64])
{
    uint32_t state = 1;

    memset(counts, 0, 64 * sizeof(counts[0]));
    for (int i = 0; i < DRAWS; i++)
        counts[pick_find(pick, take(pick, next_roll(&state), full))]++;
}

TEST(the_shares_of_full_queues_are_those_of_the_settings)
{
    static const char full[] =
        "debci-noble-amd64 debci-jammy-amd64 debci-focal-amd64 debci-ppa-noble-amd64 "
        "debci-ppa-jammy-amd64 debci-upstream-noble-amd64 debci-upstream-focal-amd64 "
        "debci-huge-noble-amd64";
    static const unsigned percentages[] = {0, 1, 20, 50, 99, 100};

    for (size_t p = 0; p < ARRAY_SIZE(percentages); p++) {
        struct pick pick = make("noble jammy focal");
        unsigned counts[64], upstream = 0, others = 0, wanted;

        pick.upstream_percentage = percentages[p];
        draw(&pick, full, counts);
        for (size_t i = 0; i < pick.len; i++) {
            if (pick.queues[i].context == CONTEXT_UPSTREAM)
                upstream += counts[i];
            else if (pick.queues[i].context != CONTEXT_HUGE)
                others += counts[i];
        }
        wanted = DRAWS * percentages[p] / 100;
        // 200: one percent of all draws. The rolls are fixed, so that it holds always or never.
        ck_assert_int_le(abs((int)upstream - (int)wanted), percentages[p] % 100 ? 200 : 0);
        ck_assert_uint_eq(upstream + others, DRAWS); // none of huge
        for (size_t i = 0; i < pick.len; i++) {
            unsigned all = pick.queues[i].context == CONTEXT_UPSTREAM ? upstream / 2 : others / 5;

            // Each of those in its rank that hold something comes in turn: to within one.
            ck_assert(counts[i] == 0 || counts[i] == all || counts[i] == all + 1);
        }
        pick_release(&pick);
    }
}

TEST(a_queue_that_was_empty_for_long_is_not_owed_more_than_its_turn)
{
    struct pick pick = make("noble jammy");

    for (int i = 0; i < 50; i++)
        (void)take(&pick, NEVER_UPSTREAM, "debci-noble-amd64");
    ck_assert_str_eq(take(&pick, NEVER_UPSTREAM, "debci-noble-amd64 debci-jammy-amd64"),
                     "debci-jammy-amd64");
    ck_assert_str_eq(take(&pick, NEVER_UPSTREAM, "debci-noble-amd64 debci-jammy-amd64"),
                     "debci-noble-amd64");
    pick_taken(&pick, pick.len); // no such queue: nothing happens
    pick_release(&pick);
}
