// SPDX-License-Identifier: GPL-3.0-only
#include "worker/courier.h"

#include "adt/message.h"
#include "adt/spool.h"
#include "base/file.h"
#include "base/log.h"
#include "worker/claim.h"
#include "worker/folder.h"
#include "worker/lease.h"
#include "worker/report.h"

#include <sysexits.h>

#define RETRY_FIRST_S 2
#define RETRY_MAX_S 300

static char *parcel_dir(const struct worker *w, const struct parcel *parcel)
{
    return path_join(w->settings.spool_dir, parcel->run_id);
}

int courier_add(struct worker *w, const char *run_id, const char *uuid, const char *queue,
                int64_t since_us, struct error *err)
{
    struct parcel **at = &w->courier.first, *parcel = calloc(1, sizeof *parcel);

    if (!parcel || !(parcel->run_id = strdup(run_id)) ||
        !(parcel->uuid = strdup(uuid ? uuid : "")) || !(parcel->queue = strdup(queue))) {
        parcel_free(parcel);
        return error_oom(err);
    }
    parcel->since_us = since_us;
    parcel->state = LIFE_SPOOLED;
    while (*at)
        at = &(*at)->next;
    *at = parcel;
    return 0;
}

static void forget(struct worker *w, struct parcel *parcel)
{
    struct parcel **at = &w->courier.first;

    while (*at && *at != parcel)
        at = &(*at)->next;
    if (*at)
        *at = parcel->next;
    parcel_free(parcel);
}

int courier_load(struct worker *w, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = spool_list(w->settings.spool_dir, &names, err);

    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *dir = path_join(w->settings.spool_dir, name);
        _cleanup_(spool_run_release) struct spool_run run = {0};
        _cleanup_error_ struct error unreadable = ERROR_INIT;

        if (!dir)
            return error_oom(err);
        if (spool_run_read(dir, &run, &unreadable) < 0) {
            log_error("spool folder %s: %s", name, error_message(&unreadable));
            continue;
        }
        // The folders of this unit's other workers are theirs.
        if (str_equal(run.worker, w->settings.name) &&
            (r = courier_add(w, name, run.uuid, run.origin_queue, 0, err)) < 0)
            return r;
    }
    return r;
}

// ---------------------------------------------------------------- uploading

static void defer(struct courier *c)
{
    uint64_t seconds = RETRY_MAX_S;

    if (c->failures < 8 && (RETRY_FIRST_S << c->failures) < RETRY_MAX_S)
        seconds = (uint64_t)RETRY_FIRST_S << c->failures;
    c->failures++;
    c->retry_at_us = clock_monotonic_us() + seconds * USEC_PER_SEC;
}

// When it may be uploaded.
static uint64_t due_us(const struct courier *c, const struct parcel *parcel)
{
    return c->retry_at_us > parcel->ask_until_us ? c->retry_at_us : parcel->ask_until_us;
}

static void start_upload(struct worker *w, struct parcel *parcel)
{
    struct courier *c = &w->courier;
    _cleanup_free_ char *dir = parcel_dir(w, parcel);
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *argv[] = {w->settings.upload, dir, NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;

    if (dir && spool_is_stored(dir)) {
        worker_move(&parcel->state, LIFE_STORED);
        return;
    }
    spec.argv = argv;
    spec.stdout_fd = STDERR_FILENO;
    spec.stderr_fd = STDERR_FILENO;
    spec.new_session = true;
    spec.die_with_parent = true;
    if (!dir || process_start(&spec, &c->upload, &err) < 0) {
        log_error("cannot start the upload of %s: %s", parcel->run_id, error_message(&err));
        defer(c);
        return;
    }
    worker_move(&parcel->state, LIFE_UPLOADING);
    c->current = parcel;
}

// A folder that cannot be read is of no use to anyone but a person: it is put aside, and the
// request goes back.
static void put_aside(struct worker *w, struct parcel *parcel)
{
    _cleanup_free_ char *dir = parcel_dir(w, parcel);
    _cleanup_free_ char *aside = str_format("%s/.broken-%s", w->settings.spool_dir, parcel->run_id);

    if (dir && aside && rename(dir, aside) == 0)
        log_error("%s is unreadable: put aside as %s", dir, aside);
    worker_move(&parcel->state, LIFE_RETURNING);
    w->renew_at_us = 0;
}

void courier_upload_ended(struct worker *w)
{
    struct courier *c = &w->courier;
    struct parcel *parcel = c->current;
    _cleanup_error_ struct error err = ERROR_INIT;
    int status = -1;

    if (process_wait(&c->upload, &status, NULL, &err) < 0)
        log_error("%s", error_message(&err));
    c->current = NULL;
    if (status == EX_OK) {
        if (c->failures)
            log_info("the store is back");
        c->failures = 0;
        c->refused = false;
        worker_move(&parcel->state, LIFE_STORED);
        return;
    }
    if (status == EX_DATAERR) {
        put_aside(w, parcel);
        return;
    }
    worker_move(&parcel->state, LIFE_SPOOLED);
    c->refused = status == EX_NOPERM || status == EX_CONFIG;
    if (status < 0)
        log_warning("the upload of %s was ended by signal %d", parcel->run_id, -status);
    else
        log_warning("the upload of %s ended with code %d: the result waits in the spool",
                    parcel->run_id, status);
    defer(c);
}

// ---------------------------------------------------------------- announcing

static int publish_complete(struct worker *w, const struct parcel *parcel, const char *dir,
                            struct error *err)
{
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(2 * REQUEST_BODY_MAX);
    struct amqp_publication message = {.exchange = EXCHANGE_COMPLETE, .routing_key = ""};
    int r;

    if ((r = spool_complete_message(dir, &done, err)) < 0 ||
        (r = test_complete_format(&done, &body, err)) < 0)
        return error_prefix(err, -EBADMSG, "cannot announce %s", dir);
    message.body = buf_str(&body);
    message.body_len = body.len;
    message.persistent = true;
    r = amqp_link_publish_confirmed(w->link, &message, err);
    if (r == 0)
        report_done(w, parcel->uuid, parcel->run_id, &done);
    return r;
}

static int announce(struct worker *w, struct parcel *parcel, struct error *err)
{
    _cleanup_free_ char *dir = parcel_dir(w, parcel);
    _cleanup_error_ struct error left = ERROR_INIT;
    int r;

    if (!dir)
        return error_oom(err);
    if (parcel->state == LIFE_STORED) {
        r = publish_complete(w, parcel, dir, err);
        if (r == -EBADMSG) {
            log_error("%s", error_message(err));
            error_clear(err);
            worker_move(&parcel->state, LIFE_ANNOUNCED);
        } else if (r < 0) {
            return r;
        } else {
            worker_move(&parcel->state, LIFE_ANNOUNCED);
        }
    }
    claim_finished(w, parcel->uuid, parcel->queue);
    r = lease_remove(w, parcel->run_id, err);
    if (r < 0)
        return r;
    if (folder_discard(w, parcel->run_id, &left) < 0)
        log_warning("%s", error_message(&left));
    worker_move(&parcel->state, LIFE_DONE);
    forget(w, parcel);
    return 0;
}

// Another worker has the request: what is here goes, and nobody is told of it.
static int give_up(struct worker *w, struct parcel *parcel, struct error *err)
{
    _cleanup_error_ struct error left = ERROR_INIT;
    int r = lease_remove(w, parcel->run_id, err);

    if (r < 0)
        return r;
    if (folder_discard(w, parcel->run_id, &left) < 0)
        log_warning("%s", error_message(&left));
    forget(w, parcel);
    return 0;
}

int courier_advance(struct worker *w, struct error *err)
{
    struct courier *c = &w->courier;
    struct parcel *next;
    int r = 0;

    for (struct parcel *p = c->first; r == 0 && p; p = next) {
        next = p->next;
        if (p->yielded && p != c->current) {
            r = w->link ? give_up(w, p, err) : 0;
            continue;
        }
        if (p->state == LIFE_SPOOLED && !c->current && clock_monotonic_us() >= due_us(c, p) &&
            w->recovered)
            start_upload(w, p);
        if ((p->state == LIFE_STORED || p->state == LIFE_ANNOUNCED) && w->link)
            r = announce(w, p, err);
    }
    return r;
}

uint64_t courier_deadline(const struct worker *w)
{
    const struct courier *c = &w->courier;
    uint64_t at = USEC_INFINITY;

    if (c->current || !w->recovered)
        return at;
    for (const struct parcel *p = c->first; p; p = p->next)
        if (p->state == LIFE_SPOOLED && due_us(c, p) < at)
            at = due_us(c, p);
    return at;
}

bool courier_is_busy(const struct worker *w)
{
    const struct courier *c = &w->courier;

    if (c->current)
        return true;
    for (const struct parcel *p = c->first; p; p = p->next)
        if ((p->state == LIFE_SPOOLED && c->failures == 0) || (p->state == LIFE_STORED && w->link))
            return true;
    return false;
}

void courier_release(struct worker *w)
{
    process_release(&w->courier.upload);
    while (w->courier.first)
        forget(w, w->courier.first);
}
