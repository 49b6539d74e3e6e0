// SPDX-License-Identifier: GPL-3.0-only
#include "worker/report.h"

#include "adt/message.h"
#include "base/file.h"
#include "base/log.h"
#include "worker/image.h"

#include <systemd/sd-daemon.h>

#define REPORT_US (2 * USEC_PER_SEC) // between status messages, while a test runs
#define TAIL_MAX ((size_t)64 * 1024)

static void read_tail(const struct job *job, struct buf *tail)
{
    _cleanup_free_ char *log = str_format("%s/output/log", job->dir);

    if (log && logtail_make(log, tail, NULL) < 0) // not there yet
        buf_truncate(tail, 0);
}

static void publish(struct worker *w, const struct buf *tail, bool running)
{
    const struct job *job = &w->job;
    bool private = job_is_private(job);
    struct test_status status = {
        .release = w->pick.queues[job->queue].release,
        .arch = w->settings.arch,
        .package = private ? (char[]){"private-test"} : job->request.package,
        .running = running,
        .params = private ? NULL : job->request.params,
        .duration_s = (clock_monotonic_us() - job->started_us) / USEC_PER_SEC,
        .logtail = private || !tail->data ? (char[]){""} : tail->data,
    };
    _cleanup_buf_ struct buf body = BUF_INIT(2 * REQUEST_BODY_MAX);
    struct amqp_publication message = {.exchange = EXCHANGE_STATUS, .routing_key = ""};
    uint64_t tag;

    if (test_status_format(&status, &body, NULL) < 0)
        return;
    message.body = buf_str(&body);
    message.body_len = body.len;
    // Nobody waits for it: a link that fails here is found out by the next dispatch.
    (void)amqp_link_publish(w->link, &message, &tag, NULL);
}

static void publish_event(struct worker *w, struct request_event *event)
{
    _cleanup_free_ char *worker = str_format("%s/%s", w->settings.unit, w->settings.name);
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct amqp_publication message = {
        .exchange = EXCHANGE_EVENT, .routing_key = "", .persistent = true};
    uint64_t tag;

    event->worker = worker;
    event->time_us = (int64_t)clock_realtime_us();
    if (!w->link || !worker || event_format(event, &body, NULL) < 0)
        return;
    message.body = buf_str(&body);
    message.body_len = body.len;
    (void)amqp_link_publish(w->link, &message, &tag, NULL); // as above
}

void report_event(struct worker *w, enum event_state state, const char *reason)
{
    const struct job *job = &w->job;
    bool private = job_is_private(job);
    struct request_event event = {.uuid = job->request.uuid, .state = state};
    _cleanup_free_ char *why = reason ? strdup(reason) : NULL, *digest = NULL;

    if (!job->request.uuid)
        return;
    event.reason = why;
    if (!private) {
        event.package = job->request.package;
        event.release = w->pick.queues[job->queue].release;
        event.arch = w->settings.arch;
        digest = request_digest(&job->request, event.release, event.arch);
        event.digest = digest;
    }
    publish_event(w, &event);
}

void report_done(struct worker *w, const char *uuid, const char *run_id,
                 const struct test_complete *done)
{
    _cleanup_free_ char *id = strdup(run_id);
    struct request_event event = {.uuid = NULL, .state = EVENT_DONE};
    _cleanup_free_ char *of = uuid ? strdup(uuid) : NULL;

    if (!of || !id)
        return;
    event.uuid = of;
    if (!str_starts_with(done->container, "private-")) {
        event.package = done->package;
        event.release = done->release;
        event.arch = done->arch;
        event.container = done->container;
        event.run_id = id;
    }
    publish_event(w, &event);
}

void report_test(struct worker *w, bool running)
{
    struct job *job = &w->job;
    _cleanup_buf_ struct buf tail = BUF_INIT(TAIL_MAX);

    job->report_at_us = clock_monotonic_us() + REPORT_US;
    report_status(w);
    if (!w->link || !job->dir)
        return;
    read_tail(job, &tail);
    publish(w, &tail, running);
}

// The parameters as text; of a private run nothing.
static char *describe_params(const struct job *job)
{
    _cleanup_buf_ struct buf text = BUF_INIT(2 * REQUEST_BODY_MAX);

    if (!job->request.params || job_is_private(job) || json_write(job->request.params, &text) < 0)
        return NULL;
    return buf_take(&text);
}

void report_fields(const struct worker *w)
{
    const struct job *job = &w->job;
    _cleanup_free_ char *params = NULL;

    if (job_is_idle(job)) {
        log_clear_fields();
        return;
    }
    params = describe_params(job);
    (void)log_set_field("ADT_PACKAGE", job->request.package);
    (void)log_set_field("ADT_RELEASE", job->release);
    (void)log_set_field("ADT_ARCH", w->settings.arch);
    (void)log_set_field("ADT_UUID", job->request.uuid);
    (void)log_set_field("ADT_PARAMS", params);
}

static char *describe_job(const struct worker *w)
{
    const struct job *job = &w->job;
    const char *package = job_is_private(job) ? "a private test" : job->request.package;
    _cleanup_free_ char *time =
        clock_format_duration((clock_monotonic_us() - job->started_us) / USEC_PER_SEC);

    if (job->state == LIFE_WAITING)
        return str_format("testbed failure of %s (%s/%s), waiting for attempt %u", package,
                          job->release, w->settings.arch, job->attempt + 1);
    if (job->state != LIFE_RUNNING && job->state != LIFE_TAKEN)
        return str_format("%s: %s (%s/%s)", life_name(job->state), package, job->release,
                          w->settings.arch);
    return str_format("running %s (%s/%s) for %s%s", package, job->release, w->settings.arch,
                      time ? time : "", w->link ? "" : ", no broker");
}

static char *describe(const struct worker *w)
{
    size_t waiting = parcel_count(w->courier.first);

    if (job_is_idle(&w->job) && w->link && clock_monotonic_us() < w->pause_until_us)
        return str_format("paused after %u testbed failures in a row (see the journal)",
                          w->testbed_failures);
    const char *release = NULL;

    if (!job_is_idle(&w->job))
        return describe_job(w);
    if (w->drained)
        return strdup("drained: takes no work until autopkgtest-cloud resume");
    if (!w->link)
        return w->link_lost ? str_format("no broker, trying again: %s", w->link_lost)
                            : strdup("no broker yet, connecting");
    if (waiting >= PARCELS_MAX)
        return str_format("taking no work: %zu results wait for the store", waiting);
    if (w->courier.refused)
        return str_format("the store refuses us (see the journal), %zu results wait", waiting);
    if (w->courier.failures)
        return str_format("idle; the store is down, %zu results wait", waiting);
    if (image_missing(w, &release) > 0)
        return str_format("idle, waiting for the image of %s", release);
    return str_format("idle, listening to %zu queues", w->pick.len);
}

static enum worker_activity activity(const struct worker *w)
{
    const char *release;

    if (!job_is_idle(&w->job))
        return WORKER_BUSY;
    if (w->drained)
        return WORKER_DRAINED;
    if (!w->link)
        return WORKER_NO_BROKER;
    if (clock_monotonic_us() < w->pause_until_us)
        return WORKER_PAUSED;
    if (w->courier.refused || parcel_count(w->courier.first) >= PARCELS_MAX)
        return WORKER_STORE;
    return image_missing(w, &release) > 0 ? WORKER_IMAGE : WORKER_IDLE;
}

// For those who count workers. Without systemd nobody does.
static void tell_state(struct worker *w)
{
    const char *dir = unit_state_own_dir();
    const struct worker_state now = {.activity = activity(w),
                                     .testbed_failures = w->testbed_failures};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (!dir || (w->state_told && now.activity == w->told.activity &&
                 now.testbed_failures == w->told.testbed_failures))
        return;
    w->told = now;
    w->state_told = true;
    if (worker_state_write(dir, &now, &err) < 0)
        log_warning("%s", error_message(&err));
}

void report_status(struct worker *w)
{
    _cleanup_free_ char *status = describe(w);

    tell_state(w);
    if (!status || str_equal(status, w->status))
        return;
    (void)sd_notifyf(0, "STATUS=%s", status);
    free(w->status);
    w->status = TAKE_PTR(status);
}
