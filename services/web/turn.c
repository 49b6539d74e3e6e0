// SPDX-License-Identifier: GPL-3.0-only
#include "web/turn.h"

#include "web/web.h"

struct turn {
    struct turn *next;
    struct exchange *x;
    sd_event_source *source;
};

static void forget(struct exchange *x)
{
    struct turn *turn = TAKE_PTR(x->turn), **at = &x->web->turns;

    while (*at && *at != turn)
        at = &(*at)->next;
    if (*at)
        *at = turn->next;
    (void)sd_event_source_disable_unref(turn->source);
    free(turn);
}

static int on_turn(sd_event_source *source _unused_, void *userdata)
{
    exchange_again(userdata);
    return 0;
}

static int turn_new(struct exchange *x)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    int r = turn ? sd_event_add_defer(x->web->event, &turn->source, on_turn, x) : -ENOMEM;

    if (r < 0) {
        free(turn);
        return r;
    }
    turn->x = x;
    turn->next = x->web->turns;
    x->turn = x->web->turns = turn;
    exchange_at_end(x, forget);
    return 0;
}

int turn_wait(struct exchange *x, struct error *err)
{
    int r = x->turn ? 0 : turn_new(x);

    if (r >= 0)
        r = sd_event_source_set_enabled(x->turn->source, SD_EVENT_ONESHOT);
    return r < 0 ? error_errno(err, r, "cannot wait for a turn") : EXCHANGE_WAIT;
}

void turns_end(const struct web *web)
{
    for (const struct turn *turn = web->turns, *next; turn; turn = next) {
        next = turn->next;
        exchange_again(turn->x); // nothing, for one that does not wait
    }
}
