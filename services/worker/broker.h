// SPDX-License-Identifier: GPL-3.0-only
// The link to the broker: opening, losing, looking for work.
#pragma once

#include "worker/worker.h"

int broker_open(struct worker *w, struct error *err);
// The link is gone or of no use: closes it and tells everyone whom it concerns.
void broker_lost(struct worker *w, int r, const struct error *err);
int broker_dispatch(struct worker *w, struct error *err);
// Looks into the queues; waits in all of them when they are empty.
int broker_look(struct worker *w, struct error *err);
int broker_stop_consuming(struct worker *w, struct error *err);
// Tries the queues that are down again, when that is due.
int broker_retry_queues(struct worker *w, struct error *err);
