// SPDX-License-Identifier: GPL-3.0-only
// The request in hand, from its taking to its end.
#pragma once

#include "worker/worker.h"

// Takes a delivery from queue number `queue`; its content may be taken over. Errors: of the link.
int job_take(struct worker *w, size_t queue, struct amqp_delivery *delivery, struct error *err);
// The broker has the copy: the original can go.
int job_leased(struct worker *w, struct error *err);
// The link went: without a lease the broker gives the request to somebody else.
void job_link_lost(struct worker *w);
// The child has ended.
void job_child_ended(struct worker *w);
// Timers, and what could not be done for want of a link.
int job_advance(struct worker *w, struct error *err);
uint64_t job_deadline(const struct worker *w);
// Ends the test and gives the request back.
void job_give_back(struct worker *w);
// Frees what it holds; the state stays.
void job_clear(struct job *job);
