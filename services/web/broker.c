// SPDX-License-Identifier: GPL-3.0-only
#include "web/broker.h"

#include "adt/durable_queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/broker_probe.h"
#include "web/web.h"

#define PROBE_US (2 * USEC_PER_SEC)
#define ROUND_TRIP_US (5 * USEC_PER_SEC) // pages wait for it: a busy broker is not one that is away
#define CONFIRM_US (10 * USEC_PER_SEC)   // a publication that is not confirmed by then has failed
#define WALK_SLICE_US (2 * USEC_PER_MSEC) // of looking at queues, before pages have their turn
#define WALK_PAUSE_US UINT64_C(500)       // for them
#define MISSING_KEPT_US (30 * USEC_PER_SEC)
#define LOOK_FRESH_US (2 * USEC_PER_SEC) // older: look again
#define LOOK_KEPT_US (10 * USEC_PER_SEC) // older: wait for the new one
#define TICK_US (5 * USEC_PER_SEC)       // looks after what is overdue, while there is something

struct publication {
    struct publication *next;
    uint64_t tag, deadline_us;
    broker_done *done;
    void *userdata;
};

// An exchange that waits for a look at the queues.
struct waiting {
    struct waiting *next;
    struct exchange *x;
};

// What was seen of the queues, kept for a while.
struct look {
    json_t *json;
    uint64_t when_us;
    struct queue_walk *walk; // under way
    uint64_t began_us;
    uint64_t took_us, held_us, longest_us; // of the last one (queue_reader_cost())
    struct waiting *waiting;
};

//     APART ──timer──▶ PROBING ──answers──▶ CONNECTED
//       ▲                 │                     │
//       └── back-off ─────┴──────── lose() ─────┘
struct broker {
    struct web *web;
    struct broker_probe *probe; // PROBING
    struct amqp_link *link;     // CONNECTED; NULL while there is none
    char *reason;               // why there is none
    uint64_t away_since_us;     // when there was one last
    size_t host;
    unsigned attempt;
    bool stale; // the link lives, but its subscription has ended
    sd_event_source *io, *timer, *tick, *walker, *answers; // `answers`: until when a walk waits
    struct publication *waiting;
    struct strv declared;                     // queues, since the link was opened
    struct look looks[QUEUE_LOOKS], *looking; // `looking`: whose walk is at work
    struct queue_reader *reader;              // of the link
    struct queue_missing missing;             // when last looked
    uint64_t missing_since_us;
    struct strv away; // queues of which the log has it that they do not answer
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

static void stop_walks(struct broker *b);

static void lose(struct broker *b, const char *reason)
{
    uint64_t wait = amqp_backoff_us(b->attempt++);

    broker_probe_free(TAKE_PTR(b->probe));
    b->io = sd_event_source_disable_unref(b->io);
    if (b->link) {
        amqp_link_free(TAKE_PTR(b->link));
        b->away_since_us = clock_monotonic_us();
    }
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
    stop_walks(b);
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

static void on_queue(struct amqp_link *link _unused_, const struct amqp_queue_answer *answer,
                     void *userdata)
{
    struct broker *b = userdata;

    for (size_t i = 0; i < QUEUE_LOOKS; i++)
        if (b->looks[i].walk) {
            (void)queue_walk_answer(b->looks[i].walk, answer); // what is not noted is asked again
            (void)sd_event_source_set_enabled(b->walker, SD_EVENT_ONESHOT);
        }
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

static int keep_only(struct strv *hosts, size_t at)
{
    _cleanup_strv_ struct strv one = STRV_INIT;
    struct strv all = *hosts;

    if (strv_add(&one, hosts->items[at]) < 0)
        return -ENOMEM;
    *hosts = one;
    one = all;
    return 0;
}

static int follow_running(struct amqp_link *link, struct error *err)
{
    _cleanup_free_ char *queue = NULL;
    int r = amqp_link_declare_exchange(link, EXCHANGE_STATUS, "fanout", 0, err);

    if (r == 0)
        r = amqp_link_declare_exchange(link, EXCHANGE_EVENT, "fanout", AMQP_DURABLE, err);
    if (r == 0)
        r = amqp_link_declare_queue(link, "", AMQP_EXCLUSIVE | AMQP_AUTO_DELETE, NULL, &queue, err);
    if (r == 0)
        r = amqp_link_bind(link, queue, EXCHANGE_STATUS, "", NULL, err);
    if (r == 0)
        r = amqp_link_consume(link, queue, "running", true, true, err);
    return r;
}

static int load_settings(struct broker *b, struct amqp_settings *ret, struct error *err)
{
    int r = settings_load_broker(b->web->config_dir, ret, err);

    if (r < 0)
        return r;
    ret->timeout_us = ROUND_TRIP_US;
    if (ret->hosts.len == 0)
        return error_set(err, -EINVAL, "no host of the broker is known");
    b->host %= ret->hosts.len;
    return 0;
}

// To the host that has just answered.
static int open_link(struct broker *b, struct error *err)
{
    const struct amqp_handlers handlers = {.on_delivery = on_delivery,
                                           .on_outcome = on_outcome,
                                           .on_cancelled = on_cancelled,
                                           .on_queue = on_queue,
                                           .userdata = b};
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int r = load_settings(b, &settings, err);

    if (r == 0)
        r = keep_only(&settings.hosts, b->host) < 0 ? error_oom(err) : 0;
    if (r == 0)
        r = amqp_link_open(&settings, "autopkgtest-web", &handlers, NULL, &link, err);
    if (r == 0)
        r = follow_running(link, err);
    if (r == 0 && queue_reader_new(queue_walk_queues(&b->web->settings), &b->reader) < 0)
        r = error_oom(err);
    if (r < 0)
        return r;
    r = sd_event_add_io(b->web->event, &b->io, amqp_link_fd(link), EPOLLIN, on_readable, b);
    if (r < 0)
        return error_errno(err, r, "cannot watch the connection");
    b->link = TAKE_PTR(link);
    return 0;
}

static void try_next_host(struct broker *b, const char *reason)
{
    b->host++;
    lose(b, reason);
}

static void on_probed(int probed, const char *reason, void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct broker *b = userdata;

    if (probed < 0) {
        try_next_host(b, reason);
        return;
    }
    broker_probe_free(TAKE_PTR(b->probe));
    if (open_link(b, &err) < 0) {
        try_next_host(b, error_message(&err));
        return;
    }
    log_info("connected to the broker %s", amqp_link_host(b->link));
    free(TAKE_PTR(b->reason));
    b->attempt = 0;
    arm(b);
}

static int start_probe(struct broker *b, struct error *err)
{
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    int r = load_settings(b, &settings, err);

    return r < 0 ? r
                 : broker_probe_new(b->web->event, settings.hosts.items[b->host], settings.port,
                                    settings.tls, PROBE_US, on_probed, b, &b->probe, err);
}

static int on_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct broker *b = userdata;

    if (b->link && !b->stale)
        dispatch(b);
    else if (b->link)
        lose(b, "the subscription to running tests has ended");
    else if (!b->probe && start_probe(b, &err) < 0)
        try_next_host(b, error_message(&err));
    return 0;
}

static int on_tick(sd_event_source *source, uint64_t now, void *userdata)
{
    const struct running_filter everything = {0};
    struct broker *b = userdata;

    running_expire(b->running, now);
    for (const struct publication *p = b->waiting; p; p = p->next)
        if (p->deadline_us < now) {
            lose(b, "the broker does not confirm what is published");
            break;
        }
    (void)sd_event_source_set_time(source, now + TICK_US);
    return sd_event_source_set_enabled(
        source,
        b->waiting || running_count(b->running, &everything) > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
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

static int on_walk(sd_event_source *source, void *userdata);

static int on_no_answer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    struct broker *b = userdata;

    return sd_event_source_set_enabled(b->walker, SD_EVENT_ONESHOT);
}

static int add_sources(struct broker *b, sd_event *event)
{
    int r = sd_event_add_time(event, &b->timer, CLOCK_MONOTONIC, 0, 1, on_timer, b);

    if (r >= 0)
        r = sd_event_add_time(event, &b->tick, CLOCK_MONOTONIC, TICK_US, USEC_PER_SEC, on_tick, b);
    if (r >= 0)
        r = sd_event_add_defer(event, &b->walker, on_walk, b);
    if (r >= 0)
        r = sd_event_add_time(event, &b->answers, CLOCK_MONOTONIC, 0, 1, on_no_answer, b);
    if (r >= 0)
        r = sd_event_source_set_enabled(b->answers, SD_EVENT_OFF);
    return r < 0 ? r : sd_event_source_set_enabled(b->walker, SD_EVENT_OFF);
}

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
    b->away_since_us = clock_monotonic_us();
    r = add_sources(b, web->event);
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
    stop_walks(b);
    broker_probe_free(b->probe);
    (void)sd_event_source_disable_unref(b->io);
    (void)sd_event_source_disable_unref(b->timer);
    (void)sd_event_source_disable_unref(b->tick);
    (void)sd_event_source_disable_unref(b->walker);
    (void)sd_event_source_disable_unref(b->answers);
    if (b->link)
        amqp_link_free(b->link);
    strv_release(&b->declared);
    queue_missing_release(&b->missing);
    strv_release(&b->away);
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

char *broker_absence(const struct broker *b, char **ret_for)
{
    uint64_t away_us = clock_monotonic_us() - b->away_since_us;
    _cleanup_free_ char *time = b->link ? NULL : clock_format_duration(away_us / USEC_PER_SEC);
    char *text = time ? str_format("it has not answered for %s", time) : NULL;

    if (ret_for)
        *ret_for = TAKE_PTR(time);
    return text;
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
        strv_release(&b->missing.absent);
        r = durable_queue_declare(b->link, queue, err);
        if (r == 0)
            r = strv_add(&b->declared, queue);
    }
    return r < 0 ? r : amqp_link_publish(b->link, &publication, ret_tag, err);
}

int broker_publish(struct broker *b, const char *queue, const void *body, size_t len,
                   broker_done *done, void *userdata, struct error *err)
{
    _cleanup_free_ char *why = broker_absence(b, NULL);
    struct publication *p;
    int r;

    if (!b->link)
        return error_set(err, -ENOTCONN, "the broker is away: %s", why ? why : "not connected");
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

void broker_tell(struct broker *b, const json_t *event)
{
    struct amqp_publication publication = {
        .exchange = EXCHANGE_EVENT, .routing_key = "", .persistent = true};
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    uint64_t tag;

    if (!b->link || json_write(event, &body) < 0)
        return;
    publication.body = buf_str(&body);
    publication.body_len = body.len;
    (void)amqp_link_publish(b->link, &publication, &tag, NULL); // a dispatch finds out
}

// ---- queues

// Asking for a queue that is not there is dear: the broker closes the channel. A walk under way
// still needs what it has found.
static void forget_missing(struct broker *b)
{
    if (clock_monotonic_us() - b->missing_since_us <= MISSING_KEPT_US)
        return;
    for (size_t i = 0; i < QUEUE_LOOKS; i++)
        if (b->looks[i].walk)
            return;
    queue_missing_release(&b->missing);
    b->missing_since_us = clock_monotonic_us();
}

// Once when a queue stops to answer, and once when it does again.
static void log_away(struct broker *b)
{
    const struct queue_missing *missing = &b->missing;
    struct strv away = STRV_INIT;

    for (size_t i = 0; i < missing->away.len; i++)
        if (!strv_contains(&b->away, missing->away.items[i]))
            log_warning("queue %s does not answer: %s", missing->away.items[i],
                        missing->why.items[i]);
    STRV_FOREACH (name, &b->away)
        if (!strv_contains(&missing->away, name))
            log_info("queue %s answers again", name);
    if (strv_add_list(&away, &missing->away) < 0)
        return; // what is not noted is said again
    strv_release(&b->away);
    b->away = away;
}

static int start_walk(struct broker *b, enum queue_look what)
{
    struct look *look = &b->looks[what];
    bool begins = !look->walk;
    int r;

    forget_missing(b);
    r = look->walk ? 0
                   : queue_walk_new(&b->web->settings, what, &b->missing, b->reader, &look->walk);

    if (begins)
        look->began_us = clock_monotonic_us();
    return r < 0 ? r : sd_event_source_set_enabled(b->walker, SD_EVENT_ONESHOT);
}

static void resume_waiting(struct look *look)
{
    struct waiting *list = TAKE_PTR(look->waiting);

    while (list) {
        struct waiting *next = list->next;

        exchange_again(list->x);
        free(list);
        list = next;
    }
}

static void stop_walks(struct broker *b)
{
    (void)sd_event_source_set_enabled(b->walker, SD_EVENT_OFF);
    b->looking = NULL;
    for (size_t i = 0; i < QUEUE_LOOKS; i++) {
        queue_walk_free(TAKE_PTR(b->looks[i].walk));
        json_decref(TAKE_PTR(b->looks[i].json));
        resume_waiting(&b->looks[i]);
    }
    queue_reader_free(TAKE_PTR(b->reader));
}

// A slice of the walk. QUEUE_WALK_MORE, QUEUE_WALK_WAITS; 0: done.
static int walk(struct broker *b, struct look *look, struct error *err)
{
    uint64_t end = clock_monotonic_us() + WALK_SLICE_US;
    json_t *all = NULL;
    int r;

    do
        r = queue_walk_step(look->walk, b->link, &all, err);
    while (r == QUEUE_WALK_MORE && clock_monotonic_us() < end);
    if (r == 0) {
        look->took_us = clock_monotonic_us() - look->began_us;
        if (look == &b->looks[QUEUE_BODIES])
            queue_reader_cost(b->reader, &look->held_us, &look->longest_us);
        queue_walk_free(TAKE_PTR(look->walk));
        log_away(b);
        json_decref(look->json);
        look->json = all;
        look->when_us = clock_monotonic_us();
        resume_waiting(look);
    }
    if (r == QUEUE_WALK_WAITS) {
        (void)sd_event_source_set_time(b->answers, queue_walk_deadline(look->walk));
        (void)sd_event_source_set_enabled(b->answers, SD_EVENT_ONESHOT);
    }
    return r;
}

// One look at a time: while requests are read, queues seem to be shorter than they are.
static struct look *next_look(struct broker *b)
{
    for (size_t i = 0; !b->looking && i < QUEUE_LOOKS; i++)
        if (b->looks[i].walk)
            b->looking = &b->looks[i];
    return b->looking;
}

// Pages have their turn: a walk that went on at once would always come before the sockets.
static int pause_walk(struct broker *b)
{
    int r = sd_event_source_set_time(b->answers, clock_monotonic_us() + WALK_PAUSE_US);

    return r < 0 ? r : sd_event_source_set_enabled(b->answers, SD_EVENT_ONESHOT);
}

static int on_walk(sd_event_source *source _unused_, void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct broker *b = userdata;
    struct look *look = b->link ? next_look(b) : NULL;
    int r = look ? walk(b, look, &err) : 0;

    if (r < 0) {
        lose(b, error_message(&err));
        return 0;
    }
    if (look && r == 0) {
        b->looking = NULL;
        look = next_look(b);
    }
    if (b->link)
        arm(b); // a round trip may have brought something in
    return look && r != QUEUE_WALK_WAITS ? pause_walk(b) : 0;
}

int broker_look(struct broker *b, enum queue_look what, struct exchange *x, const json_t **ret)
{
    struct look *look = &b->looks[what];
    uint64_t age = clock_monotonic_us() - look->when_us;
    struct waiting *waiting;

    *ret = NULL;
    if (!b->link)
        return 0;
    if ((!look->json || age > LOOK_FRESH_US) && start_walk(b, what) < 0)
        return -ENOMEM;
    if (look->json && age < LOOK_KEPT_US) {
        *ret = look->json;
        return 0;
    }
    waiting = calloc(1, sizeof(*waiting));
    if (!waiting)
        return -ENOMEM;
    *waiting = (struct waiting){.next = look->waiting, .x = x};
    look->waiting = waiting;
    return EXCHANGE_WAIT;
}

int broker_look_back(struct broker *b, enum queue_look what, const json_t **ret)
{
    const struct look *look = &b->looks[what];
    uint64_t age = clock_monotonic_us() - look->when_us;

    *ret = b->link ? look->json : NULL;
    return b->link && (!look->json || age > LOOK_KEPT_US) ? start_walk(b, what) : 0;
}

bool broker_has_looked(const struct broker *b, enum queue_look what, uint64_t within_us)
{
    const struct look *look = &b->looks[what];

    return b->link && look->json && clock_monotonic_us() - look->when_us <= within_us;
}

const json_t *broker_length(const json_t *lengths, const struct queue_place *place)
{
    const json_t *context = json_object_get(lengths, queue_context_name(place->context));
    const json_t *n = json_object_get(json_object_get(context, place->release), place->arch);

    return json_is_integer(n) ? n : NULL;
}

const struct queue_copy *broker_queue(const struct broker *b, const struct queue_place *place)
{
    return b->link ? queue_reader_copy(b->reader, queue_walk_number(&b->web->settings, place))
                   : NULL;
}

bool broker_queue_is_closed(const struct broker *b, const struct queue_place *place)
{
    return b->link &&
           queue_reader_is_closed(b->reader, queue_walk_number(&b->web->settings, place));
}

void broker_look_cost(const struct broker *b, struct broker_cost *ret)
{
    const struct look *look = &b->looks[QUEUE_BODIES];

    *ret = (struct broker_cost){
        .took_us = look->took_us, .held_us = look->held_us, .longest_us = look->longest_us};
}

struct running *broker_running(struct broker *b)
{
    return b->running;
}
