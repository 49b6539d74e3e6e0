// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/github.h"

#include "adt/durable_queue.h"
#include "adt/github.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/amqp.h"
#include "net/http_async.h"

#include <sys/epoll.h>

#define CONSUMER "github"
#define PREFETCH 1000 // most that one unit holds
#define BUSY 4        // commits that are told at a time
#define ANSWER_MAX ((size_t)256 * 1024)
#define TIMEOUT_US (30 * USEC_PER_SEC)
#define FIRST_WAIT_US (10 * USEC_PER_SEC)
#define LONGEST_WAIT_US (3600 * USEC_PER_SEC)
#define HELD_US (600 * USEC_PER_SEC) // RabbitMQ allows half an hour
#define RETRY_US (30 * USEC_PER_SEC) // when something of ours fails
#define GIVEN_UP_US (24 * 3600 * USEC_PER_SEC)
#define UNUSED_MS (7 * 24 * 3600 * 1000) // then the queue goes: nobody has credentials any more

struct github {
    const char *config_dir;
    const struct web_settings *settings;
    struct amqp_settings broker;
    struct amqp_link *link; // NULL while there is no broker
    size_t host;
    unsigned attempt;
    bool stale; // the link is to be opened anew
    sd_event *event;
    sd_event_source *io, *timer, *due;
    struct http_async *http;
    struct outbox *outbox;
    unsigned busy;
    int64_t quiet_until_us; // what GitHub's limits want
};

struct sending {
    struct github *github;
    struct outbox_entry *entry;
};

static int64_t now_us(void)
{
    return (int64_t)clock_realtime_us();
}

static void set_timer(sd_event_source *timer, uint64_t when)
{
    (void)sd_event_source_set_time(timer, when);
    (void)sd_event_source_set_enabled(timer,
                                      when == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

// A link that is broken says so when it is used next.
static void acknowledge(struct github *g, uint64_t tag)
{
    if (tag > 0 && g->link)
        (void)amqp_link_ack(g->link, tag, NULL);
}

// ---- out of the outbox

static uint64_t backoff(unsigned attempts)
{
    uint64_t wait = FIRST_WAIT_US << (attempts < 9 ? attempts : 9);

    return wait < LONGEST_WAIT_US ? wait : LONGEST_WAIT_US;
}

// Whether it is to be sent again; *ret_quiet_us: how long nothing is to be sent.
static bool is_temporary(int r, const struct http_response *response, uint64_t *ret_quiet_us)
{
    const char *after, *left;

    *ret_quiet_us = 0;
    if (r < 0)
        return true;
    after = http_response_header(response, "retry-after");
    left = http_response_header(response, "x-ratelimit-remaining");
    *ret_quiet_us = github_answer_wait_us(
        after, left, http_response_header(response, "x-ratelimit-reset"), (uint64_t)now_us());
    return github_answer_is_temporary(response->status, after, left);
}

static void end(struct github *g, struct outbox_entry *entry)
{
    acknowledge(g, entry->status.tag);
    outbox_remove(g->outbox, entry);
}

static void settle(struct github *g, struct outbox_entry *entry, int r,
                   const struct http_response *response, const char *why)
{
    int64_t now = now_us();
    uint64_t quiet = 0;

    entry->sending = false;
    if (r == 0 && response->status >= 200 && response->status < 300) {
        end(g, entry);
    } else if (!is_temporary(r, response, &quiet) ||
               now - entry->status.made_us > (int64_t)GIVEN_UP_US) {
        log_error("a commit's status is given up: %s: %s", entry->status.url, why);
        end(g, entry);
    } else {
        if (quiet > 0)
            g->quiet_until_us = now + (int64_t)quiet;
        entry->due_us = now + (int64_t)backoff(entry->attempts++);
        log_warning("a commit's status will be sent again: %s: %s", entry->status.url, why);
        if (entry->status.tag == 0 || outbox_is_superseded(g->outbox, entry))
            end(g, entry);
    }
}

static void on_answer(int r, const struct http_response *response, const struct error *why,
                      void *userdata)
{
    struct sending *sending = userdata;
    struct github *g = sending->github;
    _cleanup_free_ char *status = str_format("GitHub answers with status %ld", response->status);

    if (r != -ECANCELED) {
        g->busy--;
        settle(g, sending->entry, r, response, r < 0 ? error_message(why) : status ? status : "");
        set_timer(g->due, 0);
    }
    free(sending);
}

static int send_status(struct github *g, struct outbox_entry *entry, struct error *err)
{
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_free_ char *credentials = github_credentials(g->settings->github_credentials_file);
    _cleanup_free_ struct sending *sending = calloc(1, sizeof(*sending));
    const struct http_request request = {.method = "POST",
                                         .url = entry->status.url,
                                         .headers = &headers,
                                         .body = entry->status.body,
                                         .body_len = strlen(entry->status.body),
                                         .connect_timeout_us = TIMEOUT_US,
                                         .idle_timeout_us = TIMEOUT_US};
    int r;

    if (!credentials)
        return error_set(err, -ENOENT, "there are no credentials for GitHub");
    if (!sending || strv_take(&headers, github_authorization(credentials)) < 0 ||
        strv_add(&headers, "Accept: application/vnd.github+json") < 0 ||
        strv_add(&headers, "Content-Type: application/json") < 0)
        return error_oom(err);
    *sending = (struct sending){.github = g, .entry = entry};
    r = http_async_start(g->http, &request, ANSWER_MAX, on_answer, sending, err);
    if (r < 0)
        return r;
    TAKE_PTR(sending);
    entry->sending = true;
    g->busy++;
    return 0;
}

// Before the broker takes offence.
static void give_back(struct github *g, int64_t now)
{
    struct outbox_entry *entry;

    while (g->link && (entry = outbox_older(g->outbox, now - (int64_t)HELD_US))) {
        (void)amqp_link_nack(g->link, entry->status.tag, true, NULL);
        outbox_remove(g->outbox, entry);
    }
}

static int on_due(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
    struct github *g = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    int64_t now = now_us(), next = INT64_MAX, oldest;
    struct outbox_entry *entry = NULL;
    int r = 0;

    give_back(g, now);
    while (r == 0 && g->busy < BUSY && now >= g->quiet_until_us &&
           (entry = outbox_next(g->outbox, now, &next)))
        r = send_status(g, entry, &err);
    if (r < 0) {
        log_error("a commit's status cannot be sent: %s", error_message(&err));
        entry->due_us = now + (int64_t)RETRY_US;
    }
    // What waits is looked at again after half a minute in any case: it may be held for too long.
    oldest = outbox_older(g->outbox, INT64_MAX) ? now + (int64_t)RETRY_US : INT64_MAX;
    if (g->quiet_until_us > now)
        next = g->quiet_until_us;
    if (next > oldest || next <= now) // all hands are busy: an answer wakes us
        next = oldest;
    set_timer(g->due,
              next == INT64_MAX ? USEC_INFINITY : clock_monotonic_us() + (uint64_t)(next - now));
    return 0;
}

// ---- and into it

// 1: there is something to tell; 0: nothing, also of what cannot be read (the indexer's own queue
// has it too, and sets it aside).
static int read_status(const struct github *g, const struct amqp_delivery *d,
                       struct outbox_status *ret, struct error *err)
{
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_(event_release) struct request_event event = {0};
    bool is_event = str_equal(d->exchange, EXCHANGE_EVENT);
    int r = is_event ? event_parse(buf_str(&d->body), d->body.len, &event, NULL)
                     : test_complete_parse(buf_str(&d->body), d->body.len, &done, NULL);

    if (r < 0)
        return r == -ENOMEM ? error_oom(err) : 0;
    if (is_event)
        return github_status_of_event(g->settings, &event, ret, err);
    done.announced_s = d->timestamp_s >> 40 == 0 ? (int64_t)d->timestamp_s : 0;
    return github_status_of_result(g->settings, &done, ret, err);
}

static void on_delivery(struct amqp_link *link, struct amqp_delivery *delivery, void *userdata)
{
    struct github *g = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct outbox_status status = {0};
    uint64_t old_tag = 0;
    int r = read_status(g, delivery, &status, &err);

    if (r > 0 && now_us() - status.made_us > (int64_t)GIVEN_UP_US) {
        outbox_status_release(&status);
        r = 0;
    }
    if (r == 0) {
        (void)amqp_link_ack(link, delivery->tag, NULL);
        return;
    }
    status.tag = delivery->tag;
    if (r > 0 && outbox_add(g->outbox, &status, now_us(), &old_tag) < 0)
        r = -ENOMEM;
    if (r < 0) {
        (void)amqp_link_nack(link, delivery->tag, true, NULL);
        return;
    }
    acknowledge(g, old_tag);
    set_timer(g->due, 0);
}

static void disconnect(struct github *g)
{
    g->io = sd_event_source_disable_unref(g->io);
    if (g->link)
        amqp_link_free(g->link);
    g->link = NULL;
    g->stale = false;
    outbox_forget(g->outbox);
}

static void on_cancelled(struct amqp_link *link _unused_, const char *consumer _unused_,
                         void *userdata)
{
    github_reconnect(userdata); // the queue was deleted: it is made anew
}

static int subscribe(struct github *g, struct error *err)
{
    static const char *const exchanges[] = {EXCHANGE_COMPLETE, EXCHANGE_EVENT};
    _cleanup_json_ json_t *arguments =
        json_pack("{s:b, s:i}", "x-single-active-consumer", 1, "x-expires", UNUSED_MS);
    int r;

    if (!arguments)
        return error_oom(err);
    r = durable_queue_declare_own(g->link, GITHUB_QUEUE, arguments, err);
    for (size_t i = 0; i < ARRAY_SIZE(exchanges) && r == 0; i++) {
        r = amqp_link_declare_exchange(g->link, exchanges[i], "fanout", AMQP_DURABLE, err);
        if (r == 0)
            r = amqp_link_bind(g->link, GITHUB_QUEUE, exchanges[i], "", NULL, err);
    }
    if (r == 0)
        r = amqp_link_prefetch(g->link, PREFETCH, err);
    return r < 0 ? r : amqp_link_consume(g->link, GITHUB_QUEUE, CONSUMER, false, false, err);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata);

static int connect_broker(struct github *g, struct error *err)
{
    const struct amqp_handlers handlers = {
        .on_delivery = on_delivery, .on_cancelled = on_cancelled, .userdata = g};
    int r;

    amqp_settings_release(&g->broker);
    if ((r = settings_load_broker(g->config_dir, &g->broker, err)) < 0 ||
        (r = amqp_link_open(&g->broker, GITHUB_QUEUE, &handlers, &g->host, &g->link, err)) < 0 ||
        (r = subscribe(g, err)) < 0)
        return r;
    r = sd_event_add_io(g->event, &g->io, amqp_link_fd(g->link), EPOLLIN, on_readable, g);
    return r < 0 ? error_errno(err, r, "cannot watch the broker") : 0;
}

static void dispatch(struct github *g)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    if (g->stale)
        disconnect(g);
    r = g->link ? amqp_link_dispatch(g->link, &err) : connect_broker(g, &err);
    if (r == 0)
        r = amqp_link_dispatch(g->link, &err); // what came with the answers
    if (r < 0) {
        uint64_t wait = amqp_backoff_us(g->attempt++);

        disconnect(g);
        log_warning("statuses of commits wait for the broker, next try in %.1f s: %s",
                    (double)wait / 1e6, error_message(&err));
        set_timer(g->timer, clock_monotonic_us() + wait);
        return;
    }
    g->attempt = 0;
    set_timer(g->timer, g->stale ? 0 : amqp_link_deadline(g->link));
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

int github_new(sd_event *event, const char *config_dir, const struct web_settings *settings,
               struct github **ret, struct error *err)
{
    struct github *g;
    int r;

    *ret = NULL;
    if (!settings->github_credentials_file)
        return 0;
    g = calloc(1, sizeof(*g));
    if (!g)
        return error_oom(err);
    g->config_dir = config_dir;
    g->settings = settings;
    g->event = event;
    g->outbox = outbox_new();
    r = g->outbox ? http_async_new(event, "autopkgtest-cloud/" VERSION, &g->http, err)
                  : error_oom(err);
    if (r == 0 &&
        ((r = sd_event_add_time(event, &g->timer, CLOCK_MONOTONIC, 0, 1, on_timer, g)) < 0 ||
         (r = sd_event_add_time(event, &g->due, CLOCK_MONOTONIC, USEC_INFINITY, 1, on_due, g)) < 0))
        (void)error_errno(err, r, "cannot watch a timer");
    if (r < 0) {
        github_free(g);
        return r;
    }
    *ret = g;
    return 0;
}

void github_free(struct github *g)
{
    if (!g)
        return;
    http_async_free(g->http);
    if (g->outbox)
        disconnect(g);
    (void)sd_event_source_disable_unref(g->timer);
    (void)sd_event_source_disable_unref(g->due);
    amqp_settings_release(&g->broker);
    outbox_free(g->outbox);
    free(g);
}

void github_reconnect(struct github *g)
{
    if (!g)
        return;
    g->attempt = 0;
    g->stale = true;
    set_timer(g->timer, 0);
}
