// SPDX-License-Identifier: GPL-3.0-only
#include "worker/life.h"

#include <stddef.h>

#define TO(state) (1U << (LIFE_##state))

static const struct {
    const char *name;
    unsigned next; // bits of the states that may follow
    bool leased;
} lives[LIFE_COUNT] = {
    [LIFE_QUEUED] = {"queued", TO(TAKEN), false},
    [LIFE_TAKEN] = {"taken", TO(QUEUED) | TO(EARLY) | TO(CHECKING) | TO(RUNNING), false},
    [LIFE_EARLY] = {"early", TO(QUEUED) | TO(SPOOLED) | TO(KEEPING) | TO(WAITING), false},
    [LIFE_CHECKING] = {"checking", TO(RUNNING) | TO(STORED) | TO(RETURNING), true},
    [LIFE_RUNNING] = {"running", TO(SPOOLED) | TO(KEEPING) | TO(WAITING) | TO(RETURNING), true},
    [LIFE_WAITING] = {"waiting", TO(RUNNING) | TO(RETURNING), true},
    [LIFE_RETURNING] = {"returning", TO(QUEUED), true},
    [LIFE_KEEPING] = {"keeping", TO(SPOOLED) | TO(RETURNING), true},
    [LIFE_SPOOLED] = {"spooled", TO(UPLOADING) | TO(STORED), true},
    [LIFE_UPLOADING] = {"uploading", TO(SPOOLED) | TO(STORED) | TO(RETURNING), true},
    [LIFE_STORED] = {"stored", TO(ANNOUNCED), true},
    [LIFE_ANNOUNCED] = {"announced", TO(DONE), true},
    [LIFE_DONE] = {"done", TO(QUEUED), false},
};

const char *life_name(enum life state)
{
    return state < LIFE_COUNT ? lives[state].name : "unknown";
}

bool life_may_move(enum life from, enum life to)
{
    return from < LIFE_COUNT && to < LIFE_COUNT && (lives[from].next & (1U << to)) != 0;
}

bool life_move(enum life *state, enum life to)
{
    if (!life_may_move(*state, to))
        return false;
    *state = to;
    return true;
}

bool life_is_leased(enum life state)
{
    return state < LIFE_COUNT && lives[state].leased;
}
