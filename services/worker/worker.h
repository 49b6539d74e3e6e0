// SPDX-License-Identifier: GPL-3.0-only
// The worker as a whole: the state that its modules share, and what that says by itself. Each
// module has a header of its own:
//
//     main.c     settings, signals, exit codes
//     loop.c     the poll loop, timers
//     broker.c   the link: opening, losing, looking for work
//     lease.c    copies of requests in this worker's lease queue
//     lease_queue.c  those queues: their kind, their properties
//     lease_copy.c   a copy as a message: renewed, given back
//     claim.c    two workers with the same request agree on one
//     job.c      the request in hand: taken, tested, ended
//     run.c      its processes: autopkgtest, and whatever that leaves running
//     control.c  orders of operators: kill, drain, lists of packages
//     pause.c    testbed failures in a row
//     folder.c   its files: work folder, spool folder
//     courier.c  finished results: uploaded, announced, removed
//     parcel.c   one of them, and the list of all
//     adopt.c    finished results of workers that were removed
//     leftover.c testbeds that killed tests leave behind
//     sign.c     signs of life on testbeds that others could take for left behind
//     scratch.c  temporary files of tests, and what killed ones leave there
//     image.c    what tests of a release need is there
//     gate.c     few workers at a time connect to the broker
//     report.c   what others are told: status messages, journal, systemd
//
// One thread. Calls that wait for the broker take one round trip, bounded by the settings.
#pragma once

#include "adt/event.h"
#include "adt/message.h"
#include "adt/request.h"
#include "adt/settings.h"
#include "adt/unit_state.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/watch.h"
#include "worker/life.h"
#include "worker/lists.h"
#include "worker/parcel.h"
#include "worker/pick.h"
#include "worker/scratch.h"
#include "worker/sign.h"

// An operator wants the test ended (control.h).
struct job_kill {
    bool asked;
    bool requeue;
    char *reply_to, *correlation_id; // of the one who asked last; NULL: no answer is wanted
};

// The request in hand. Empty (state LIFE_QUEUED) while the worker is idle.
struct job {
    enum life state;
    char *run_id;
    const char *release; // of the queue, borrowed from the pick
    size_t queue;        // where it came from, an index of the pick
    struct buf body;     // completed: what the lease copy and the spool have
    struct request request;
    char *dir;             // work/NAME/RUNID
    uint64_t delivery_tag; // unacknowledged original, while LIFE_TAKEN or LIFE_EARLY
    uint64_t lease_tag;    // publication number of the copy
    bool came_back;        // a copy that returned from a lost lease
    bool doubtful;         // delivered before: others may have it
    bool redelivered;      // doubtful as an original, or came from such a one
    bool probe;            // taken to see whether testbeds work again
    bool disk_full;        // no room in the work folder: a testbed failure
    bool copied;           // into the spool; still to be brought onto its disk
    int exitcode;          // that is recorded, while LIFE_KEEPING
    bool yielded;          // another has it: it goes, and not back into its queue
    struct job_kill kill;
    int64_t since_us;              // realtime, when it was taken
    uint64_t ask_at_us;            // next claim while others may object
    uint64_t begin_at_us;          // when the test begins if nobody does, while LIFE_CHECKING
    uint64_t ask_until_us;         // until when others may object, if it is doubtful
    unsigned attempt;              // testbed failures so far
    bool unreadable;               // only its package is known; `verdict` says why
    char *verdict;                 // why there is nothing to run; then `status` is what is recorded
    int status;                    // exit code of autopkgtest, or minus the signal
    struct process process;        // autopkgtest, or the look into the store
    uint64_t started_us, ended_us; // of the test, monotonic
    uint64_t retry_at_us;
    uint64_t kill_at_us;   // SIGTERM was not enough
    uint64_t report_at_us; // next status message
};

struct courier {
    struct parcel *first;
    struct process upload; // of `current`
    struct parcel *current;
    unsigned failures; // in a row
    uint64_t retry_at_us;
    bool refused; // credentials or configuration: a person must act
};

// Runs whose testbeds could not be removed yet (leftover.h).
struct leftovers {
    struct strv runs;
    bool all;       // and whatever earlier lives may have left that nobody has noted
    uint64_t at_us; // next try
    unsigned tries;
};

#define NEWS_CONSUMER "news" // claims and orders; by its name they are told from requests

#define PARCELS_MAX 200 // results kept back; with more, no further work is taken

struct worker {
    struct worker_settings settings;
    struct amqp_settings broker;
    char *lease_queue, *lease_key;
    bool lease_quorum; // of which kind the lease queues are
    struct pick pick;
    struct lists lists;
    struct watch watch; // of the lists and of the orders to drain
    struct scratch scratch;
    bool drained;
    struct amqp_link *link; // NULL: not connected
    size_t cursor;
    unsigned connect_failures;
    uint64_t connect_at_us;
    char *link_lost; // why there is none, one line; NULL: it was not tried yet
    int link_error;  // set by handlers, looked at after each dispatch
    bool consuming;
    bool recovered;        // the lease queue was looked through once since the start
    struct strv unacked;   // run ids of an earlier life that were never acknowledged
    struct strv returned;  // copies of an earlier life that went back
    struct strv finished;  // requests done with (claim.c)
    uint64_t linked_at_us; // when the link was opened
    uint64_t renew_at_us;
    uint64_t look_at_us;               // no work is taken before
    unsigned testbed_failures, pauses; // in a row (pause.h)
    uint64_t pause_until_us;
    uint64_t image_at_us;  // next look for images that were not there
    uint64_t queues_at_us; // next try of queues that are down
    bool listens;          // to LEASE_RETURNED
    struct job job;
    struct courier courier;
    struct leftovers left;
    struct sign sign;
    unsigned stop_requests; // SIGTERMs
    bool reload;            // SIGHUP
    int signal_fd, lock_fd;
    uint64_t watchdog_us; // 0: none
    uint64_t watchdog_at_us;
    bool ready;               // systemd knows that we have started
    uint64_t ready_at_us;     // when it is told, whatever has become of the link
    char *status;             // what systemd was told last
    struct worker_state told; // and those who count workers
    bool state_told;
};

// Moves a state. A move that the table does not have is logged as the mistake it is, and made: to
// stay behind what has happened already would only lead to the next mistake.
void worker_move(enum life *state, enum life to);
// Whether it may have one more request.
bool worker_may_take(const struct worker *w);

static inline bool job_is_idle(const struct job *job)
{
    return job->state == LIFE_QUEUED;
}
// Whether nothing of it may be shown. Of an unreadable request: whether it may have been such a
// one.
bool job_is_private(const struct job *job);
void job_kill_release(struct job_kill *kill);
