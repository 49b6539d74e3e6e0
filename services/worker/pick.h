// SPDX-License-Identifier: GPL-3.0-only
// In which order an idle worker looks into its queues.
//
// Queues are in three ranks: those of the normal and ppa contexts, then upstream, then huge; in
// the given share of picks upstream comes first. Within a rank the queue that was picked from
// longest ago comes first, so that releases and contexts that hold requests are served in turn
// whatever their lengths.
//
// Pure: knows neither broker nor random numbers.
#pragma once

#include "adt/names.h"
#include "base/strv.h"

#include <stdint.h>

struct pick_queue {
    char *name;
    char *release;
    enum queue_context context;
    uint64_t last; // number of the pick that last took from it; 0: never
    bool usable;   // requests of it can be run now (image.h)
    bool down;     // the broker that it lives on is away from its cluster (broker.c)
    bool asked;    // whether that is so: there is no answer so far
};

static inline bool pick_queue_is_open(const struct pick_queue *queue)
{
    return queue->usable && !queue->down;
}

struct pick {
    struct pick_queue *queues; // owned
    size_t len;
    uint64_t picks; // made so far
    uint64_t upstream_percentage;
};

// Every context of every release, for one architecture.
int pick_init(struct pick *pick, const struct strv *releases, const char *arch,
              uint64_t upstream_percentage, struct error *err);
void pick_release(struct pick *pick);

// Writes the indices of all queues, in the order to look, into `ret_order` (room for pick->len).
// `roll` is a random number from 0 to 99.
void pick_order(const struct pick *pick, unsigned roll, size_t *ret_order);

// A request came from that queue.
void pick_taken(struct pick *pick, size_t index);

// The index of a queue by its name; pick->len when there is none.
size_t pick_find(const struct pick *pick, const char *name);
