// SPDX-License-Identifier: GPL-3.0-only
// Looks at all queues of the settings' releases and architectures: asks how many requests are in
// each, many at once and without waiting for the answers, as the broker of one may be away; then,
// when it is asked to, reads them one by one (queue_reader.h), in steps, so that the event loop can
// serve pages in between. Knows nothing of pages.
//
//     ASKING ── all have answered, or have had their time ──▶ LOOKING ── the last queue ──▶ done
#pragma once

#include "adt/names.h"
#include "adt/settings.h"
#include "web/queue_reader.h"

enum queue_look {
    QUEUE_LENGTHS, // how many requests wait
    QUEUE_BODIES,  // and which ones: the reader has them afterwards
    QUEUE_LOOKS
};

struct queue_place {
    enum queue_context context;
    const char *release, *arch;
};

// How many queues there are, and the number of one of them, by which the reader knows it: contexts,
// in each the releases, in each the architectures.
size_t queue_walk_queues(const struct web_settings *settings);
size_t queue_walk_number(const struct web_settings *settings, const struct queue_place *place);

struct queue_walk;

// Queues that need not be asked for a while.
struct queue_missing {
    struct strv absent; // nobody has declared them
    struct strv away;   // they do not answer: in a cluster the broker where they live can be away
    struct strv why;    // of each of these, with the broker's words
};

void queue_missing_release(struct queue_missing *missing);

// Queues in `missing` are not asked; those that turn out to be missing, and those that do not
// answer in a second though the broker does, are added. `reader`: for QUEUE_BODIES. All must
// outlive the walk.
int queue_walk_new(const struct web_settings *settings, enum queue_look look,
                   struct queue_missing *missing, struct queue_reader *reader,
                   struct queue_walk **ret);
// One more step. QUEUE_WALK_MORE, or QUEUE_WALK_WAITS: nothing to do before queue_walk_answer() or
// queue_walk_deadline(). 0: *ret has {"ubuntu": {release: {arch: n}}, …}, how many requests there
// are, null where that is not known as the queue does not answer, for the caller to free; negative:
// the link is lost.
// Taken requests come back by themselves when a link is closed.
enum { QUEUE_WALK_MORE = 1, QUEUE_WALK_WAITS = 2 };
int queue_walk_step(struct queue_walk *walk, struct amqp_link *link, json_t **ret,
                    struct error *err);
// An answer of the link, to whomever it may concern. -ENOMEM.
int queue_walk_answer(struct queue_walk *walk, const struct amqp_queue_answer *answer);
// CLOCK_MONOTONIC microseconds at which to go on, with or without the answers that are awaited.
uint64_t queue_walk_deadline(const struct queue_walk *walk);
void queue_walk_free(struct queue_walk *walk);
