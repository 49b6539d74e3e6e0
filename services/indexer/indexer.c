// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/indexer.h"

#include "adt/durable_queue.h"
#include "adt/unit_state.h"
#include "base/clock.h"
#include "base/log.h"
#include "indexer/github.h"
#include "indexer/publisher.h"
#include "indexer/results_file.h"
#include "indexer/versions.h"

#include <signal.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define PREFETCH 1000 // most messages in one transaction
#define WRITE_RETRY_US (5 * USEC_PER_SEC)
#define EXPIRE_US (60 * USEC_PER_SEC)
#define EVENTS_KEPT_US (UINT64_C(90) * 86400 * USEC_PER_SEC)
#define MIGRATION_MAX_US (1800 * USEC_PER_SEC)

struct indexer {
    const char *config_dir;
    char *queue;
    struct web_settings settings;
    struct archive_settings archive;
    struct versions *versions;
    struct amqp_settings broker;
    struct results_file file;
    struct batch *batch;
    struct amqp_link *link; // NULL while there is no broker
    size_t host;
    unsigned attempt;
    bool incomplete; // a delivery is missing from the batch: nothing behind it may be acknowledged
    uint64_t total, rejected, expire_at_us;
    uint64_t write_at_us; // not before, as the last try has failed; 0: at once
    sd_event *event;
    sd_event_source *io, *timer;
    struct github *github;       // NULL: nothing is told to GitHub
    struct publisher *publisher; // NULL: there is no public copy to be made
};

char *indexer_queue_name(const char *unit)
{
    char *name = str_format("autopkgtest-indexer.%s", unit);
    char *slash = name ? strchr(name, '/') : NULL;

    if (slash)
        *slash = '-';
    return name;
}

// What was received and not acknowledged comes again with the next connection.
static void empty_batch(struct indexer *x)
{
    batch_free(x->batch);
    x->batch = batch_new();
    x->incomplete = !x->batch;
}

static void disconnect(struct indexer *x)
{
    x->io = sd_event_source_disable_unref(x->io);
    if (x->link)
        amqp_link_free(x->link);
    x->link = NULL;
    empty_batch(x);
}

static void set_timer(struct indexer *x, uint64_t when)
{
    (void)sd_event_source_set_time(x->timer, when);
    (void)sd_event_source_set_enabled(x->timer,
                                      when == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void on_delivery(struct amqp_link *link _unused_, struct amqp_delivery *delivery,
                        void *userdata)
{
    struct indexer *x = userdata;

    if (!x->incomplete && batch_add(x->batch, delivery) < 0)
        x->incomplete = true;
}

static void on_cancelled(struct amqp_link *link _unused_, const char *consumer _unused_,
                         void *userdata)
{
    struct indexer *x = userdata;

    log_warning("the queue %s was deleted on the broker: making it anew", x->queue);
    x->attempt = 0;
    set_timer(x, 0);
}

// For those who count. Without systemd nobody does.
static void tell_state(const struct indexer *x)
{
    const char *dir = unit_state_own_dir();
    const struct indexer_state state = {.connected = x->link != NULL,
                                        .unwritten = x->batch ? batch_size(x->batch) : 0,
                                        .results = x->total,
                                        .rejected = x->rejected};
    _cleanup_error_ struct error err = ERROR_INIT;

    if (dir && indexer_state_write(dir, &state, &err) < 0)
        log_warning("%s", error_message(&err));
}

static void report(struct indexer *x)
{
    tell_state(x);
    (void)sd_notifyf(0, "STATUS=connected to %s, %" PRIu64 " results since the start",
                     amqp_link_host(x->link), x->total);
}

// Requests that nobody has heard of for long are forgotten, now and then.
static void expire_events(struct indexer *x, struct database *db)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t now = clock_monotonic_us();

    if (now < x->expire_at_us)
        return;
    x->expire_at_us = now + EXPIRE_US;
    if (database_expire_events(db, (int64_t)(clock_realtime_us() - EVENTS_KEPT_US), &err) < 0 ||
        database_expire_changes(db, &err) < 0)
        log_warning("%s", error_message(&err));
}

// What has arrived stays as it is, unacknowledged, and is tried again after a while: whatever comes
// meanwhile does not make that earlier.
static void write_later(struct indexer *x, const struct error *why)
{
    log_error("cannot write %zu results, they stay queued: %s", batch_size(x->batch),
              error_message(why));
    (void)sd_notifyf(0, "STATUS=cannot write results: %s", error_message(why));
    results_file_failed(&x->file);
    x->write_at_us = clock_monotonic_us() + WRITE_RETRY_US;
    set_timer(x, x->write_at_us);
    tell_state(x);
}

// Writes what has arrived and acknowledges it.
static int flush(struct indexer *x, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    size_t n = batch_size(x->batch), rejected = 0;
    struct database *db = NULL;
    uint64_t tag = 0;
    int r;

    if (x->incomplete)
        return error_oom(err);
    if (n == 0)
        return 0;
    if (clock_monotonic_us() < x->write_at_us) {
        set_timer(x, x->write_at_us);
        return 0;
    }
    r = results_file_get(&x->file, &db, &why);
    if (r == 0)
        r = batch_write(x->batch, db, &tag, &rejected, &why);
    if (r < 0) {
        write_later(x, &why);
        return 0;
    }
    x->write_at_us = 0;
    if (rejected > 0)
        log_warning("%zu completion messages could not be read and were set aside in the table "
                    "rejected_message",
                    rejected);
    expire_events(x, db);
    x->total += n - rejected;
    x->rejected += rejected;
    if (x->publisher)
        publisher_touch(x->publisher);
    report(x);
    return amqp_link_ack_up_to(x->link, tag, err);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata);

static int subscribe(struct indexer *x, struct error *err)
{
    int r;

    if ((r = amqp_link_declare_exchange(x->link, EXCHANGE_COMPLETE, "fanout", AMQP_DURABLE, err)) <
            0 ||
        (r = durable_queue_declare_own(x->link, x->queue, NULL, err)) < 0 ||
        (r = amqp_link_bind(x->link, x->queue, EXCHANGE_COMPLETE, "", NULL, err)) < 0 ||
        (r = amqp_link_declare_exchange(x->link, EXCHANGE_EVENT, "fanout", AMQP_DURABLE, err)) <
            0 ||
        (r = amqp_link_bind(x->link, x->queue, EXCHANGE_EVENT, "", NULL, err)) < 0 ||
        (r = amqp_link_prefetch(x->link, PREFETCH, err)) < 0)
        return r;
    return amqp_link_consume(x->link, x->queue, "indexer", false, false, err);
}

static int connect_broker(struct indexer *x, struct error *err)
{
    struct amqp_handlers handlers = {
        .on_delivery = on_delivery, .on_cancelled = on_cancelled, .userdata = x};
    int r;

    amqp_settings_release(&x->broker);
    r = settings_load_broker(x->config_dir, &x->broker, err);
    if (r < 0)
        return r;
    r = amqp_link_open(&x->broker, x->queue, &handlers, &x->host, &x->link, err);
    if (r == 0)
        r = subscribe(x, err);
    if (r == 0)
        r = sd_event_add_io(x->event, &x->io, amqp_link_fd(x->link), EPOLLIN, on_readable, x);
    if (r < 0)
        return error_prefix(err, r, "cannot subscribe to %s", EXCHANGE_COMPLETE);
    log_info("connected to %s, reading %s", amqp_link_host(x->link), x->queue);
    report(x);
    return 0;
}

static void retry_later(struct indexer *x, const struct error *err)
{
    uint64_t wait = amqp_backoff_us(x->attempt++);

    disconnect(x);
    log_warning("no broker, next try in %.1f s: %s", (double)wait / 1e6, error_message(err));
    (void)sd_notifyf(0, "STATUS=no broker: %s", error_message(err));
    tell_state(x);
    set_timer(x, clock_monotonic_us() + wait);
}

static void dispatch(struct indexer *x)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = x->link ? amqp_link_dispatch(x->link, &err) : connect_broker(x, &err);

    if (r == 0)
        r = amqp_link_dispatch(x->link, &err); // what came with the answers
    set_timer(x, x->link ? amqp_link_deadline(x->link) : USEC_INFINITY);
    if (r == 0)
        r = flush(x, &err);
    if (r < 0)
        retry_later(x, &err);
    else
        x->attempt = 0;
}

static int on_readable(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                       void *userdata)
{
    dispatch(userdata);
    return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    dispatch(userdata);
    return 0;
}

static int on_hangup(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
                     void *userdata)
{
    struct indexer *x = userdata;

    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_us());
    disconnect(x);
    x->attempt = 0;
    x->write_at_us = 0;
    dispatch(x);
    github_reconnect(x->github);
    (void)sd_notify(0, "READY=1");
    return 0;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *si _unused_,
                        void *userdata _unused_)
{
    (void)sd_notify(0, "STOPPING=1");
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int prepare_events(struct indexer *x, struct error *err)
{
    sigset_t mask;
    int r;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    if ((r = sd_event_new(&x->event)) < 0 || (r = sd_event_set_watchdog(x->event, true)) < 0 ||
        (r = sd_event_add_signal(x->event, NULL, SIGTERM, on_terminate, x)) < 0 ||
        (r = sd_event_add_signal(x->event, NULL, SIGINT, on_terminate, x)) < 0 ||
        (r = sd_event_add_signal(x->event, NULL, SIGHUP, on_hangup, x)) < 0 ||
        (r = sd_event_add_time(x->event, &x->timer, CLOCK_MONOTONIC, 0, 0, on_timer, x)) < 0)
        return error_errno(err, r, "cannot prepare the event loop");
    return 0;
}

static void on_versions(void *userdata)
{
    struct indexer *x = userdata;

    if (x->publisher)
        publisher_touch(x->publisher);
}

static void indexer_release(struct indexer *x)
{
    disconnect(x);
    batch_free(x->batch);
    versions_stop(x->versions);
    sd_event_source_unref(x->timer);
    publisher_free(x->publisher);
    github_free(x->github);
    sd_event_unref(x->event);
    results_file_close(&x->file);
    web_settings_release(&x->settings);
    archive_settings_release(&x->archive);
    amqp_settings_release(&x->broker);
    free(x->queue);
}

int indexer_run(const char *config_dir, struct error *err)
{
    _cleanup_(indexer_release) struct indexer x = {.config_dir = config_dir};
    int r;

    empty_batch(&x);
    if (!x.batch)
        return error_oom(err);
    if ((r = settings_load_results(config_dir, &x.settings, err)) < 0 ||
        (r = archive_settings_load(config_dir, &x.archive, err)) < 0)
        return r;
    // An older database of millions of results is not migrated in the usual time of a start.
    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=opening the database",
                     MIGRATION_MAX_US);
    if ((r = results_file_open(&x.file, x.settings.database, err)) < 0)
        return r;
    x.queue = indexer_queue_name(x.settings.unit);
    if (!x.queue)
        return error_oom(err);
    r = prepare_events(&x, err);
    if (r == 0 && x.settings.public_database)
        r = publisher_new(x.event, x.settings.public_database, &x.publisher, err);
    if (r == 0)
        r = github_new(x.event, config_dir, &x.settings, &x.github, err);
    if (r == 0)
        r = versions_start(x.event, &x.archive, on_versions, &x, &x.versions, err);
    if (r < 0)
        return r;
    // Ready with or without a broker: it is tried again for as long as it takes.
    (void)sd_notify(0, "READY=1");
    r = sd_event_loop(x.event);
    return r < 0 ? error_errno(err, r, "the event loop ended") : 0;
}
