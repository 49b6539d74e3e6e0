// SPDX-License-Identifier: GPL-3.0-only
#include "worker/job.h"

#include "adt/message.h"
#include "adt/spool.h"
#include "base/file.h"
#include "base/log.h"
#include "worker/claim.h"
#include "worker/control.h"
#include "worker/courier.h"
#include "worker/folder.h"
#include "worker/image.h"
#include "worker/lease.h"
#include "worker/leftover.h"
#include "worker/outcome.h"
#include "worker/pause.h"
#include "worker/report.h"
#include "worker/run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>

#define RUN_ID_TRIES 10
#define KILL_GRACE_US (10 * USEC_PER_SEC)    // for autopkgtest to clean its testbed up
#define ASK_US USEC_PER_SEC                  // how long others may object to a doubtful request
#define ANSWER_US (100 * USEC_PER_MSEC)      // in which others answer who are connected
#define ASK_AGAIN_US (250 * USEC_PER_MSEC)   // one may just be connecting
#define SETTLE_US (5 * USEC_PER_SEC)         // until all are back after a crash of the broker
#define TROUBLE_PAUSE_US (30 * USEC_PER_SEC) // after a failure of this machine

void job_clear(struct job *job)
{
    process_release(&job->process);
    request_release(&job->request);
    buf_release(&job->body);
    free(job->run_id);
    free(job->dir);
    free(job->verdict);
    job_kill_release(&job->kill);
    *job = (struct job){.state = job->state, .process = PROCESS_INIT};
}

// The request is no longer ours: its folder goes.
static void let_go(struct worker *w)
{
    struct job *job = &w->job;
    bool killed = job->process.pid != 0;
    _cleanup_error_ struct error err = ERROR_INIT;

    run_end_processes(w);
    if (killed)
        leftover_remove(w, job->run_id);
    if (job->dir && dir_remove(job->dir, &err) < 0)
        log_warning("%s", error_message(&err));
    worker_move(&job->state, LIFE_QUEUED);
    job_clear(job);
    report_fields(w);
}

// ---------------------------------------------------------------- taking

static int64_t delivery_attempt(const struct amqp_delivery *delivery)
{
    int64_t attempt = json_integer_value(json_object_get(delivery->headers, "attempt"));

    return attempt > 0 && attempt <= OUTCOME_RETRIES ? attempt : 0;
}

static int new_run_id(const struct worker *w, struct job *job, bool salted, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(2 * REQUEST_BODY_MAX);
    _cleanup_free_ char *salt = salted ? request_uuid_new() : strdup("");
    int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC);

    if (!salt || buf_add(&text, buf_str(&job->body), job->body.len) < 0 ||
        buf_add_str(&text, salt) < 0)
        return error_oom(err);
    job->run_id = run_id_new(now, buf_str(&text), text.len, w->settings.arch, job->release);
    return job->run_id ? 0 : error_oom(err);
}

// A complete request has a uuid; one that cannot be read may be there twice. Five digits of a
// digest are few for a unit that starts a hundred runs in a second: all of it share one spool.
static int begin_new_run(const struct worker *w, struct job *job, struct error *err)
{
    for (unsigned tries = 0; tries < RUN_ID_TRIES; tries++) {
        int r = new_run_id(w, job, job->unreadable || tries > 0, err);

        if (r == 0)
            r = folder_make(w, job, err);
        if (r < 0 || !folder_is_elsewhere(w, job->run_id))
            return r;
        if ((r = dir_remove(job->dir, err)) < 0)
            return r;
        free(TAKE_PTR(job->dir));
        free(TAKE_PTR(job->run_id));
    }
    return error_set(err, -EEXIST, "no free name for a run is found");
}

static int begin_run(const struct worker *w, struct job *job, const struct amqp_delivery *delivery,
                     struct error *err)
{
    const char *old = json_string_value(json_object_get(delivery->headers, "run_id"));

    job->came_back = old && name_is_run_id(old);
    job->redelivered =
        job->came_back ? json_integer_value(json_object_get(delivery->headers, "redelivered")) != 0
                       : delivery->redelivered;
    job->doubtful = job->came_back || job->redelivered;
    if (!job->came_back)
        return begin_new_run(w, job, err);
    // The same run id again: whatever an interrupted run stored is replaced, not doubled.
    job->run_id = strdup(old);
    return job->run_id ? folder_make(w, job, err) : error_oom(err);
}

// Reads the request; what cannot be read, but names a package, gets a verdict.
static int read_request(struct job *job, struct amqp_delivery *delivery, struct error *err)
{
    _cleanup_error_ struct error reason = ERROR_INIT;
    int r = request_parse(buf_str(&delivery->body), delivery->body.len, &job->request, &reason);

    if (r < 0 && !job->request.package)
        return error_set(err, r, "%s", error_message(&reason));
    job->body = (struct buf)BUF_INIT(REQUEST_BODY_MAX);
    if (r == 0 && (r = request_complete(&job->request, &reason)) == 0)
        r = request_format(&job->request, &job->body, &reason); // -E2BIG: it was nearly that long
    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0) {
        job->unreadable = true;
        job->verdict = str_format("the request cannot be read: %s", error_message(&reason));
        buf_release(&job->body);
        job->body = delivery->body;
        delivery->body = (struct buf)BUF_INIT(0);
        return job->verdict ? 0 : error_oom(err);
    }
    return 0;
}

// A copy of a run whose result waits in a spool of this unit: it goes back under the lease that
// watches over that folder.
static int restore_spooled(struct worker *w, const struct amqp_delivery *delivery, bool *ret_done,
                           struct error *err)
{
    const char *run_id = json_string_value(json_object_get(delivery->headers, "run_id"));
    _cleanup_(spool_run_release) struct spool_run run = {0};
    _cleanup_free_ char *dir = NULL;
    int r;

    *ret_done = false;
    if (!run_id || !name_is_run_id(run_id))
        return 0;
    dir = path_join(w->settings.spool_dir, run_id);
    if (!dir)
        return error_oom(err);
    if (spool_run_read(dir, &run, err) < 0) {
        error_clear(err);
        return 0;
    }
    r = lease_restore(w, run.worker, delivery, err);
    if (r == -ENOENT) { // that worker never ran on this broker: run it again
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    log_info("run %s: its result is in the spool already", run_id);
    *ret_done = true;
    return amqp_link_ack(w->link, delivery->tag, err);
}

// Something on this machine failed before the test could begin: others may have more luck.
static int refuse(struct worker *w, const struct error *why, struct error *err)
{
    int r = amqp_link_nack(w->link, w->job.delivery_tag, true, err);

    log_error("cannot begin a test, giving the request back: %s", error_message(why));
    w->look_at_us = clock_monotonic_us() + TROUBLE_PAUSE_US;
    worker_move(&w->job.state, LIFE_TAKEN);
    let_go(w);
    return r;
}

static int reject(struct worker *w, uint64_t tag, const struct error *why, struct error *err)
{
    log_error("request rejected, it names no package: %s", error_message(why));
    job_clear(&w->job);
    return amqp_link_ack(w->link, tag, err);
}

int job_take(struct worker *w, size_t queue, struct amqp_delivery *delivery, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    struct job *job = &w->job;
    bool done = false;
    int r;

    r = restore_spooled(w, delivery, &done, err);
    if (r < 0 || done)
        return r;
    job->queue = queue;
    job->release = w->pick.queues[queue].release;
    job->delivery_tag = delivery->tag;
    job->since_us = (int64_t)clock_realtime_us();
    job->probe = pause_is_on(w);
    job->attempt = (unsigned)delivery_attempt(delivery);
    pick_taken(&w->pick, queue);
    r = read_request(job, delivery, &why);
    if (r == -EBADMSG)
        return reject(w, delivery->tag, &why, err);
    if (r < 0 || (r = begin_run(w, job, delivery, &why)) < 0)
        return refuse(w, &why, err);
    worker_move(&job->state, LIFE_TAKEN);
    report_fields(w);
    r = lease_publish(w, job, &job->lease_tag, err);
    if (r < 0)
        return r;
    // The broker writes the copy to its disk while the test already starts. What was delivered
    // before waits for that: only who has the lease may ask whether it is in the hands of another.
    if (!job->doubtful)
        run_start(w);
    return 0;
}

static void job_check(struct worker *w);
static void job_finish(struct worker *w);

int job_leased(struct worker *w, struct error *err)
{
    struct job *job = &w->job;
    int r = folder_mark_leased(job, err);

    if (r == 0)
        r = amqp_link_ack(w->link, job->delivery_tag, err);
    if (r < 0) {
        folder_unmark_leased(job);
        w->look_at_us = clock_monotonic_us() + TROUBLE_PAUSE_US;
        return r;
    }
    job->lease_tag = 0;
    if (job->state == LIFE_EARLY) { // the test was faster than the broker's disk
        report_event(w, EVENT_RUNNING, NULL);
        report_test(w, true);
        job_finish(w);
    } else if (job->doubtful) {
        worker_move(&job->state, LIFE_CHECKING);
        report_event(w, EVENT_TAKEN, "it may be in the hands of another worker");
        job_check(w);
    } else {
        worker_move(&job->state, LIFE_RUNNING);
        report_event(w, EVENT_RUNNING, NULL);
        report_test(w, true);
    }
    return 0;
}

void job_link_lost(struct worker *w)
{
    if (w->job.state != LIFE_TAKEN && w->job.state != LIFE_EARLY)
        return;
    log_warning("the broker went away before the request was leased: it stays in its queue");
    let_go(w);
}

// ---------------------------------------------------------------- a copy that came back

// autopkgtest-upload --find: is there a result of this run in the store?
static void look_into_store(struct worker *w)
{
    struct job *job = &w->job;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = path_join(job->dir, "announcement");
    _cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640) : -1;
    const char *argv[] = {w->settings.upload, "--find", job->dir, NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;

    spec.argv = argv;
    spec.stdout_fd = fd;
    spec.stderr_fd = STDERR_FILENO;
    spec.new_session = true;
    spec.die_with_parent = true;
    if (fd >= 0 && folder_write_run(w, job, EXIT_OTHER, &err) == 0 &&
        process_start(&spec, &job->process, &err) == 0)
        return;
    log_warning("cannot look for an earlier result, the test is run again: %s",
                error_message(&err));
}

static void job_check(struct worker *w)
{
    uint64_t now = clock_monotonic_us();

    w->job.ask_until_us = now + ASK_US;
    if (w->job.redelivered && w->linked_at_us + SETTLE_US > w->job.ask_until_us)
        w->job.ask_until_us = w->linked_at_us + SETTLE_US;
    // A copy was in somebody's hands; nearly all originals were only looked at in their queue. So
    // their tests begin when those who are there had time to object, and only the results wait.
    w->job.begin_at_us = w->job.came_back ? w->job.ask_until_us : now + ANSWER_US;
    w->job.ask_at_us = now + ASK_AGAIN_US;
    claim_job(w);
    if (w->job.came_back && !w->job.yielded)
        look_into_store(w);
}

static void checked(struct worker *w, int status)
{
    struct job *job = &w->job;

    if (status == 0) {
        log_info("run %s: its result is stored already, it is not run again", job->run_id);
        worker_move(&job->state, LIFE_STORED);
    }
}

// Nobody has objected.
static void begin(struct worker *w)
{
    worker_move(&w->job.state, LIFE_RUNNING);
    report_event(w, EVENT_RUNNING, NULL);
    run_start(w);
    report_test(w, true);
}

static bool is_asking(const struct job *job, uint64_t now)
{
    return job->doubtful && !job->yielded &&
           (job->state == LIFE_CHECKING || (job->state == LIFE_RUNNING && now < job->ask_until_us));
}

// Asks again, or begins.
static void ask(struct worker *w, uint64_t now)
{
    struct job *job = &w->job;

    if (!is_asking(job, now))
        return;
    if (job->state == LIFE_CHECKING && now >= job->begin_at_us && job->process.pid == 0) {
        begin(w);
    } else if (now >= job->ask_at_us) {
        job->ask_at_us = now + ASK_AGAIN_US;
        claim_job(w);
    }
}

// Tells of the result that another worker stored, in case it did not get so far.
static int announce_found(struct worker *w, struct error *err)
{
    struct job *job = &w->job;
    _cleanup_free_ char *path = path_join(job->dir, "announcement");
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct amqp_publication message = {.exchange = EXCHANGE_COMPLETE, .routing_key = ""};
    int r = path ? file_read(path, &body, err) : error_oom(err);

    message.body = buf_str(&body);
    message.body_len = body.len;
    message.persistent = true;
    if (r < 0 || body.len == 0)
        log_error("cannot announce %s again: %s", job->run_id, error_message(err));
    else if ((r = amqp_link_publish_confirmed(w->link, &message, err)) < 0)
        return r;
    report_event(w, EVENT_DONE, "its result was stored already");
    worker_move(&job->state, LIFE_ANNOUNCED);
    claim_finished(w, job->request.uuid, w->pick.queues[job->queue].name);
    r = lease_remove(w, job->run_id, err);
    worker_move(&job->state, LIFE_DONE);
    let_go(w);
    return r;
}

// ---------------------------------------------------------------- the end of a test

// Whichever state it is in, its request goes back.
static void give_to_others(struct job *job)
{
    if (job->state == LIFE_EARLY)
        worker_move(&job->state, LIFE_WAITING);
    worker_move(&job->state, LIFE_RETURNING);
}

static void cannot_keep(struct worker *w, const struct error *why)
{
    _cleanup_error_ struct error left = ERROR_INIT;

    log_error("cannot keep the result, giving the request back: %s", error_message(why));
    // Half a copy would take the room that the next result needs.
    if (folder_drop_copy(w, &w->job, &left) < 0)
        log_warning("%s", error_message(&left));
    w->look_at_us = clock_monotonic_us() + TROUBLE_PAUSE_US;
    give_to_others(&w->job);
}

// Its life goes on as a parcel; the next can be taken.
static void hand_over(struct worker *w)
{
    struct job *job = &w->job;
    _cleanup_error_ struct error err = ERROR_INIT;

    log_info("%s: exit code %d after %" PRIu64 " s", job->run_id, job->exitcode,
             (job->ended_us - job->started_us) / USEC_PER_SEC);
    worker_move(&job->state, LIFE_SPOOLED);
    report_event(w, EVENT_STORING, NULL);
    if (courier_add(w, job->run_id, job->request.uuid, w->pick.queues[job->queue].name,
                    job->since_us, &err) < 0) {
        log_error("the result waits for the next start: %s", error_message(&err));
    } else {
        struct parcel *parcel = parcel_find(w->courier.first, job->run_id);

        parcel->yielded = job->yielded;
        parcel->ask_until_us = job->ask_until_us;
    }
    job_clear(job);
    job->state = LIFE_QUEUED;
    report_fields(w);
}

static void keep_result(struct worker *w, int exitcode)
{
    struct job *job = &w->job;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    report_test(w, false);
    control_too_late(w);
    job->exitcode = exitcode;
    r = folder_spool(w, job, exitcode, &err);
    if (r == -EXDEV) {
        error_clear(&err);
        worker_move(&job->state, LIFE_KEEPING);
        r = folder_copy(w, job, &err);
        if (r == 0)
            return;
    }
    if (r < 0)
        cannot_keep(w, &err);
    else
        hand_over(w);
}

// One of the programs that copy has ended.
static void copy_further(struct worker *w, int status)
{
    struct job *job = &w->job;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    if (status != 0) {
        r = error_set(&err, -EIO, "copying into %s ended with %d", w->settings.spool_dir, status);
    } else if (job->copied) {
        r = folder_copied(w, job, &err);
    } else if ((r = folder_copy_sync(w, job, &err)) == 0) {
        job->copied = true;
        return;
    }
    if (r < 0)
        cannot_keep(w, &err);
    else
        hand_over(w);
}

static void job_finish(struct worker *w)
{
    struct job *job = &w->job;
    struct outcome outcome = {.exitcode = job->status};

    if (!job->verdict) {
        outcome = outcome_of(job->status, job->attempt);
        pause_count(w, job->status == EXIT_TESTBED_FAILURE);
    }
    if (!outcome.retry) {
        keep_result(w, outcome.exitcode);
        return;
    }
    job->attempt++;
    if (job->probe) {
        log_warning("testbed failure again: the request goes to others");
        give_to_others(job);
        return;
    }
    job->retry_at_us = clock_monotonic_us() + w->settings.retry_delay_s * USEC_PER_SEC;
    log_warning("testbed failure, attempt %u of %u follows in %" PRIu64 " s", job->attempt + 1,
                OUTCOME_RETRIES + 1, w->settings.retry_delay_s);
    report_event(w, EVENT_WAITING, "the testbed failed");
    worker_move(&job->state, LIFE_WAITING);
}

void job_child_ended(struct worker *w)
{
    struct job *job = &w->job;
    _cleanup_error_ struct error err = ERROR_INIT;
    int status = -SIGKILL;

    if (process_wait(&job->process, &status, NULL, &err) < 0)
        log_error("%s", error_message(&err));
    run_end_processes(w);
    if (status < 0) // it could not clean up
        leftover_remove(w, job->run_id);
    job->kill_at_us = 0;
    if (job->state == LIFE_CHECKING) {
        checked(w, status);
        return;
    }
    if (job->state == LIFE_KEEPING) {
        copy_further(w, status);
        return;
    }
    job->ended_us = clock_monotonic_us();
    job->status = status;
    if (status != EXIT_PASS && folder_is_full(w)) {
        log_error("the disk of %s is full: a testbed failure", w->settings.work_dir);
        job->disk_full = true;
        job->status = EXIT_TESTBED_FAILURE;
    }
    if (job->state == LIFE_TAKEN)
        worker_move(&job->state, LIFE_EARLY);
    else if (job->state == LIFE_RUNNING)
        job_finish(w);
}

// ---------------------------------------------------------------- timers and control

// Nothing is left of the request: another has it, or nobody shall.
static int drop_now(struct worker *w, struct error *err)
{
    const struct job *job = &w->job;

    if (!job->yielded) // should its original come once more, it is not run again
        claim_finished(w, job->request.uuid, w->pick.queues[job->queue].name);
    return lease_remove(w, job->run_id, err);
}

static bool is_dropped(const struct job *job)
{
    return job->yielded || (job->kill.asked && !job->kill.requeue);
}

static int return_now(struct worker *w, struct error *err)
{
    bool dropped = is_dropped(&w->job);
    int r = dropped ? drop_now(w, err) : lease_return(w, &w->job, err);

    if (r < 0)
        return r;
    if (!dropped)
        log_info("the request went back to %s", w->pick.queues[w->job.queue].name);
    if (!w->job.yielded)
        report_event(w, dropped ? EVENT_CANCELLED : EVENT_RETURNED,
                     w->job.kill.asked      ? "an operator ended the test"
                     : w->stop_requests > 0 ? "the worker stops"
                                            : "the worker could not go on");
    control_done(w);
    let_go(w);
    return 0;
}

void job_give_back(struct worker *w)
{
    struct job *job = &w->job;

    switch (job->state) {
    case LIFE_RUNNING:
    case LIFE_CHECKING:
        worker_move(&job->state, LIFE_RETURNING);
        report_test(w, false);
        (void)process_signal(&job->process, SIGTERM, true);
        job->kill_at_us = clock_monotonic_us() + KILL_GRACE_US;
        break;
    case LIFE_WAITING:
        worker_move(&job->state, LIFE_RETURNING);
        break;
    default: // not leased: the end of the link gives it back; or already on its way
        break;
    }
}

// What ends the test may have come in a state that could not heed it.
static void heed_stop(struct worker *w)
{
    enum life state = w->job.state;

    if (w->job.yielded || w->job.kill.asked || (w->stop_requests > 0 && state == LIFE_WAITING) ||
        (w->stop_requests > 1 && (state == LIFE_RUNNING || state == LIFE_CHECKING)))
        job_give_back(w);
}

// Whether the next attempt is due. Without an image it would only fail again.
static bool image_allows_retry(struct worker *w, uint64_t now)
{
    struct job *job = &w->job;

    if (job->state != LIFE_WAITING || now < job->retry_at_us)
        return false;
    if (image_is_there(&w->settings, job->release))
        return true;
    job->retry_at_us = now + IMAGE_PAUSE_US;
    return false;
}

int job_advance(struct worker *w, struct error *err)
{
    struct job *job = &w->job;
    uint64_t now = clock_monotonic_us();
    _cleanup_error_ struct error failed = ERROR_INIT;

    if (job->kill_at_us && now >= job->kill_at_us) {
        (void)process_signal(&job->process, SIGKILL, true);
        job->kill_at_us = 0;
    }
    heed_stop(w);
    ask(w, now);
    if (image_allows_retry(w, now)) {
        job->disk_full = false;
        if (folder_reset_output(job, &failed) < 0)
            log_warning("%s", error_message(&failed));
        worker_move(&job->state, LIFE_RUNNING);
        report_event(w, EVENT_RUNNING, "the next attempt");
        run_start(w);
        report_test(w, true);
    }
    if (job->state == LIFE_RUNNING && now >= job->report_at_us)
        report_test(w, true);
    if (job->state == LIFE_RUNNING && job->process.pid == 0)
        job_finish(w); // a verdict: there is nothing to wait for
    if (job->state == LIFE_RETURNING && job->process.pid == 0 && w->link)
        return return_now(w, err);
    if (job->state == LIFE_STORED && w->link)
        return announce_found(w, err);
    return 0;
}

uint64_t job_deadline(const struct worker *w)
{
    const struct job *job = &w->job;
    uint64_t at = job->kill_at_us ? job->kill_at_us : USEC_INFINITY;

    if (job->state == LIFE_WAITING && job->retry_at_us < at)
        at = job->retry_at_us;
    if (is_asking(job, clock_monotonic_us()))
        at = job->ask_at_us < at ? job->ask_at_us : at;
    if (job->state == LIFE_CHECKING && job->process.pid == 0 && job->begin_at_us < at)
        at = job->begin_at_us;
    if (job->state == LIFE_RUNNING && job->report_at_us < at)
        at = job->report_at_us;
    return at;
}
