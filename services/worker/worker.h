// SPDX-License-Identifier: GPL-3.0-only
// The worker as a whole: what its modules share.
//
//     main.c     settings, signals, exit codes
//     worker.c   the poll loop, timers, control
//     broker.c   the link: opening, losing, looking for work
//     lease.c    copies of requests in this worker's lease queue
//     lease_queue.c  those queues: their kind, their properties
//     claim.c    two workers with the same request agree on one
//     job.c      the request in hand: taken, tested, ended
//     run.c      its processes: autopkgtest, and whatever that leaves running
//     control.c  orders of operators: kill, drain
//     pause.c    testbed failures in a row
//     folder.c   its files: work folder, spool folder
//     courier.c  finished results: uploaded, announced, removed
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

// A finished run that waits in the spool, is uploaded or announced.
struct parcel {
    enum life state;
    char *run_id;
    char *uuid, *queue;    // of the request, and where it came from
    int64_t since_us;      // when it was taken; 0: by an earlier life
    uint64_t ask_until_us; // until when others may object (monotonic); nothing is uploaded before
    bool seen;             // by the sweep that is under way
    bool yielded;          // another has a result of the same request
    struct parcel *next;
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

// ---- worker.c
int worker_init(struct worker *w, const char *name, struct error *err);
// Works until told to end: 0, or 1 when the program shall execute itself anew.
int worker_run(struct worker *w, struct error *err);
void worker_release(struct worker *w);
// Moves a state. A move that the table does not have is logged as the mistake it is, and made: to
// stay behind what has happened already would only lead to the next mistake.
void worker_move(enum life *state, enum life to);
bool worker_may_take(const struct worker *w);
// Reads the lists and the orders to drain when they have changed. -ENOMEM.
int worker_read_changes(struct worker *w, struct error *err);

// ---- broker.c
int broker_open(struct worker *w, struct error *err);
// The link is gone or of no use: closes it and tells everyone whom it concerns.
void broker_lost(struct worker *w, int r, const struct error *err);
int broker_dispatch(struct worker *w, struct error *err);
// Looks into the queues; waits in all of them when they are empty.
int broker_look(struct worker *w, struct error *err);
int broker_stop_consuming(struct worker *w, struct error *err);
// Tries the queues that are down again, when that is due.
int broker_retry_queues(struct worker *w, struct error *err);

// ---- lease_queue.c
// autopkgtest.lease.autopkgtest-cloud-0.local-amd64-1; the caller frees.
char *lease_queue_name(const char *unit, const char *worker);
// Whether copies whose lease ran out pass through LEASE_RETURNED: on a single broker. A cluster
// brings them back itself, and the broker that had that queue could be down.
bool lease_queue_relays(const struct worker *w);
// Makes our own, or makes it anew when it has other properties; sets w->lease_quorum.
int lease_queue_open(struct worker *w, struct error *err);
// Declares it (-EEXIST: it has other properties).
int lease_queue_declare(struct worker *w, const char *queue, struct error *err);
// Makes sure that the queue of some worker is there, and stays for as long as a copy needs.
int lease_queue_touch(struct worker *w, const char *queue, struct error *err);

// ---- lease.c
#define LEASE_RETURNED "autopkgtest.leases.returned" // where copies go whose lease ran out
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
// Puts a copy into the queue it came from, confirmed.
int lease_give_back(struct worker *w, const struct amqp_delivery *delivery, struct error *err);
// Puts a copy of a run that waits in the spool back under the lease of its worker, confirmed.
int lease_restore(struct worker *w, const char *worker, const struct amqp_delivery *delivery,
                  struct error *err);

// ---- job.c
static inline bool job_is_idle(const struct job *job)
{
    return job->state == LIFE_QUEUED;
}
// Whether nothing of it may be shown. Of an unreadable request: whether it may have been such a
// one.
bool job_is_private(const struct job *job);
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
void job_kill_release(struct job_kill *kill);

// ---- folder.c
// Makes and locks work/NAME; run ids of an earlier life that were not acknowledged go to `unacked`.
int folder_recover(struct worker *w, struct error *err);
// Removes the work folders of the earlier life. Only after the lease queue was gone through: until
// then they tell which copies count.
int folder_clear(const struct worker *w, struct error *err);
// Makes the job's folder with the request in it.
int folder_make(const struct worker *w, struct job *job, struct error *err);
// Whether the unit has a run of that name besides: another worker's, or one in the spool.
bool folder_is_elsewhere(const struct worker *w, const char *run_id);
// From now on the copy counts, not the original.
int folder_mark_leased(const struct job *job, struct error *err);
void folder_unmark_leased(const struct job *job);
int folder_write(const char *dir, const char *name, const void *content, size_t len,
                 struct error *err);
// Makes output/ ready for another attempt.
int folder_reset_output(const struct job *job, struct error *err);
// Whether so little is left of the work folder's disk that a test cannot have gone well.
bool folder_is_full(const struct worker *w);
// Completes the folder and renames it into the spool. -EXDEV: the spool is on another disk.
int folder_spool(const struct worker *w, const struct job *job, int exitcode, struct error *err);
// Then the two programs that bring it there, one after the other, and the end. Work folders may be
// large and disks slow, so that none of it is waited for.
int folder_copy(const struct worker *w, struct job *job, struct error *err);
int folder_copy_sync(const struct worker *w, struct job *job, struct error *err);
int folder_copied(const struct worker *w, const struct job *job, struct error *err);
// Removes a spool folder that is done with.
int folder_discard(const struct worker *w, const char *run_id, struct error *err);
// run.json of the job.
int folder_write_run(const struct worker *w, const struct job *job, int exitcode,
                     struct error *err);

// ---- courier.c
int courier_load(struct worker *w, struct error *err);
int courier_add(struct worker *w, const char *run_id, const char *uuid, const char *queue,
                int64_t since_us, struct error *err);
// How many finished runs are kept back.
size_t courier_count(const struct worker *w);
struct parcel *courier_find(const struct worker *w, const char *run_id);
// Starts what is due. Errors: of the link.
int courier_advance(struct worker *w, struct error *err);
void courier_upload_ended(struct worker *w);
uint64_t courier_deadline(const struct worker *w);
// Whether something is under way, or could be, right now.
bool courier_is_busy(const struct worker *w);
void courier_release(struct worker *w);

// ---- adopt.c
// Takes over what waits in the spool for workers that worker.conf does not have any more.
int adopt_spooled(struct worker *w, struct error *err);

// ---- report.c
// A status message on the test; sets the time of the next one.
void report_test(struct worker *w, bool running);
// Tells those who ask for the request's uuid what has become of it; `reason` may be NULL.
void report_event(struct worker *w, enum event_state state, const char *reason);
// The same of a result that was announced; `uuid` NULL: nobody can ask for it.
void report_done(struct worker *w, const char *uuid, const char *run_id,
                 const struct test_complete *done);
// Journal fields of the job; without one they go.
void report_fields(const struct worker *w);
// The line systemd shows.
void report_status(struct worker *w);
