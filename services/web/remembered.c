// SPDX-License-Identifier: GPL-3.0-only
#include "web/remembered.h"

#include "base/clock.h"

void remembered_turn(struct remembered *r, uint64_t span_us)
{
    uint64_t now_us = clock_monotonic_us(), age_us = now_us - r->since_us;

    if (age_us < span_us)
        return;
    if (age_us >= 2 * span_us) // nothing was added for a whole span
        strv_release(&r->now);
    strv_release(&r->before);
    r->before = strv_move(&r->now);
    r->since_us = now_us;
}

bool remembered_has(const struct remembered *r, const char *text)
{
    return strv_contains(&r->now, text) || strv_contains(&r->before, text);
}

int remembered_add(struct remembered *r, const char *text)
{
    return strv_add(&r->now, text);
}

void remembered_release(struct remembered *r)
{
    strv_release(&r->now);
    strv_release(&r->before);
}

struct remembered remembered_move(struct remembered *r)
{
    struct remembered moved = *r;

    *r = (struct remembered){0};
    return moved;
}
