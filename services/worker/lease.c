// SPDX-License-Identifier: GPL-3.0-only
#include "worker/lease.h"

#include "adt/durable_queue.h"
#include "base/file.h"
#include "base/log.h"
#include "data/json.h"
#include "worker/lease_copy.h"
#include "worker/lease_queue.h"

int lease_relay(struct worker *w, const struct amqp_delivery *delivery, struct error *err)
{
    int r;

    if (str_equal(lease_copy_origin(delivery), LEASE_RETURNED)) {
        log_error("a copy that does not say where it came from is dropped");
        return amqp_link_ack(w->link, delivery->tag, err);
    }
    r = lease_copy_give_back(w->link, delivery, err);
    if (r < 0)
        return r;
    log_info("run %s: the lease of %s ran out, the request went back to %s",
             lease_copy_text(delivery, "run_id"), lease_copy_text(delivery, "worker"),
             lease_copy_origin(delivery));
    return amqp_link_ack(w->link, delivery->tag, err);
}

static int declare_returned(struct worker *w, struct error *err)
{
    if (!lease_queue_relays(w))
        return 0;
    return durable_queue_declare_own(w->link, LEASE_RETURNED, NULL, err);
}

int lease_listen(struct worker *w, struct error *err)
{
    int r = amqp_link_consume(w->link, LEASE_RETURNED, LEASE_RETURNED, false, false, err);

    w->listens = r == 0;
    return r;
}

int lease_declare(struct worker *w, struct error *err)
{
    _cleanup_json_ json_t *arguments = json_object();
    int r;

    if ((r = amqp_link_declare_exchange(w->link, LEASE_EXCHANGE, "headers", AMQP_DURABLE, err)) <
            0 ||
        (r = declare_returned(w, err)) < 0 || (r = lease_queue_open(w, err)) < 0)
        return r;
    if (!arguments || json_put_string(arguments, "x-match", "all") < 0 ||
        json_put_string(arguments, "worker", w->lease_key) < 0)
        return error_oom(err);
    return amqp_link_bind(w->link, w->lease_queue, LEASE_EXCHANGE, "", arguments, err);
}

static json_t *job_headers(const struct worker *w, const struct job *job)
{
    return lease_copy_headers(w->lease_key, job->request.uuid ? job->request.uuid : "", job->run_id,
                              w->pick.queues[job->queue].name, job->attempt, job->redelivered);
}

static struct amqp_publication job_publication(const struct worker *w, const struct job *job,
                                               const char *exchange, const json_t *headers)
{
    return (struct amqp_publication){
        .exchange = exchange,
        .routing_key = w->pick.queues[job->queue].name,
        .body = buf_str(&job->body),
        .body_len = job->body.len,
        .headers = headers,
        .message_id = job->run_id,
        .persistent = true,
        .mandatory = true,
    };
}

int lease_publish(struct worker *w, const struct job *job, uint64_t *ret_tag, struct error *err)
{
    _cleanup_json_ json_t *headers = job_headers(w, job);
    struct amqp_publication copy = job_publication(w, job, LEASE_EXCHANGE, headers);

    return headers ? amqp_link_publish(w->link, &copy, ret_tag, err) : error_oom(err);
}

enum decision { RENEW, RETURN, DROP };

static enum decision decide(struct worker *w, const char *run_id)
{
    struct parcel *parcel = parcel_find(w->courier.first, run_id);

    if (!job_is_idle(&w->job) && str_equal(w->job.run_id, run_id))
        return w->job.yielded ? DROP : RENEW; // what goes back does so in job.c
    if (parcel) {
        if (parcel->seen || parcel->yielded || parcel->state == LIFE_ANNOUNCED)
            return DROP;
        parcel->seen = true;
        return parcel->state == LIFE_RETURNING ? RETURN : RENEW;
    }
    // Of this life: released, but the acknowledgement was lost with a link.
    if (w->recovered)
        return DROP;
    // Of an earlier life: the broker gave the original to others if it was never acknowledged.
    return strv_contains(&w->unacked, run_id) ? DROP : RETURN;
}

static int sweep_copy(struct worker *w, const struct amqp_delivery *copy, bool *job_seen,
                      struct error *err)
{
    const char *run_id = lease_copy_text(copy, "run_id");
    bool is_job = !job_is_idle(&w->job) && str_equal(w->job.run_id, run_id);
    enum decision decision = is_job && *job_seen ? DROP : decide(w, run_id);
    int r = 0;

    if (decision == RETURN && !is_job && strv_contains(&w->returned, run_id))
        decision = DROP; // a second copy

    if (decision == RENEW) {
        r = lease_copy_renew(w->link, copy, w->lease_key, err);
    } else if (decision == RETURN) {
        r = lease_copy_give_back(w->link, copy, err);
        if (r == 0 && strv_add(&w->returned, run_id) < 0)
            r = error_oom(err);
        if (r == 0)
            log_info("run %s: the request went back to %s", run_id, lease_copy_origin(copy));
    }
    *job_seen |= is_job;
    return r < 0 ? r : amqp_link_ack(w->link, copy->tag, err);
}

// A result in the spool whose copy is gone gets another.
static int lease_parcel(struct worker *w, const struct parcel *parcel, struct error *err)
{
    _cleanup_json_ json_t *headers =
        lease_copy_headers(w->lease_key, parcel->uuid, parcel->run_id, parcel->queue, 0, 0);
    _cleanup_free_ char *path = str_format("%s/%s/request", w->settings.spool_dir, parcel->run_id);
    _cleanup_buf_ struct buf body = BUF_INIT(AMQP_BODY_MAX);
    struct amqp_publication copy = {
        .exchange = LEASE_EXCHANGE,
        .routing_key = parcel->queue,
        .headers = headers,
        .message_id = parcel->run_id,
        .persistent = true,
        .mandatory = true,
    };

    if (!headers || !path)
        return error_oom(err);
    if (file_read(path, &body, err) < 0) { // the upload will find out as well
        error_clear(err);
        return 0;
    }
    copy.body = buf_str(&body);
    copy.body_len = body.len;
    return amqp_link_publish_confirmed(w->link, &copy, err);
}

static int lease_job(struct worker *w, struct error *err)
{
    _cleanup_json_ json_t *headers = job_headers(w, &w->job);
    struct amqp_publication copy = job_publication(w, &w->job, LEASE_EXCHANGE, headers);

    return headers ? amqp_link_publish_confirmed(w->link, &copy, err) : error_oom(err);
}

static bool is_lost(const struct parcel *parcel)
{
    return !parcel->seen && !parcel->yielded &&
           (parcel->state == LIFE_SPOOLED || parcel->state == LIFE_UPLOADING ||
            parcel->state == LIFE_STORED);
}

// What we have and found no copy of ran out while we had no link, and is in its queue again. It
// gets a new copy; whoever takes the old one will ask, and hear of us (claim.c).
static int lease_again(struct worker *w, bool job_seen, struct error *err)
{
    int r = 0;

    if (!job_seen && life_is_leased(w->job.state) && w->job.state != LIFE_RETURNING &&
        !w->job.yielded) {
        log_warning("the lease was lost, the request is in its queue again; the test goes on");
        r = lease_job(w, err);
    }
    for (struct parcel *p = w->courier.first; r == 0 && p; p = p->next)
        if (is_lost(p))
            r = lease_parcel(w, p, err);
    return r;
}

// Each copy that was there at the start is looked at once; what is renewed joins at the end.
static int sweep_copies(struct worker *w, bool *job_seen, struct error *err)
{
    uint32_t left = 1;
    int r = 0;

    for (bool first = true; r == 0 && left > 0; first = false, left--) {
        _cleanup_(amqp_delivery_release) struct amqp_delivery copy = {0};
        bool empty = false;

        r = amqp_link_get(w->link, w->lease_queue, &copy, &empty, err);
        if (r < 0 || empty)
            return r;
        if (first)
            left += copy.message_count;
        r = sweep_copy(w, &copy, job_seen, err);
    }
    return r;
}

int lease_sweep(struct worker *w, struct error *err)
{
    bool job_seen = false;
    int r;

    for (struct parcel *p = w->courier.first; p; p = p->next)
        p->seen = false;
    // We are here, and take a look: the time of the queue begins anew.
    if ((r = lease_queue_declare(w, w->lease_queue, err)) < 0 ||
        (r = sweep_copies(w, &job_seen, err)) < 0 || (r = lease_again(w, job_seen, err)) < 0)
        return r;
    w->renew_at_us = clock_monotonic_us() + w->settings.lease_ttl_s * USEC_PER_SEC / 3;
    w->recovered = true;
    return 0;
}

int lease_remove(struct worker *w, const char *run_id, struct error *err)
{
    uint64_t *others = NULL;
    size_t len = 0;
    bool empty = false;
    int r = 0;

    while (r == 0 && !empty) {
        _cleanup_(amqp_delivery_release) struct amqp_delivery copy = {0};

        r = amqp_link_get(w->link, w->lease_queue, &copy, &empty, err);
        if (r < 0 || empty)
            break;
        if (str_equal(lease_copy_text(&copy, "run_id"), run_id)) {
            r = amqp_link_ack(w->link, copy.tag, err);
        } else {
            uint64_t *more = reallocarray(others, len + 1, sizeof *others);

            if (!more) {
                r = error_oom(err);
                break;
            }
            others = more;
            others[len++] = copy.tag;
        }
    }
    for (size_t i = 0; r == 0 && i < len; i++)
        r = amqp_link_nack(w->link, others[i], true, err);
    free(others);
    return r;
}

int lease_return(struct worker *w, const struct job *job, struct error *err)
{
    _cleanup_json_ json_t *headers = job_headers(w, job);
    struct amqp_publication request = job_publication(w, job, "", headers);
    int r;

    if (!headers)
        return error_oom(err);
    r = amqp_link_publish_confirmed(w->link, &request, err);
    return r < 0 ? r : lease_remove(w, job->run_id, err);
}

int lease_restore(struct worker *w, const char *worker, const struct amqp_delivery *delivery,
                  struct error *err)
{
    _cleanup_free_ char *key = str_format("%s/%s", w->settings.unit, worker);
    _cleanup_free_ char *queue = lease_queue_name(w->settings.unit, worker);
    int r;

    if (!key || !queue)
        return error_oom(err);
    r = lease_queue_touch(w, queue, err);
    return r < 0 ? r : lease_copy_renew(w->link, delivery, key, err);
}
