// SPDX-License-Identifier: GPL-3.0-only
#include "web/broker.h"

#include "base/clock.h"
#include "base/log.h"
#include "web/web.h"

#define ROUND_TRIP_US (2 * USEC_PER_SEC)
#define CONFIRM_US (10 * USEC_PER_SEC) // a publication that is not confirmed by then has failed
#define SNAPSHOT_FRESH_US (2 * USEC_PER_SEC)
#define TICK_US (5 * USEC_PER_SEC) // looks after what is overdue, while there is something

struct publication {
    struct publication *next;
    uint64_t tag, deadline_us;
    broker_done *done;
    void *userdata;
};

// An answer that is kept for a while.
struct snapshot {
    json_t *json;
    uint64_t when_us;
};

struct broker {
    struct web *web;
    struct amqp_link *link; // NULL while there is none
    char *reason;           // why there is none
    size_t host;
    unsigned attempt;
    bool stale; // the link lives, but its subscription has ended
    sd_event_source *io, *timer, *tick;
    struct publication *waiting;
    struct strv declared; // queues, since the link was opened
    struct snapshot lengths, bodies;
    struct running *running;
};

// ---- publications

static void finish(struct publication *p, int r, const char *reason)
{
    p->done(r, reason, p->userdata);
    free(p);
}

static void finish_all(struct broker *b, int r, const char *reason)
{
    struct publication *list = TAKE_PTR(b->waiting);

    while (list) {
        struct publication *next = list->next;

        finish(list, r, reason);
        list = next;
    }
}

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata)
{
    struct broker *b = userdata;

    for (struct publication **at = &b->waiting; *at; at = &(*at)->next) {
        struct publication *p = *at;

        if (p->tag != tag)
            continue;
        *at = p->next;
        if (outcome == AMQP_CONFIRMED)
            finish(p, 0, NULL);
        else if (outcome == AMQP_RETURNED) {
            strv_release(&b->declared); // it was deleted: declare again next time
            finish(p, -ENOENT, "the queue has vanished, try again");
        } else
            finish(p, -EAGAIN, "the broker did not take the request");
        return;
    }
}

// ---- the connection

static void lose(struct broker *b, const char *reason)
{
    uint64_t wait = amqp_backoff_us(b->attempt++);

    b->io = sd_event_source_disable_unref(b->io);
    if (b->link)
        amqp_link_free(TAKE_PTR(b->link));
    b->stale = false;
    strv_release(&b->declared);
    if (!str_equal(b->reason, reason)) {
        log_warning("no broker: %s", reason);
        free(b->reason);
        b->reason = strdup(reason);
    }
    (void)sd_event_source_set_time(b->timer, clock_monotonic_us() + wait);
    (void)sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
    finish_all(b, -ENOTCONN, "the connection to the broker broke");
}

static void on_delivery(struct amqp_link *link _unused_, struct amqp_delivery *delivery,
                        void *userdata)
{
    struct broker *b = userdata;
    struct test_status status = {0};

    // A status that cannot be read is somebody else's mistake; the next one comes in seconds.
    if (test_status_parse(buf_str(&delivery->body), delivery->body.len, &status, NULL) < 0)
        return;
    (void)running_update(b->running, &status, clock_monotonic_us());
    test_status_release(&status);
}

static void on_cancelled(struct amqp_link *link _unused_, const char *consumer _unused_,
                         void *userdata)
{
    struct broker *b = userdata;

    log_warning("the broker has ended the subscription to running tests: connecting anew");
    b->stale = true;
    (void)sd_event_source_set_time(b->timer, 0);
    (void)sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
}

static void arm(struct broker *b)
{
    uint64_t deadline = b->stale ? 0 : amqp_link_deadline(b->link);

    (void)sd_event_source_set_time(b->timer, deadline);
    (void)sd_event_source_set_enabled(b->timer,
                                      deadline == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void dispatch(struct broker *b)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (amqp_link_dispatch(b->link, &err) < 0)
        lose(b, error_message(&err));
    else
        arm(b);
}

static int on_readable(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                       void *userdata)
{
    dispatch(userdata);
    return 0;
}

static int follow_running(struct amqp_link *link, struct error *err)
{
    _cleanup_free_ char *queue = NULL;
    int r = amqp_link_declare_exchange(link, EXCHANGE_STATUS, "fanout", 0, err);

    if (r == 0)
        r = amqp_link_declare_queue(link, "", AMQP_EXCLUSIVE | AMQP_AUTO_DELETE, NULL, &queue, err);
    if (r == 0)
        r = amqp_link_bind(link, queue, EXCHANGE_STATUS, "", NULL, err);
    if (r == 0)
        r = amqp_link_consume(link, queue, "running", true, true, err);
    return r;
}

static int open_link(struct broker *b, struct error *err)
{
    const struct amqp_handlers handlers = {.on_delivery = on_delivery,
                                           .on_outcome = on_outcome,
                                           .on_cancelled = on_cancelled,
                                           .userdata = b};
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int r = settings_load_broker(b->web->config_dir, &settings, err);

    if (r < 0)
        return r;
    settings.timeout_us = ROUND_TRIP_US;
    r = amqp_link_open(&settings, "autopkgtest-web", &handlers, &b->host, &link, err);
    if (r == 0)
        r = follow_running(link, err);
    if (r < 0)
        return r;
    r = sd_event_add_io(b->web->event, &b->io, amqp_link_fd(link), EPOLLIN, on_readable, b);
    if (r < 0)
        return error_errno(err, r, "cannot watch the connection");
    b->link = TAKE_PTR(link);
    return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct broker *b = userdata;

    if (b->link && !b->stale) {
        dispatch(b);
        return 0;
    }
    if (b->link) {
        lose(b, "the subscription to running tests has ended");
        return 0;
    }
    if (open_link(b, &err) < 0) {
        lose(b, error_message(&err));
        return 0;
    }
    log_info("connected to the broker %s", amqp_link_host(b->link));
    free(TAKE_PTR(b->reason));
    b->attempt = 0;
    arm(b);
    return 0;
}

static int on_tick(sd_event_source *source, uint64_t now, void *userdata)
{
    struct broker *b = userdata;

    running_expire(b->running, now);
    for (const struct publication *p = b->waiting; p; p = p->next)
        if (p->deadline_us < now) {
            lose(b, "the broker does not confirm what is published");
            break;
        }
    (void)sd_event_source_set_time(source, now + TICK_US);
    return sd_event_source_set_enabled(
        source, b->waiting || running_count(b->running) > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void need_tick(struct broker *b)
{
    int enabled = SD_EVENT_OFF;

    (void)sd_event_source_get_enabled(b->tick, &enabled);
    if (enabled != SD_EVENT_OFF)
        return;
    (void)sd_event_source_set_time(b->tick, clock_monotonic_us() + TICK_US);
    (void)sd_event_source_set_enabled(b->tick, SD_EVENT_ONESHOT);
}

// ---- what others call

int broker_new(struct web *web, struct broker **ret, struct error *err)
{
    struct broker *b = calloc(1, sizeof(*b));
    int r;

    if (!b || running_new(&b->running) < 0) {
        free(b);
        return error_oom(err);
    }
    b->web = web;
    b->reason = strdup("not connected yet");
    r = sd_event_add_time(web->event, &b->timer, CLOCK_MONOTONIC, 0, 1, on_timer, b);
    if (r >= 0)
        r = sd_event_add_time(web->event, &b->tick, CLOCK_MONOTONIC, TICK_US, USEC_PER_SEC, on_tick,
                              b);
    if (r < 0) {
        broker_free(b);
        return error_errno(err, r, "cannot make a timer");
    }
    *ret = b;
    return 0;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    finish_all(b, -ENOTCONN, "the web service is stopping");
    (void)sd_event_source_disable_unref(b->io);
    (void)sd_event_source_disable_unref(b->timer);
    (void)sd_event_source_disable_unref(b->tick);
    if (b->link)
        amqp_link_free(b->link);
    strv_release(&b->declared);
    json_decref(b->lengths.json);
    json_decref(b->bodies.json);
    running_free(b->running);
    free(b->reason);
    free(b);
}

void broker_reload(struct broker *b)
{
    lose(b, "reading the broker's credentials again");
    b->attempt = 0;
    (void)sd_event_source_set_time(b->timer, 0);
}

bool broker_is_up(const struct broker *b, const char **ret_reason)
{
    if (!b->link && ret_reason)
        *ret_reason = b->reason ? b->reason : "not connected";
    return b->link != NULL;
}

static int publish(struct broker *b, const char *queue, const void *body, size_t len,
                   uint64_t *ret_tag, struct error *err)
{
    const struct amqp_publication publication = {.exchange = "",
                                                 .routing_key = queue,
                                                 .body = body,
                                                 .body_len = len,
                                                 .persistent = true,
                                                 .mandatory = true};
    int r = 0;

    if (!strv_contains(&b->declared, queue)) {
        r = amqp_link_declare_queue(b->link, queue, AMQP_DURABLE, NULL, NULL, err);
        if (r == 0)
            r = strv_add(&b->declared, queue);
    }
    return r < 0 ? r : amqp_link_publish(b->link, &publication, ret_tag, err);
}

int broker_publish(struct broker *b, const char *queue, const void *body, size_t len,
                   broker_done *done, void *userdata, struct error *err)
{
    struct publication *p;
    int r;

    if (!b->link)
        return error_set(err, -ENOTCONN, "the broker is away: %s",
                         b->reason ? b->reason : "not connected");
    p = calloc(1, sizeof(*p));
    if (!p)
        return error_oom(err);
    r = publish(b, queue, body, len, &p->tag, err);
    if (r < 0) {
        free(p);
        if (r != -EEXIST)
            lose(b, error_message(err));
        return error_prefix(err, r == -EEXIST ? r : -ENOTCONN, "the broker is away");
    }
    p->deadline_us = clock_monotonic_us() + CONFIRM_US;
    p->done = done;
    p->userdata = userdata;
    p->next = b->waiting;
    b->waiting = p;
    arm(b); // a round trip may have brought something in
    need_tick(b);
    return 0;
}

// ---- queues

// What is asked of each queue: its value for the JSON.
typedef int look_at_queue(struct broker *b, const char *queue, json_t **ret, struct error *err);

static int queue_length(struct broker *b, const char *queue, json_t **ret, struct error *err)
{
    uint32_t messages = 0, consumers = 0;
    int r = amqp_link_inspect_queue(b->link, queue, &messages, &consumers, err);

    if (r == -ENOENT) {
        error_clear(err);
        r = 0;
    }
    if (r == 0)
        *ret = json_integer(messages);
    return r;
}

// The text of a request for everyone's eyes.
static json_t *public_body(const struct buf *body)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r = request_parse(buf_str(body), body->len, &request, NULL);

    if (r < 0 || request_is_private(&request))
        return json_string(r < 0 ? "unreadable request" : "private job");
    return json_stringn(buf_str(body), body->len);
}

static int take_some(struct broker *b, const char *queue, size_t n, json_t *bodies,
                     uint64_t tags[BROKER_LOOK], size_t *taken, struct error *err)
{
    while (*taken < n) {
        struct amqp_delivery delivery = {0};
        bool empty = false;
        int r = amqp_link_get(b->link, queue, &delivery, &empty, err);

        if (r < 0 || empty)
            return r;
        tags[(*taken)++] = delivery.tag;
        (void)json_array_append_new(bodies, public_body(&delivery.body));
        amqp_delivery_release(&delivery);
    }
    return 0;
}

static int queue_bodies(struct broker *b, const char *queue, json_t **ret, struct error *err)
{
    uint64_t tags[BROKER_LOOK];
    uint32_t messages = 0, consumers = 0;
    json_t *bodies = json_array();
    size_t taken = 0;
    int r = amqp_link_inspect_queue(b->link, queue, &messages, &consumers, err);

    if (r == -ENOENT) {
        error_clear(err);
        r = 0;
    } else if (r == 0)
        r = take_some(b, queue, messages < BROKER_LOOK ? messages : BROKER_LOOK, bodies, tags,
                      &taken, err);
    for (size_t i = 0; i < taken && r == 0; i++)
        r = amqp_link_nack(b->link, tags[i], true, err);
    if (r < 0) {
        json_decref(bodies);
        return r;
    }
    *ret = bodies;
    return 0;
}

static int add_context(struct broker *b, json_t *all, enum queue_context context,
                       look_at_queue *look, struct error *err)
{
    const struct web_settings *s = &b->web->settings;
    json_t *releases = json_object();
    int r = json_put(all, queue_context_name(context), releases);

    for (size_t i = 0; i < s->releases.len && r == 0; i++) {
        json_t *archs = json_object();

        r = json_put(releases, s->releases.items[i], archs);
        for (size_t j = 0; j < s->architectures.len && r == 0; j++) {
            const char *arch = s->architectures.items[j];
            _cleanup_free_ char *queue = queue_name(context, s->releases.items[i], arch);
            json_t *value = NULL;

            r = queue ? look(b, queue, &value, err) : -ENOMEM;
            if (r == 0)
                r = json_put(archs, arch, value);
        }
    }
    return r;
}

static const json_t *look_at_all(struct broker *b, look_at_queue *look, struct snapshot *kept)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t now = clock_monotonic_us();
    json_t *all;
    int r = 0;

    if (!b->link || (kept->json && now - kept->when_us < SNAPSHOT_FRESH_US))
        return b->link ? kept->json : NULL;
    all = json_object();
    for (int context = 0; context < CONTEXT_COUNT && r == 0; context++)
        r = all ? add_context(b, all, (enum queue_context)context, look, &err) : -ENOMEM;
    if (r < 0) {
        json_decref(all);
        lose(b, error_message(&err));
        return NULL;
    }
    json_decref(kept->json);
    *kept = (struct snapshot){.json = all, .when_us = clock_monotonic_us()};
    arm(b);
    return all;
}

const json_t *broker_queue_lengths(struct broker *b)
{
    return look_at_all(b, queue_length, &b->lengths);
}

const json_t *broker_queues(struct broker *b)
{
    return look_at_all(b, queue_bodies, &b->bodies);
}

struct running *broker_running(struct broker *b)
{
    return b->running;
}
