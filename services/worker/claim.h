// SPDX-License-Identifier: GPL-3.0-only
// Claims: how workers find out that two of them have the same request, and agree on one.
//
// It happens when the broker forgets an acknowledgement (it was killed, or the connection was cut
// before it read it), and when a lease ran out while its holder could not reach the broker. Every
// worker listens to the exchange autopkgtest.claims; what a message says is `struct claim`. Who
// takes a doubtful request (delivered before, or a copy that came back) says so, after it has the
// lease and before it starts the test; who has a new link says so of everything it has in hand. Who
// hears a claim for something of its own yields to one that beats its own, else answers with its
// own. The order is total and a claim only ever gets better, so that of several exactly one is
// left; and whoever claims has the lease, so that the request outlives the winner.
//
// docs/explanation/life-of-a-request.md, "Two with the same request".
#pragma once

#include "worker/worker.h"

#define CLAIM_EXCHANGE "autopkgtest.claims"

// Better to the end of the list.
enum claim_rank {
    CLAIM_ASKING,  // has not begun
    CLAIM_RUNNING, // the test runs, or waits for its next attempt
    CLAIM_ENDED,   // its result is in the spool
    CLAIM_STORED,  // its result is stored, perhaps announced: does not yield any more
};

struct claim {
    const char *uuid, *queue; // which request; the same uuid may be asked for in several queues
    const char *run_id;
    const char *worker; // UNIT/NAME
    int64_t since_us;   // realtime: when this worker took it
    enum claim_rank rank;
    bool finished;    // done with; then run_id begins with the time when that was
    bool redelivered; // the original, perhaps acknowledged once: its run id does not tell its age
};

// Whether `a` keeps the request and `b` yields: the one that is further, then the older.
bool claim_beats(const struct claim *a, const struct claim *b);

// Whether a request that was finished at `finished` (YYYYMMDD_HHMMSS…) is the claimed one, rather
// than an earlier test that somebody asks to repeat. `suspect`: the link was lost shortly after, so
// that it may have been acknowledged in vain.
bool claim_is_of_finished(const struct claim *claim, const char *finished, bool suspect);

// Lets claims come into the queue.
int claim_open(struct worker *w, const char *queue, struct error *err);
// A message of the exchange.
void claim_receive(struct worker *w, const struct amqp_delivery *delivery);
// Claims what the job has; or yields at once to a finished run of this worker itself.
void claim_job(struct worker *w);
// Claims all that this worker has in hand.
void claim_all(struct worker *w);

// Remembers, also across restarts, that this request is done.
void claim_finished(struct worker *w, const char *uuid, const char *queue);
// The link was lost: what was finished in the last seconds may come once more.
void claim_link_lost(struct worker *w);
// Reads what was remembered.
int claim_load(struct worker *w, struct error *err);
