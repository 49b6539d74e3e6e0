// SPDX-License-Identifier: GPL-3.0-only
// The lease on what this worker has in hand: copies of requests in its lease queue.
#pragma once

#include "worker/worker.h"

// Begins to wait for those, once the queue is known to be there.
int lease_listen(struct worker *w, struct error *err);
// Brings a copy from there to where it came from, confirmed.
int lease_relay(struct worker *w, const struct amqp_delivery *delivery, struct error *err);
int lease_declare(struct worker *w, struct error *err);
// Publishes the copy of the job; its confirm arrives with *ret_tag.
int lease_publish(struct worker *w, const struct job *job, uint64_t *ret_tag, struct error *err);
// Goes through the lease queue once: renews what is ours, gives back what an earlier life of this
// worker left, drops what is done with.
int lease_sweep(struct worker *w, struct error *err);
// Removes every copy of that run.
int lease_remove(struct worker *w, const char *run_id, struct error *err);
// Puts the job's request back into its queue, confirmed, and removes the copy.
int lease_return(struct worker *w, const struct job *job, struct error *err);
// Puts a copy of a run that waits in the spool back under the lease of its worker, confirmed.
int lease_restore(struct worker *w, const char *worker, const struct amqp_delivery *delivery,
                  struct error *err);
