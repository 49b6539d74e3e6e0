// SPDX-License-Identifier: GPL-3.0-only
#include "worker/control.h"

#include "adt/control.h"
#include "adt/drain.h"
#include "base/log.h"

int control_open(struct worker *w, const char *queue, struct error *err)
{
    int r = amqp_link_declare_exchange(w->link, EXCHANGE_CONTROL, "fanout", AMQP_DURABLE, err);

    return r < 0 ? r : amqp_link_bind(w->link, queue, EXCHANGE_CONTROL, "", NULL, err);
}

// ---------------------------------------------------------------- kill

static bool may_answer(const char *reply_to)
{
    return reply_to && strncmp(reply_to, CONTROL_REPLY_PREFIX, strlen(CONTROL_REPLY_PREFIX)) == 0;
}

static void answer(struct worker *w, const struct control_answer *what, const char *reply_to,
                   const char *correlation_id)
{
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct amqp_publication message = {.exchange = "", .routing_key = reply_to};
    uint64_t tag;

    if (!w->link || !may_answer(reply_to) || control_answer_format(what, &body, NULL) < 0)
        return;
    message.correlation_id = correlation_id;
    message.body = buf_str(&body);
    message.body_len = body.len;
    // A link that fails here is found out by the next dispatch.
    (void)amqp_link_publish(w->link, &message, &tag, NULL);
}

static void answer_for_job(struct worker *w, enum control_outcome outcome)
{
    const struct job *job = &w->job;
    struct control_answer what = {
        .worker = w->lease_key,
        .uuid = job->request.uuid,
        .package = job_is_private(job) ? (char[]){"private-test"} : job->request.package,
        .outcome = outcome,
    };

    answer(w, &what, job->kill.reply_to, job->kill.correlation_id);
}

void control_done(struct worker *w)
{
    if (w->job.kill.asked)
        answer_for_job(w, w->job.kill.requeue ? CONTROL_RETURNED : CONTROL_KILLED);
}

void control_too_late(struct worker *w)
{
    if (w->job.kill.asked)
        answer_for_job(w, CONTROL_FINISHED);
}

// Its package is not known any more.
static void answer_finished(struct worker *w, const char *uuid, const struct amqp_delivery *order)
{
    _cleanup_free_ char *own = strdup(uuid);
    struct control_answer what = {
        .worker = w->lease_key, .uuid = own, .package = (char[]){""}, .outcome = CONTROL_FINISHED};

    if (own)
        answer(w, &what, order->reply_to, order->correlation_id);
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void kill_job(struct worker *w, const struct control_kill *order,
                     const struct amqp_delivery *delivery)
{
    struct job *job = &w->job;

    log_info("%s ends the test: the request %s",
             order->requester ? order->requester : "an operator",
             order->requeue ? "goes back into its queue" : "is dropped");
    job_kill_release(&job->kill);
    job->kill = (struct job_kill){.asked = true,
                                  .requeue = order->requeue,
                                  .reply_to = copy(delivery->reply_to),
                                  .correlation_id = copy(delivery->correlation_id)};
    answer_for_job(w, CONTROL_ENDING);
}

// Whether the test of the job can still be ended.
static bool is_in_hand(const struct job *job)
{
    return !job_is_idle(job) && !job->yielded && job->state != LIFE_KEEPING &&
           job->state != LIFE_STORED && job->state != LIFE_ANNOUNCED;
}

void control_receive(struct worker *w, const struct amqp_delivery *delivery)
{
    _cleanup_(control_kill_release) struct control_kill order = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    const struct job *job = &w->job;

    if (control_kill_parse(buf_str(&delivery->body), delivery->body.len, &order, &err) < 0) {
        log_warning("ignored on " EXCHANGE_CONTROL ": %s", error_message(&err));
        return;
    }
    if (!job_is_idle(job) && str_equal(job->request.uuid, order.uuid)) {
        if (order.requester && !str_equal(job->request.requester, order.requester))
            return; // whose it is not, learns nothing of it
        if (is_in_hand(job))
            kill_job(w, &order, delivery);
        else
            answer_finished(w, order.uuid, delivery);
        return;
    }
    for (const struct parcel *p = w->courier.first; p; p = p->next)
        if (str_equal(p->uuid, order.uuid)) {
            answer_finished(w, order.uuid, delivery);
            return;
        }
}

// ---------------------------------------------------------------- drain

void control_look(struct worker *w)
{
    bool drained = drain_covers(w->settings.drain_dir, w->settings.cloud, w->settings.arch);

    if (drained != w->drained)
        log_info("%s", drained ? "drained: no more work is taken until autopkgtest-cloud resume"
                               : "resumed: taking work again");
    w->drained = drained;
}

int control_read_changes(struct worker *w, struct error *err)
{
    if (!watch_changed(&w->watch))
        return 0;
    control_look(w);
    return lists_load(&w->lists, w->settings.lists_dir, err);
}
