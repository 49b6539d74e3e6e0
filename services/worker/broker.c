// SPDX-License-Identifier: GPL-3.0-only
#include "worker/broker.h"

#include "adt/message.h"
#include "base/log.h"
#include "worker/claim.h"
#include "worker/control.h"
#include "worker/folder.h"
#include "worker/image.h"
#include "worker/job.h"
#include "worker/lease.h"
#include "worker/lease_queue.h"
#include "worker/report.h"

#include <ctype.h>
#include <poll.h>
#include <sys/random.h>

#define CONNECT_DELAY_MAX_US (4 * USEC_PER_SEC)
#define DOWN_PAUSE_US (5 * USEC_PER_SEC) // between tries of a queue that is down
#define ANSWER_US (2 * USEC_PER_SEC)     // for a queue that is there

// Remembers the failure of a call made in a handler; the link must live until dispatch returns.
static void note(struct worker *w, int r, const struct error *err)
{
    if (r >= 0 || w->link_error < 0)
        return;
    w->link_error = r;
    log_warning("broker: %s", error_message(err));
}

static int take(struct worker *w, size_t queue, struct amqp_delivery *delivery, struct error *err)
{
    if (worker_may_take(w) && queue < w->pick.len) {
        if (image_is_there(&w->settings, w->pick.queues[queue].release))
            return job_take(w, queue, delivery, err);
        w->look_at_us = clock_monotonic_us() + IMAGE_PAUSE_US; // it went while we waited
    }
    return amqp_link_nack(w->link, delivery->tag, true, err);
}

static void hear(struct worker *w, const struct amqp_delivery *delivery)
{
    if (str_equal(delivery->exchange, CLAIM_EXCHANGE))
        claim_receive(w, delivery);
    else
        control_receive(w, delivery);
}

static void on_delivery(struct amqp_link *link _unused_, struct amqp_delivery *delivery,
                        void *userdata)
{
    struct worker *w = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;

    if (str_equal(delivery->consumer, NEWS_CONSUMER))
        hear(w, delivery);
    else if (w->link_error == 0 && str_equal(delivery->consumer, LEASE_RETURNED))
        note(w, lease_relay(w, delivery, &err), &err);
    else if (w->link_error == 0) // consumers are named after their queues
        note(w, take(w, pick_find(&w->pick, delivery->consumer), delivery, &err), &err);
}

static int lease_refused(struct worker *w, enum amqp_outcome outcome, struct error *err)
{
    return error_set(err, -EIO, "the lease queue %s does not take the request (%s)", w->lease_queue,
                     outcome == AMQP_RETURNED ? "it is gone" : "refused");
}

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata)
{
    struct worker *w = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;

    if (w->link_error < 0 || job_is_idle(&w->job) || w->job.lease_tag != tag)
        return;
    if (outcome == AMQP_CONFIRMED)
        note(w, job_leased(w, &err), &err);
    else // a new link declares the queue again; the request is still in its queue
        note(w, lease_refused(w, outcome, &err), &err);
}

static void on_cancelled(struct amqp_link *link _unused_, const char *consumer, void *userdata)
{
    struct worker *w = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = error_set(&err, -EIO, "queue %s was removed", consumer);

    note(w, r, &err); // a new link declares it again
}

static int declare_exchanges(struct worker *w, struct error *err)
{
    int r = amqp_link_declare_exchange(w->link, EXCHANGE_STATUS, "fanout", 0, err);

    if (r == -EEXIST || r >= 0)
        r = amqp_link_declare_exchange(w->link, EXCHANGE_COMPLETE, "fanout", AMQP_DURABLE, err);
    if (r == 0)
        r = amqp_link_declare_exchange(w->link, EXCHANGE_EVENT, "fanout", AMQP_DURABLE, err);
    return r == -EEXIST ? 0 : r;
}

int broker_dispatch(struct worker *w, struct error *err)
{
    int r = amqp_link_dispatch(w->link, err);

    if (r == 0 && w->link_error < 0)
        r = error_set(err, w->link_error, "closing the link to %s", amqp_link_host(w->link));
    return r;
}

static int wait_for_broker(struct worker *w, uint64_t until_us, struct error *err)
{
    struct pollfd fd = {.fd = amqp_link_fd(w->link), .events = POLLIN};
    uint64_t at = amqp_link_deadline(w->link);
    struct timespec left;

    (void)ppoll(&fd, 1, clock_left(at < until_us ? at : until_us, &left), NULL);
    return broker_dispatch(w, err);
}

// A classic queue whose broker is away from its cluster is done without; the others serve
// meanwhile.
static void set_down(struct worker *w, struct pick_queue *queue, const char *why)
{
    if (!queue->down)
        log_warning("going on without queue %s: %s", queue->name, why);
    queue->down = true;
    w->queues_at_us = clock_monotonic_us() + DOWN_PAUSE_US;
}

static int set_up(struct worker *w, struct pick_queue *queue, struct error *err)
{
    int r = 0;

    if (queue->down) {
        log_info("queue %s is back", queue->name);
        r = broker_stop_consuming(w, err); // then all are looked into
    }
    queue->down = false;
    return r;
}

static void on_returned(struct worker *w, int result)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (result == 0 || result == -EEXIST)
        note(w, lease_listen(w, &err), &err);
    else
        w->queues_at_us = clock_monotonic_us() + DOWN_PAUSE_US;
}

static void on_queue(struct amqp_link *link _unused_, const struct amqp_queue_answer *answer,
                     void *userdata)
{
    struct worker *w = userdata;
    const char *name = answer->queue;
    size_t i = pick_find(&w->pick, name);
    int result = answer->result;
    _cleanup_error_ struct error err = ERROR_INIT;

    if (str_equal(name, LEASE_RETURNED))
        on_returned(w, result);
    if (i == w->pick.len)
        return;
    w->pick.queues[i].asked = false;
    if (result == -ENOENT)
        set_down(w, &w->pick.queues[i], answer->why);
    else if (result == 0 || result == -EEXIST) // made with other properties it serves as well
        note(w, set_up(w, &w->pick.queues[i], &err), &err);
    else
        note(w, error_set(&err, result, "cannot declare queue \"%s\": %s", name, answer->why),
             &err);
}

static int ask_queue(struct worker *w, struct pick_queue *queue, struct error *err)
{
    if (queue->asked)
        return 0;
    queue->asked = true;
    return amqp_link_ask_queue(w->link, queue->name, AMQP_DURABLE, err);
}

// Also in a cluster, where something may be in it from the time before there was one.
static int ask_returned(struct worker *w, struct error *err)
{
    w->listens = false;
    return amqp_link_ask_queue(w->link, LEASE_RETURNED, AMQP_DURABLE | AMQP_CLASSIC, err);
}

static bool all_have_answered(const struct worker *w)
{
    for (size_t i = 0; i < w->pick.len; i++)
        if (w->pick.queues[i].asked)
            return false;
    return true;
}

// Whose broker is away may have no answer for a minute, which is not waited for.
static int declare_queues(struct worker *w, struct error *err)
{
    uint64_t until = clock_monotonic_us() + ANSWER_US;
    int r = 0;

    w->queues_at_us = USEC_INFINITY;
    for (size_t i = 0; r == 0 && i < w->pick.len; i++) {
        w->pick.queues[i].asked = false; // that was another link
        r = ask_queue(w, &w->pick.queues[i], err);
    }
    while (r == 0 && !all_have_answered(w) && clock_monotonic_us() < until)
        r = wait_for_broker(w, until, err);
    for (size_t i = 0; r == 0 && i < w->pick.len; i++)
        if (w->pick.queues[i].asked)
            set_down(w, &w->pick.queues[i], "the broker says nothing of it");
    return r;
}

int broker_retry_queues(struct worker *w, struct error *err)
{
    int r = 0;

    if (clock_monotonic_us() < w->queues_at_us)
        return 0;
    w->queues_at_us = USEC_INFINITY;
    for (size_t i = 0; r == 0 && i < w->pick.len; i++)
        if (w->pick.queues[i].down)
            r = ask_queue(w, &w->pick.queues[i], err);
    return r < 0 || w->listens ? r : ask_returned(w, err);
}

// What goes to every worker, into a queue that is ours alone.
static int listen_to_news(struct worker *w, struct error *err)
{
    _cleanup_free_ char *queue = NULL;
    int r;

    if ((r = amqp_link_declare_queue(w->link, "", AMQP_EXCLUSIVE | AMQP_AUTO_DELETE, NULL, &queue,
                                     err)) < 0 ||
        (r = claim_open(w, queue, err)) < 0 || (r = control_open(w, queue, err)) < 0)
        return r;
    return amqp_link_consume(w->link, queue, NEWS_CONSUMER, true, true, err);
}

// The first look into the lease queue of this life settles what the last one left.
static int recover(struct worker *w, struct error *err)
{
    _cleanup_error_ struct error left = ERROR_INIT;
    bool first = !w->recovered;
    int r = lease_sweep(w, err);

    if (r == 0 && first && folder_clear(w, &left) < 0)
        log_warning("%s", error_message(&left));
    return r;
}

int broker_open(struct worker *w, struct error *err)
{
    _cleanup_free_ char *client = str_format("autopkgtest-worker %s", w->lease_key);
    struct amqp_handlers handlers = {
        .on_delivery = on_delivery,
        .on_outcome = on_outcome,
        .on_cancelled = on_cancelled,
        .on_queue = on_queue,
        .userdata = w,
    };
    int r;

    if (!client)
        return error_oom(err);
    r = amqp_link_open(&w->broker, client, &handlers, &w->cursor, &w->link, err);
    if (r < 0)
        return r;
    if ((r = lease_declare(w, err)) < 0 || (r = declare_exchanges(w, err)) < 0 ||
        (r = declare_queues(w, err)) < 0 || (r = amqp_link_prefetch(w->link, 1, err)) < 0 ||
        (r = listen_to_news(w, err)) < 0 || (r = recover(w, err)) < 0 ||
        (r = ask_returned(w, err)) < 0)
        return r;
    error_clear(err);
    w->linked_at_us = clock_monotonic_us();
    claim_all(w);
    w->connect_failures = 0;
    log_info("connected to the broker %s", amqp_link_host(w->link));
    return 0;
}

// Soon enough after the broker is back to be asked for what we have (SETTLE_US in job.c).
static uint64_t connect_delay_us(unsigned failures)
{
    uint64_t delay = amqp_backoff_us(failures);

    return delay < CONNECT_DELAY_MAX_US ? delay : CONNECT_DELAY_MAX_US;
}

// For systemd, whose messages are lines; parts of the reason are the broker's words.
static void keep_reason(struct worker *w, const char *reason)
{
    free(w->link_lost);
    w->link_lost = strdup(reason);
    for (char *c = w->link_lost; c && *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
}

void broker_lost(struct worker *w, int r, const struct error *err)
{
    log_warning("no broker: %s", error_message(err));
    if (r == -EACCES && w->connect_failures == 0)
        log_error("the broker refuses our user: see rabbitmq.cred in %s", settings_dir());
    amqp_link_free(w->link);
    w->link = NULL;
    w->link_error = 0;
    claim_link_lost(w);
    w->consuming = false;
    w->connect_at_us = clock_monotonic_us() + connect_delay_us(w->connect_failures++);
    keep_reason(w, error_message(err));
    job_link_lost(w);
    report_status(w);
}

static unsigned roll(void)
{
    uint32_t number = 0;

    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = (uint32_t)clock_monotonic_us();
    return number % 100;
}

static int consume_all(struct worker *w, struct error *err)
{
    int r = 0;

    w->consuming = true;
    for (size_t i = 0; r == 0 && i < w->pick.len; i++)
        if (pick_queue_is_open(&w->pick.queues[i]))
            r = amqp_link_consume(w->link, w->pick.queues[i].name, w->pick.queues[i].name, false,
                                  false, err);
    return r;
}

int broker_stop_consuming(struct worker *w, struct error *err)
{
    int r = 0;

    if (!w->consuming)
        return 0;
    w->consuming = false;
    for (size_t i = 0; r == 0 && i < w->pick.len; i++)
        if (pick_queue_is_open(&w->pick.queues[i]))
            r = amqp_link_cancel(w->link, w->pick.queues[i].name, err);
    return r;
}

int broker_look(struct worker *w, struct error *err)
{
    _cleanup_free_ size_t *order = calloc(w->pick.len, sizeof *order);
    int r = 0;

    if (!order)
        return error_oom(err);
    pick_order(&w->pick, roll(), order);
    image_choose(w);
    for (size_t i = 0; r == 0 && i < w->pick.len; i++) {
        _cleanup_(amqp_delivery_release) struct amqp_delivery delivery = {0};
        bool empty = false;

        if (!pick_queue_is_open(&w->pick.queues[order[i]]))
            continue;
        r = amqp_link_get(w->link, w->pick.queues[order[i]].name, &delivery, &empty, err);
        if (r < 0 || empty)
            continue;
        return take(w, order[i], &delivery, err);
    }
    return r < 0 ? r : consume_all(w, err);
}
