// SPDX-License-Identifier: GPL-3.0-only
// Looks at all queues of the settings' releases and architectures, one after the other, in steps of
// one round trip, so that the event loop can serve pages in between. Knows nothing of pages.
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

// Queues in `absent` are taken for empty without asking, and those that are not there are added.
// Settings and `absent` must outlive the walk.
int queue_walk_new(const struct web_settings *settings, enum queue_look look, struct strv *absent,
                   struct queue_walk **ret);
// One more step. 1: there is more to do; 0: *ret has the whole, for the caller to free; negative:
// the link is lost. Taken requests come back by themselves when a link is closed.
int queue_walk_step(struct queue_walk *walk, struct amqp_link *link, json_t **ret,
                    struct error *err);
void queue_walk_free(struct queue_walk *walk);
