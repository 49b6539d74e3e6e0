// SPDX-License-Identifier: GPL-3.0-only
#include "cli/queue_walk.h"

#include "adt/durable_queue.h"
#include "adt/queue_lock.h"
#include "base/clock.h"

#define WINDOW 100U       // messages asked for at once: a worker's own request waits for so many
#define BLOCK_MIN 250U    // messages given back at once
#define BLOCKS_MOST 1000U // channels used
#define READER_PAUSE_US (50 * USEC_PER_MSEC)
#define READER_MOST_US (60 * USEC_PER_SEC) // then another reader is taken to be stuck

// What is held in one channel: neighbours in the queue.
struct block {
    unsigned channel;
    unsigned taken;
};

struct state {
    struct queue_walk *walk;
    struct block *blocks;
    size_t len;
    unsigned block_size;
    bool no_more; // channels: the last block takes all the rest
};

static struct block *newest(struct state *state)
{
    return &state->blocks[state->len - 1];
}

static int add_block(struct state *state, struct error *err)
{
    struct block *more = reallocarray(state->blocks, state->len + 1, sizeof *more);
    struct block block = {0};
    int r;

    if (!more)
        return error_oom(err);
    state->blocks = more;
    r = amqp_link_add_channel(state->walk->link, &block.channel, err);
    if (r == -EMFILE && state->len > 0) {
        error_clear(err);
        state->no_more = true;
        return 0;
    }
    if (r == 0)
        state->blocks[state->len++] = block;
    return r;
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
    newest(state)->taken++;
    return fate == QUEUE_REMOVE ? amqp_link_ack(walk->link, tag, err) : 0;
}

static int take(struct state *state, unsigned window, unsigned *ret_got, struct error *err)
{
    struct queue_walk *walk = state->walk;
    int r = 0;

    if (newest(state)->taken >= state->block_size && !state->no_more)
        r = add_block(state, err);
    if (r == 0)
        r = amqp_link_get_many(walk->link, newest(state)->channel, walk->queue, window, on_taken,
                               state, ret_got, err);
    if (r == 0 && walk->settle)
        r = walk->settle(false, walk->userdata, err);
    return r;
}

// The first message is taken before the queue is asked how many there are: it answers that ahead of
// giving places to what a walk before this one gave back.
static int read_queue(struct state *state, struct error *err)
{
    struct queue_walk *walk = state->walk;
    uint32_t messages = 0, consumers;
    unsigned got = 0;
    uint64_t left;
    int r = add_block(state, err);

    if (r < 0 || (r = take(state, 1, &got, err)) < 0 || got == 0 || walk->most == 1 ||
        (r = amqp_link_inspect_queue(walk->link, walk->queue, &messages, &consumers, err)) < 0)
        return r;
    left = messages < walk->most - 1 ? messages : walk->most - 1;
    if (left / BLOCKS_MOST > BLOCK_MIN)
        state->block_size = (unsigned)(left / BLOCKS_MOST);
    while (r == 0 && left > 0 && got > 0) {
        unsigned window = left < WINDOW ? (unsigned)left : WINDOW;

        r = take(state, window, &got, err);
        left -= window;
    }
    return r;
}

static int on_answer(struct amqp_delivery *delivery, void *userdata, struct error *err)
{
    (void)delivery, (void)userdata, (void)err;
    return 0;
}

// Waits until the queue has everything, so that others come in between: it answers a get after
// that. What it hands out then goes back as well.
static int give_back_block(const struct queue_walk *walk, const struct block *block,
                           struct error *err)
{
    unsigned got;
    int r = amqp_link_nack_channel(walk->link, block->channel, err);

    if (r < 0 ||
        (r = amqp_link_get_many(walk->link, block->channel, walk->queue, 1, on_answer, NULL, &got,
                                err)) < 0 ||
        (r = amqp_link_nack_channel(walk->link, block->channel, err)) < 0)
        return r;
    return amqp_link_close_channel(walk->link, block->channel, err);
}

// The newest first: the queue looks for the place of what it takes back from its head on.
static int give_back(const struct state *state, struct error *err)
{
    int r = 0;

    for (size_t i = state->len; r == 0 && i-- > 0;)
        r = give_back_block(state->walk, &state->blocks[i], err);
    return r;
}

static int check_kind(struct amqp_link *link, const char *queue, struct error *err)
{
    int r = durable_queue_keeps_order(link, queue, err);

    return r != 0 ? (r < 0 ? r : 0)
                  : error_set(err, -EOPNOTSUPP,
                              "%s is not a classic queue: it would not give requests that were "
                              "looked at their places back. Let workers empty it, make classic "
                              "queues the default of the vhost, delete it (rabbitmqctl "
                              "delete_queue %s --if-empty), and the next request makes it anew",
                              queue, queue);
}

int queue_walk_enter(struct amqp_link *link, const char *queue, struct error *err)
{
    uint64_t end = clock_monotonic_us() + READER_MOST_US;
    int r;

    while ((r = queue_lock(link, queue, err)) == 0) {
        uint64_t next = clock_monotonic_us() + READER_PAUSE_US;

        if (next > end)
            return error_set(err, -EBUSY,
                             "another program has been reading %s for %u s, and holds requests of "
                             "it: try again",
                             queue, (unsigned)(READER_MOST_US / USEC_PER_SEC));
        while (r == 0 && clock_monotonic_us() < next)
            r = cli_wait(link, next, err);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : check_kind(link, queue, err);
}

int queue_walk(struct queue_walk *walk, struct error *err)
{
    struct state state = {.walk = walk, .block_size = BLOCK_MIN};
    int r;

    walk->seen = 0;
    r = queue_walk_enter(walk->link, walk->queue, err);
    if (r == 0)
        r = read_queue(&state, err);
    if (r == 0 && walk->settle)
        r = walk->settle(true, walk->userdata, err);
    // After a failure the end of the link gives everything back.
    if (r == 0)
        r = give_back(&state, err);
    if (r == 0)
        r = queue_unlock(walk->link, walk->queue, err);
    free(state.blocks);
    return r;
}
