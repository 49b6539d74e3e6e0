// SPDX-License-Identifier: GPL-3.0-only
// The queues that the copies are in.
#pragma once

#include "worker/worker.h"

#define LEASE_RETURNED "autopkgtest.leases.returned" // where copies go whose lease ran out

// autopkgtest.lease.autopkgtest-cloud-0.local-amd64-1; the caller frees.
char *lease_queue_name(const char *unit, const char *worker);
// Whether copies whose lease ran out pass through LEASE_RETURNED: with one or two brokers. A
// cluster of more brings them back itself, and the broker that had that queue could be down.
bool lease_queue_relays(const struct worker *w);
// Makes our own, or makes it anew when it has other properties; sets w->lease_quorum.
int lease_queue_open(struct worker *w, struct error *err);
// Declares it (-EEXIST: it has other properties).
int lease_queue_declare(struct worker *w, const char *queue, struct error *err);
// Makes sure that the queue of some worker is there, and stays for as long as a copy needs.
int lease_queue_touch(struct worker *w, const char *queue, struct error *err);
