// SPDX-License-Identifier: GPL-3.0-only
// Looks at all queues of the settings' releases and architectures: asks how many requests are in
// each, many at once and without waiting for the answers, as the broker of one may be away; then
// takes and puts back, in steps of one queue and round trip, so that the event loop can serve pages
// in between. Knows nothing of pages.
//
//     ASKING ── all have answered, or have had their time ──▶ LOOKING ── the last queue ──▶ done
#pragma once

#include "adt/settings.h"
#include "net/amqp.h"

// Requests looked at of each queue: they are taken and put back at their places, so that nobody
// else can have them for that long.
#define QUEUE_WALK_BODIES 100

enum queue_look {
    QUEUE_LENGTHS, // how many requests wait: {"ubuntu": {release: {arch: n}}, …}
    QUEUE_BODIES, // which ones: {"ubuntu": {release: {arch: [request, …]}}, …}; message bodies,
                  // or "private job"
    QUEUE_LOOKS
};

struct queue_walk;

// Queues in `absent` are taken for empty without asking; those that are not there, and those whose
// broker does not answer in a second, are added. *channel is the link's channel in which requests
// are taken and given back together; 0 with a new link: it is added. All three must outlive the
// walk.
int queue_walk_new(const struct web_settings *settings, enum queue_look look, struct strv *absent,
                   unsigned *channel, struct queue_walk **ret);
// One more step. QUEUE_WALK_MORE, or QUEUE_WALK_WAITS: nothing to do before queue_walk_answer() or
// queue_walk_deadline(). 0: *ret has the whole, for the caller to free; negative: the link is lost.
// Taken requests come back by themselves when a link is closed.
enum { QUEUE_WALK_MORE = 1, QUEUE_WALK_WAITS = 2 };
int queue_walk_step(struct queue_walk *walk, struct amqp_link *link, json_t **ret,
                    struct error *err);
// An answer of the link, to whomever it may concern. -ENOMEM.
int queue_walk_answer(struct queue_walk *walk, const struct amqp_queue_answer *answer);
// CLOCK_MONOTONIC microseconds at which to go on without the answers that are still awaited.
uint64_t queue_walk_deadline(const struct queue_walk *walk);
// How long requests were away from their queues so far, all queues added up.
uint64_t queue_walk_held_us(const struct queue_walk *walk);
void queue_walk_free(struct queue_walk *walk);
