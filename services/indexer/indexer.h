// SPDX-License-Identifier: GPL-3.0-only
// The indexer: completion messages from the broker into the database, in batches, losing none.
//
// Its queue is durable and its own (one per unit, so that every web unit has all results); a
// message is acknowledged after the transaction that holds it is on disk. A message that cannot be
// read is set aside in the database with the reason. A batch that cannot be written (disk full,
// database locked) stays in the queue and is tried again.
#pragma once

#include "adt/database.h"
#include "adt/settings.h"

struct batch; // messages received and not yet written

struct batch *batch_new(void);
void batch_free(struct batch *batch);
// Takes the delivery's content.
int batch_add(struct batch *batch, struct amqp_delivery *delivery);
size_t batch_size(const struct batch *batch);
// Writes all in one transaction and empties the batch. On failure nothing is written and the batch
// is as it was. *ret_last_tag: the delivery tag up to which all can be acknowledged; *ret_rejected:
// how many were set aside.
int batch_write(struct batch *batch, struct database *db, uint64_t *ret_last_tag,
                size_t *ret_rejected, struct error *err);

// The name of a unit's queue: `autopkgtest-indexer.autopkgtest-web-0`. The caller frees.
char *indexer_queue_name(const char *unit);

// Runs until SIGTERM or SIGINT. 0 or a negative errno after which a restart by systemd makes sense.
int indexer_run(const char *config_dir, struct error *err);

DEFINE_CLEANUP(struct batch *, batch_free)
