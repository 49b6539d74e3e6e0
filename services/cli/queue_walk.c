// SPDX-License-Identifier: GPL-3.0-only
#include "cli/queue_walk.h"

#define WINDOW 200U     // messages asked for at once: a worker's own request waits for so many
#define GIVE_BACK 2000U // messages given back at once

// Where a block of messages that go back together ends.
struct marks {
    uint64_t *tags;
    size_t len, alloc;
    uint64_t last; // held
    unsigned held; // since the last mark
};

struct state {
    struct queue_walk *walk;
    struct marks marks;
};

static int mark(struct marks *marks)
{
    if (marks->len == marks->alloc) {
        size_t alloc = marks->alloc ? 2 * marks->alloc : 64;
        uint64_t *more = reallocarray(marks->tags, alloc, sizeof *more);

        if (!more)
            return -ENOMEM;
        marks->tags = more;
        marks->alloc = alloc;
    }
    marks->tags[marks->len++] = marks->last;
    marks->held = 0;
    return 0;
}

static int on_taken(struct amqp_delivery *delivery, void *userdata, struct error *err)
{
    struct state *state = userdata;
    struct queue_walk *walk = state->walk;
    enum queue_fate fate = QUEUE_KEEP;
    uint64_t tag = delivery->tag;
    int r = walk->see(delivery, &fate, walk->userdata, err);

    if (r < 0)
        return r;
    walk->seen++;
    if (fate == QUEUE_REMOVE)
        return amqp_link_ack(walk->link, tag, err);
    state->marks.last = tag;
    if (++state->marks.held >= GIVE_BACK && mark(&state->marks) < 0)
        return error_oom(err);
    return 0;
}

static int read_queue(struct state *state, struct error *err)
{
    struct queue_walk *walk = state->walk;
    uint32_t messages = 0, consumers;
    unsigned got = 1;
    uint64_t left;
    int r = amqp_link_inspect_queue(walk->link, walk->queue, &messages, &consumers, err);

    left = messages < walk->most ? messages : walk->most;
    while (r == 0 && left > 0 && got > 0) {
        unsigned window = left < WINDOW ? (unsigned)left : WINDOW;

        r = amqp_link_get_many(walk->link, walk->queue, window, on_taken, state, &got, err);
        left -= window;
        if (r == 0 && walk->settle)
            r = walk->settle(false, walk->userdata, err);
    }
    return r;
}

static int give_back(struct state *state, struct error *err)
{
    int r = 0;

    if (state->marks.held > 0 && mark(&state->marks) < 0)
        return error_oom(err);
    for (size_t i = 0; r == 0 && i < state->marks.len; i++)
        r = amqp_link_nack_up_to(state->walk->link, state->marks.tags[i], true, err);
    return r;
}

int queue_walk(struct queue_walk *walk, struct error *err)
{
    struct state state = {.walk = walk};
    int r;

    walk->seen = 0;
    r = read_queue(&state, err);
    if (r == 0 && walk->settle)
        r = walk->settle(true, walk->userdata, err);
    // After a failure the end of the link gives everything back.
    if (r == 0)
        r = give_back(&state, err);
    free(state.marks.tags);
    return r;
}
