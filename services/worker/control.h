// SPDX-License-Identifier: GPL-3.0-only
// Orders from operators: `kill` by the broker (adt/control.h), drains and lists of packages by
// files (adt/drain.h, worker/lists.h).
#pragma once

#include "worker/worker.h"

// Lets orders come into the queue.
int control_open(struct worker *w, const char *queue, struct error *err);
// A message of the exchange.
void control_receive(struct worker *w, const struct amqp_delivery *delivery);
// The killed job has come to its end: tells who asked.
void control_done(struct worker *w);
// It had ended before it could be.
void control_too_late(struct worker *w);

// Looks whether this worker is drained.
void control_look(struct worker *w);
// Reads the lists and the orders to drain when they have changed. -ENOMEM.
int control_read_changes(struct worker *w, struct error *err);
