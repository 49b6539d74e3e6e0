// SPDX-License-Identifier: GPL-3.0-only
// Requests that wait, as pages show them.
#pragma once

#include "web/exchange.h"
#include "web/queue_copy.h"
#include "web/queue_walk.h"

// What estimates are made of. Workers take from all queues of their architecture in turn, so that a
// queue has a share of the tests that run there.
struct queue_pace {
    int64_t mean_s;  // of a test there; 0: not known
    size_t running;  // tests on the architecture
    size_t nonempty; // queues of the architecture
};

// How many requests wait in one queue, of what broker_look() gave; 0: none, or it does not answer.
int64_t queue_length(const json_t *lengths, const struct queue_place *place);
struct queue_pace queue_pace(struct exchange *x, const json_t *lengths,
                             const struct queue_place *place);
// row.wait, "about 3 h" until the request at this position (from 1) begins, and row.wait_s; nothing
// when it cannot be said. -ENOMEM.
int queue_put_wait(json_t *row, const struct queue_pace *pace, int64_t position);
// {"position" (from 1), "package", "package_url", "triggers", "ppas", "uuid", "requester", "wait"}
// of request number `at` (from 0); of a private one the package says that. A new reference; NULL:
// no memory.
json_t *queue_row(const struct queue_copy *queue, const struct queue_pace *pace, size_t at);

// data.queued: requests for a package, on a release and architecture (NULL: any), the first of
// them, each with `context`, `release` and `arch`, as they were seen some seconds ago; none before
// that. data.queued_total: how many there are. -ENOMEM.
int queued_put(struct exchange *x, const char *package, const char *release, const char *arch);
