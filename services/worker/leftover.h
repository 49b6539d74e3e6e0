// SPDX-License-Identifier: GPL-3.0-only
// Testbeds that killed tests leave behind (testbed.h). One that cannot be removed yet (LXD is still
// making it, its remote does not answer) is noted in the worker's folder, as .left-RUNID, and tried
// again, also by the worker's next life.
#pragma once

#include "worker/worker.h"

// What earlier lives have noted.
int leftover_recover(struct worker *w, struct error *err);

// Removes what the run has left, now or later; logs what it does.
void leftover_remove(struct worker *w, const char *run_id);

void leftover_advance(struct worker *w);
uint64_t leftover_deadline(const struct worker *w); // USEC_INFINITY: nothing is left
