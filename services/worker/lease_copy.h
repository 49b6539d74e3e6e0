// SPDX-License-Identifier: GPL-3.0-only
// A copy of a request as a message: its headers say whose it is, which run, and where the request
// came from.
#pragma once

#include "net/amqp.h"

#define LEASE_EXCHANGE "autopkgtest.leases" // the header `worker` leads into that worker's queue

// A header of a copy, borrowed; "": it has none of that name.
const char *lease_copy_text(const struct amqp_delivery *copy, const char *header);
// Where the request came from, borrowed. A copy whose lease ran out has another routing key.
const char *lease_copy_origin(const struct amqp_delivery *copy);
// What every copy carries, owned by the caller; NULL for lack of memory.
json_t *lease_copy_headers(const char *worker, const char *uuid, const char *run_id,
                           const char *queue, int64_t attempt, int64_t redelivered);
// Publishes it once more, confirmed, for that worker ("unit/instance").
int lease_copy_renew(struct amqp_link *link, const struct amqp_delivery *copy, const char *worker,
                     struct error *err);
// Puts it into the queue it came from, confirmed. The queue is made again when somebody removed it
// meanwhile.
int lease_copy_give_back(struct amqp_link *link, const struct amqp_delivery *copy,
                         struct error *err);
