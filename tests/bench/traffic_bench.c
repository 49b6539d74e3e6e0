// SPDX-License-Identifier: GPL-3.0-only
// A busy system for the web server to look at: `traffic_bench RUNNING QUEUED RELEASES ARCHS`,
// broker from $AUTOPKGTEST_CLOUD_CONFIG. Puts QUEUED requests into the queues of the
// blank-separated releases and architectures, says "ready", and then publishes the status of
// RUNNING tests, each every few seconds, until it is killed.
#include "adt/message.h"
#include "adt/names.h"
#include "adt/settings.h"
#include "base/clock.h"
#include "base/parse.h"

#include <poll.h>

#define STATUS_EVERY_MS 5000
#define IN_FLIGHT 1000

struct traffic {
    struct amqp_link *link;
    struct strv releases, archs;
    uint64_t confirmed;
};

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag _unused_,
                       enum amqp_outcome outcome _unused_, void *userdata)
{
    struct traffic *t = userdata;

    t->confirmed++;
}

static const char *nth(const struct strv *of, uint64_t i)
{
    return of->items[i % of->len];
}

static int declare(struct traffic *t, struct error *err)
{
    int r = 0;

    for (size_t i = 0; i < t->releases.len * t->archs.len && r == 0; i++) {
        _cleanup_free_ char *queue =
            queue_name(CONTEXT_NORMAL, nth(&t->releases, i / t->archs.len), nth(&t->archs, i));

        r = queue ? amqp_link_declare_queue(t->link, queue, AMQP_DURABLE, NULL, NULL, err)
                  : error_oom(err);
    }
    return r;
}

static int wait_for(struct traffic *t, uint64_t confirmed, struct error *err)
{
    int r = 0;

    while (t->confirmed < confirmed && r == 0) {
        struct pollfd p = {.fd = amqp_link_fd(t->link), .events = POLLIN};

        (void)poll(&p, 1, 1000);
        r = amqp_link_dispatch(t->link, err);
    }
    return r;
}

static int enqueue(struct traffic *t, uint64_t queued, struct error *err)
{
    int r = declare(t, err);

    for (uint64_t i = 0; i < queued && r == 0; i++) {
        _cleanup_free_ char *queue =
            queue_name(CONTEXT_NORMAL, nth(&t->releases, i / t->archs.len), nth(&t->archs, i));
        _cleanup_free_ char *body = str_format(
            "pkg%llu\n{\"submit-time\": \"2026-01-15 10:15:00\", \"triggers\": [\"glibc/2.40-1\"],"
            " \"uuid\": \"%08llx-0000-4000-8000-000000000000\"}",
            (unsigned long long)(i % 5000), (unsigned long long)i);
        struct amqp_publication p = {.exchange = "", .routing_key = queue, .persistent = true};
        uint64_t tag;

        if (!queue || !body)
            return error_oom(err);
        p.body = body;
        p.body_len = strlen(body);
        r = amqp_link_publish(t->link, &p, &tag, err);
        if (r == 0 && i >= IN_FLIGHT)
            r = wait_for(t, i - IN_FLIGHT, err);
    }
    return r < 0 ? r : wait_for(t, queued, err);
}

static int publish_status(const struct traffic *t, uint64_t i, struct error *err)
{
    static char logtail[2001];
    _cleanup_buf_ struct buf body = BUF_INIT(65536);
    _cleanup_free_ char *package = str_format("pkg%llu", (unsigned long long)i);
    _cleanup_json_ json_t *params = json_pack("{s:[s]}", "triggers", "glibc/2.40-1");
    struct test_status status = {.release = t->releases.items[i % t->releases.len],
                                 .arch = t->archs.items[i / t->releases.len % t->archs.len],
                                 .package = package,
                                 .running = true,
                                 .params = params,
                                 .duration_s = clock_monotonic_us() / USEC_PER_SEC % 3600,
                                 .logtail = logtail};
    struct amqp_publication p = {.exchange = EXCHANGE_STATUS, .routing_key = ""};
    uint64_t tag;
    int r;

    if (!package || !params)
        return error_oom(err);
    for (size_t at = 0; at + 1 < sizeof(logtail); at++)
        logtail[at] = at % 80 == 79 ? '\n' : (char)('a' + at % 26);
    r = test_status_format(&status, &body, err);
    if (r < 0)
        return r;
    p.body = buf_str(&body);
    p.body_len = body.len;
    return amqp_link_publish(t->link, &p, &tag, err);
}

// The broker's confirmations come long before: they are taken, and then the rest is waited for.
static int take_until(const struct traffic *t, uint64_t when_us, struct error *err)
{
    struct pollfd p = {.fd = amqp_link_fd(t->link), .events = POLLIN};
    uint64_t now = clock_monotonic_us();
    int r = 0;

    while (r == 0 && now < when_us) {
        (void)poll(&p, 1, (int)((when_us - now) / USEC_PER_MSEC) + 1);
        r = amqp_link_dispatch(t->link, err);
        now = clock_monotonic_us();
    }
    return r;
}

// Spread over time, as many workers would do it. Ends only with an error.
static int keep_running(const struct traffic *t, uint64_t running, struct error *err)
{
    int r = amqp_link_declare_exchange(t->link, EXCHANGE_STATUS, "fanout", 0, err);
    uint64_t next_us = clock_monotonic_us();

    for (uint64_t i = 0; r == 0; i = (i + 1) % running) {
        r = publish_status(t, i, err);
        next_us += STATUS_EVERY_MS * USEC_PER_MSEC / running;
        if (r == 0)
            r = take_until(t, next_us, err);
    }
    return r;
}

static int run(struct traffic *t, char **args, struct error *err)
{
    const struct amqp_handlers handlers = {.on_outcome = on_outcome, .userdata = t};
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    uint64_t running = 0, queued = 0;
    int r = parse_uint(args[0], 1, STATUS_EVERY_MS, &running, err);

    if (r == 0)
        r = parse_uint(args[1], 0, 10000000, &queued, err);
    if (r == 0 && (strv_split(&t->releases, args[2], " ") < 0 || t->releases.len == 0 ||
                   strv_split(&t->archs, args[3], " ") < 0 || t->archs.len == 0))
        r = error_set(err, -EINVAL, "expected releases and architectures");
    if (r == 0)
        r = settings_load_broker(settings_dir(), &settings, err);
    if (r == 0)
        r = amqp_link_open(&settings, "traffic", &handlers, NULL, &t->link, err);
    if (r == 0)
        r = enqueue(t, queued, err);
    if (r < 0)
        return r;
    (void)puts("ready");
    (void)fflush(stdout);
    return keep_running(t, running, err);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct traffic t = {0};

    if (argc != 5) {
        (void)fprintf(stderr, "usage: traffic_bench RUNNING QUEUED RELEASES ARCHS\n");
        return 2;
    }
    (void)run(&t, argv + 1, &err);
    (void)fprintf(stderr, "traffic_bench: %s\n", error_message(&err));
    if (t.link)
        amqp_link_free(t.link);
    strv_release(&t.releases);
    strv_release(&t.archs);
    return 1;
}
