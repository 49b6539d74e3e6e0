// SPDX-License-Identifier: GPL-3.0-only
// Finished results: uploaded, announced, removed.
#pragma once

#include "worker/worker.h"

int courier_load(struct worker *w, struct error *err);
int courier_add(struct worker *w, const char *run_id, const char *uuid, const char *queue,
                int64_t since_us, struct error *err);
// Starts what is due. Errors: of the link.
int courier_advance(struct worker *w, struct error *err);
void courier_upload_ended(struct worker *w);
uint64_t courier_deadline(const struct worker *w);
// Whether something is under way, or could be, right now.
bool courier_is_busy(const struct worker *w);
void courier_release(struct worker *w);
