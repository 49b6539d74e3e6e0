// SPDX-License-Identifier: GPL-3.0-only
// Going through a queue that workers use, and leaving it as it was.
//
// To see a message of a queue, all before it must be held, unacknowledged. So a walk holds more and
// more of the queue, and workers that ask meanwhile get what is behind. It ends at what was there
// when it began, and then gives everything back, in blocks, at the old places.
// docs/explanation/queues.md has the picture, the reasons and the figures.
#pragma once

#include "cli/cli.h"

// What becomes of a message that was seen.
enum queue_fate {
    QUEUE_KEEP,   // it goes back to its place
    QUEUE_REMOVE, // it is acknowledged at once: it is safe elsewhere, or wanted by nobody
    QUEUE_HELD,   // the caller acknowledges it, at the latest in `settle`
};

struct queue_walk {
    struct amqp_link *link;
    const char *queue;
    uint64_t most; // how many to look at; UINT64_MAX: all
    // Called for each message, in order; must not wait for the broker. Negative: ends the walk,
    // everything goes back.
    int (*see)(struct amqp_delivery *delivery, enum queue_fate *ret, void *userdata,
               struct error *err);
    // Called now and then, the last time (`last`) before messages are given back; may be NULL.
    int (*settle)(bool last, void *userdata, struct error *err);
    void *userdata;
    uint64_t seen; // set by the walk
};

// Waits until no other program looks into the queue (adt/queue_lock.h), which would hold requests
// that are not seen then; until the link ends, or queue_unlock(). After a minute: -EBUSY. A
// queue that does not keep its order (adt/durable_queue.h): -EOPNOTSUPP, with what to do.
int queue_walk_enter(struct amqp_link *link, const char *queue, struct error *err);

// Enters, and leaves. No such queue: -ENOENT.
int queue_walk(struct queue_walk *walk, struct error *err);
