// SPDX-License-Identifier: GPL-3.0-only
#include "worker/loop.h"

#include "worker/adopt.h"
#include "worker/broker.h"
#include "worker/claim.h"
#include "worker/control.h"
#include "worker/courier.h"
#include "worker/folder.h"
#include "worker/gate.h"
#include "worker/image.h"
#include "worker/job.h"
#include "worker/lease.h"
#include "worker/lease_queue.h"
#include "worker/leftover.h"
#include "worker/report.h"
#include "worker/run.h"

#include "base/log.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define READY_WAIT_US (10 * USEC_PER_SEC) // for a place at the gate, until systemd's start ends

// unit and instance, as a queue's name: autopkgtest.lease.autopkgtest-cloud-0.local-amd64-1
static int name_lease(struct worker *w, struct error *err)
{
    w->lease_key = str_format("%s/%s", w->settings.unit, w->settings.name);
    w->lease_queue = lease_queue_name(w->settings.unit, w->settings.name);
    return w->lease_key && w->lease_queue ? 0 : error_oom(err);
}

static int block_signals(struct worker *w, struct error *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return error_errno(err, -errno, "cannot set signals");
    w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return w->signal_fd < 0 ? error_errno(err, -errno, "cannot watch signals") : 0;
}

// Before they are read, so that no change is missed.
static int watch_files(struct worker *w, struct error *err)
{
    int r;

    if ((r = watch_add(&w->watch, w->settings.lists_dir, err)) < 0 ||
        (r = watch_add(&w->watch, w->settings.drain_dir, err)) < 0)
        return r;
    if (w->watch.fd < 0)
        log_info("no inotify instance is left for this user (fs.inotify.max_user_instances): "
                 "looking every %u s for orders to drain and changed lists",
                 (unsigned)(WATCH_LOOK_US / USEC_PER_SEC));
    control_look(w);
    return lists_load(&w->lists, w->settings.lists_dir, err);
}

int loop_open(struct worker *w, const char *name, struct error *err)
{
    int r;

    *w = (struct worker){.signal_fd = -1, .lock_fd = -1, .watch = WATCH_INIT};
    w->job.process = (struct process)PROCESS_INIT;
    w->courier.upload = (struct process)PROCESS_INIT;
    w->sign.process = (struct process)PROCESS_INIT;
    w->scratch = (struct scratch)SCRATCH_INIT;
    if ((r = settings_load_worker(settings_dir(), name, &w->settings, err)) < 0 ||
        (r = settings_load_broker(settings_dir(), &w->broker, err)) < 0 ||
        (r = name_lease(w, err)) < 0 ||
        (r = pick_init(&w->pick, &w->settings.releases, w->settings.arch,
                       w->settings.upstream_percentage, err)) < 0 ||
        (r = block_signals(w, err)) < 0 || (r = watch_files(w, err)) < 0 ||
        (r = folder_recover(w, err)) < 0 || (r = claim_load(w, err)) < 0)
        return r;
    scratch_recover(&w->scratch, &w->settings);
    if (sd_watchdog_enabled(0, &w->watchdog_us) <= 0)
        w->watchdog_us = 0;
    r = courier_load(w, err);
    return r < 0 ? r : adopt_spooled(w, err);
}

void loop_close(struct worker *w)
{
    amqp_link_free(w->link);
    w->link = NULL;
    if (w->job.dir)
        run_end_processes(w);
    job_clear(&w->job);
    courier_release(w);
    scratch_release(&w->scratch);
    process_release(&w->sign.process);
    pick_release(&w->pick);
    lists_release(&w->lists);
    watch_release(&w->watch);
    strv_release(&w->unacked);
    strv_release(&w->returned);
    strv_release(&w->finished);
    strv_release(&w->left.runs);
    worker_settings_release(&w->settings);
    amqp_settings_release(&w->broker);
    free(w->lease_key);
    free(w->lease_queue);
    free(w->status);
    free(w->link_lost);
    close_fd(&w->signal_fd);
    close_fd(&w->lock_fd);
}

// ---------------------------------------------------------------- signals

static void on_terminate(struct worker *w)
{
    w->stop_requests++;
    (void)sd_notify(0, "STOPPING=1");
    if (w->stop_requests > 1)
        log_info("stopping now%s", job_is_idle(&w->job) ? "" : ": the request goes back");
    else
        log_info("stopping%s", job_is_idle(&w->job) ? "" : " when the test has ended");
}

static void read_signals(struct worker *w)
{
    struct signalfd_siginfo info;

    while (read(w->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        switch (info.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            on_terminate(w);
            break;
        case SIGHUP:
            log_info("reading the settings again%s",
                     job_is_idle(&w->job) ? "" : " when the test has ended");
            w->reload = true;
            break;
        default: // SIGCHLD: those who are ours are seen by their pidfd
            break;
        }
}

// ---------------------------------------------------------------- what is due

// Who starts workers starts the next ones upon this: told once the first attempt to connect has
// ended, well or badly.
static void tell_ready(struct worker *w)
{
    if (w->ready)
        return;
    w->ready = true;
    report_status(w);
    (void)sd_notify(0, "READY=1");
}

static int connect_first(struct worker *w, struct error *err)
{
    // To every host a connection and a login, and then what broker_open() asks one by one.
    uint64_t most_us = (2 * w->broker.hosts.len + 10) * w->broker.timeout_us;
    int r;

    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, most_us);
    r = broker_open(w, err);
    if (r == 0)
        tell_ready(w);
    return r;
}

static int connect_when_due(struct worker *w, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_close_ int place = -1; // held until systemd knows: who starts upon it is one of few

    if (w->link || clock_monotonic_us() < w->connect_at_us)
        return 0;
    if (gate_enter(w->settings.work_dir, &place, &why) < 0) {
        log_warning("%s", error_message(&why)); // the broker has to bear it
    } else if (place < 0) {
        w->connect_at_us = clock_monotonic_us() + gate_pause_us();
        if (clock_monotonic_us() >= w->ready_at_us)
            tell_ready(w); // those before us take long: the broker is away
        return 0;
    }
    return w->ready ? broker_open(w, err) : connect_first(w, err);
}

static int renew(struct worker *w, struct error *err)
{
    int r = lease_sweep(w, err);

    return r < 0 ? r : adopt_spooled(w, err);
}

static int link_work(struct worker *w, struct error *err)
{
    uint64_t now = clock_monotonic_us();
    int r = 0;

    if (now >= amqp_link_deadline(w->link))
        r = broker_dispatch(w, err);
    if (r == 0 && now >= w->renew_at_us)
        r = renew(w, err);
    if (r == 0 && w->consuming && image_has_changed(w))
        r = broker_stop_consuming(w, err);
    if (r == 0)
        r = broker_retry_queues(w, err);
    if (r == 0 && w->consuming && !worker_may_take(w))
        r = broker_stop_consuming(w, err);
    if (r == 0 && !w->consuming && worker_may_take(w))
        r = broker_look(w, err);
    return r;
}

// Whatever time and events have made possible. Errors: of the link.
static int advance(struct worker *w, struct error *err)
{
    int r = connect_when_due(w, err);

    leftover_advance(w);
    sign_advance(w);
    if (r == 0)
        r = job_advance(w, err);
    if (r == 0)
        r = courier_advance(w, err);
    if (r == 0 && w->link)
        r = link_work(w, err);
    return r;
}

static bool is_finished(const struct worker *w)
{
    if (w->stop_requests == 0 && !w->reload)
        return false;
    if (w->job.state == LIFE_RETURNING && w->job.process.pid == 0 && !w->link)
        return true; // the lease gives it back
    return job_is_idle(&w->job) && !courier_is_busy(w);
}

static void ping_watchdog(struct worker *w)
{
    uint64_t now = clock_monotonic_us();

    if (!w->watchdog_us || now < w->watchdog_at_us)
        return;
    (void)sd_notify(0, "WATCHDOG=1");
    w->watchdog_at_us = now + w->watchdog_us / 3;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline(const struct worker *w)
{
    uint64_t at = earliest(earliest(job_deadline(w), courier_deadline(w)), leftover_deadline(w));

    at = earliest(at, earliest(watch_deadline(&w->watch), sign_deadline(&w->sign)));
    if (w->watchdog_us)
        at = earliest(at, w->watchdog_at_us);
    if (!w->link)
        return earliest(at, w->connect_at_us);
    at = earliest(earliest(at, amqp_link_deadline(w->link)), w->queues_at_us);
    if (!w->consuming && job_is_idle(&w->job) && w->look_at_us > clock_monotonic_us())
        at = earliest(at, w->look_at_us);
    if (!w->consuming && job_is_idle(&w->job) && w->pause_until_us > clock_monotonic_us())
        at = earliest(at, w->pause_until_us);
    if (w->consuming)
        at = earliest(at, w->image_at_us);
    return earliest(at, w->renew_at_us);
}

// Sleeps until something happens or is due, and takes note of it.
static int wait_for_events(struct worker *w, struct error *err)
{
    struct pollfd fds[] = {
        {.fd = w->signal_fd, .events = POLLIN},
        {.fd = w->job.process.pidfd, .events = POLLIN},
        {.fd = w->courier.upload.pidfd, .events = POLLIN},
        {.fd = w->link ? amqp_link_fd(w->link) : -1, .events = POLLIN},
        {.fd = w->watch.fd, .events = POLLIN},
        {.fd = w->scratch.removal.pidfd, .events = POLLIN},
        {.fd = w->sign.process.pidfd, .events = POLLIN},
    };
    struct timespec left;
    int r;

    if (ppoll(fds, ARRAY_SIZE(fds), clock_left(deadline(w), &left), NULL) < 0)
        return errno == EINTR ? 0 : error_errno(err, -errno, "poll");
    if (fds[1].revents)
        job_child_ended(w);
    if (fds[2].revents)
        courier_upload_ended(w);
    if (fds[5].revents)
        scratch_removal_ended(&w->scratch, &w->settings);
    if (fds[6].revents)
        sign_ended(&w->sign);
    if (fds[0].revents) {
        read_signals(w);
        run_reap_strays(w);
    }
    if ((fds[4].revents || clock_monotonic_us() >= watch_deadline(&w->watch)) &&
        (r = control_read_changes(w, err)) < 0)
        return r;
    return fds[3].revents && w->link ? broker_dispatch(w, err) : 0;
}

int loop_run(struct worker *w, struct error *err)
{
    _cleanup_error_ struct error lost = ERROR_INIT;

    w->ready_at_us = clock_monotonic_us() + READY_WAIT_US;
    while (!is_finished(w)) {
        int r = advance(w, &lost);

        ping_watchdog(w);
        if (r == 0) {
            report_status(w);
            if (is_finished(w))
                break;
            r = wait_for_events(w, &lost);
        }
        if (r == -ENOMEM)
            return error_set(err, r, "%s", error_message(&lost));
        if (r < 0) {
            broker_lost(w, r, &lost);
            tell_ready(w);
        }
        error_clear(&lost);
    }
    return w->stop_requests == 0 && w->reload ? 1 : 0;
}
