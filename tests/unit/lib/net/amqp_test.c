// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"
#include "server.h"

#include <poll.h>

#define SERVER "tests/unit/lib/net/fake_broker.py"
#define PATIENCE_US (180 * USEC_PER_SEC) // with what comes in the end

struct fixture {
    struct server server;
    struct amqp_settings settings;
    struct amqp_link *link;
    struct error err;
    struct buf told; // one word for each call of a handler
};

static void on_delivery(struct amqp_link *link, struct amqp_delivery *delivery, void *userdata)
{
    struct fixture *f = userdata;

    ck_assert_int_eq(buf_addf(&f->told, "%s:%s ", delivery->consumer, buf_str(&delivery->body)), 0);
    ASSERT_OK(amqp_link_ack(link, delivery->tag, &f->err), &f->err);
}

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata)
{
    static const char *const names[] = {"confirmed", "refused", "returned"};
    struct fixture *f = userdata;

    ck_assert_int_eq(buf_addf(&f->told, "%u:%s ", (unsigned)tag, names[outcome]), 0);
}

static void on_cancelled(struct amqp_link *link _unused_, const char *consumer, void *userdata)
{
    struct fixture *f = userdata;

    ck_assert_int_eq(buf_addf(&f->told, "%s:cancelled ", consumer), 0);
}

static void fixture_stop(struct fixture *f)
{
    amqp_link_free(f->link);
    amqp_settings_release(&f->settings);
    buf_release(&f->told);
    error_clear(&f->err);
    server_stop(&f->server);
}

static int open_link(struct fixture *f)
{
    struct amqp_handlers handlers = {on_delivery, on_outcome, on_cancelled, NULL, f};

    amqp_link_free(f->link);
    f->link = NULL;
    return amqp_link_open(&f->settings, "test", &handlers, NULL, &f->link, &f->err);
}

static void fixture_start(struct fixture *f, const char *mode)
{
    f->server = server_start(SERVER, mode);
    f->settings = (struct amqp_settings){.port = (uint16_t)f->server.port,
                                         .user = strdup("u"),
                                         .password = strdup("secret"),
                                         .vhost = strdup("/"),
                                         .heartbeat_s = (unsigned)strtoul(mode, NULL, 10),
                                         .timeout_us = PATIENCE_US};
    ASSERT_OK(strv_add(&f->settings.hosts, "127.0.0.1"), NULL);
}

#define FIXTURE(f)                                                                                 \
    _cleanup_(fixture_stop) struct fixture f = {.told = BUF_INIT(4096)};                           \
    fixture_start(&f, "0");                                                                        \
    ASSERT_OK(open_link(&f), &f.err)

static int pump(struct fixture *f, uint64_t for_us)
{
    uint64_t end = clock_monotonic_us() + for_us, now;
    int r = 0;

    while (r >= 0 && (now = clock_monotonic_us()) < end) {
        struct pollfd p = {.fd = amqp_link_fd(f->link), .events = POLLIN};
        uint64_t until = amqp_link_deadline(f->link) < end ? amqp_link_deadline(f->link) : end;

        (void)poll(&p, 1, until > now ? (int)((until - now) / 1000 + 1) : 0);
        r = amqp_link_dispatch(f->link, &f->err);
    }
    return r;
}

// Dispatches until the handlers have told this.
static void expect(struct fixture *f, const char *told)
{
    for (uint64_t end = clock_monotonic_us() + PATIENCE_US;
         !str_equal(buf_str(&f->told), told) && clock_monotonic_us() < end;)
        ASSERT_OK(pump(f, 10 * USEC_PER_MSEC), &f->err);
    ck_assert_str_eq(buf_str(&f->told), told);
}

static int publish(struct fixture *f, const char *exchange, const char *key, bool wait)
{
    struct amqp_publication p = {
        .exchange = exchange, .routing_key = key, .body = "body", .body_len = 4, .mandatory = true};
    uint64_t tag;

    return wait ? amqp_link_publish_confirmed(f->link, &p, &f->err)
                : amqp_link_publish(f->link, &p, &tag, &f->err);
}

static void declare(struct fixture *f, const char *queue)
{
    ASSERT_OK(amqp_link_declare_queue(f->link, queue, AMQP_DURABLE, NULL, NULL, &f->err), &f->err);
}

TEST(a_message_is_taken_with_all_it_carries)
{
    FIXTURE(f);
    _cleanup_(json_decrefp) json_t *headers =
        json_pack("{s:s, s:b, s:i}", "a", "x", "b", 1, "c", 7);
    struct amqp_publication p = {.exchange = "",
                                 .routing_key = "q",
                                 .headers = headers,
                                 .message_id = "m",
                                 .correlation_id = "c",
                                 .persistent = true};
    _cleanup_(amqp_delivery_release) struct amqp_delivery d = {0};
    bool empty = false;

    declare(&f, "q");
    ASSERT_OK(amqp_link_get(f.link, "q", &d, &empty, &f.err), &f.err);
    ck_assert(empty);
    ASSERT_OK(amqp_link_publish_confirmed(f.link, &p, &f.err), &f.err);
    ASSERT_OK(publish(&f, "", "q", true), &f.err);
    ASSERT_OK(amqp_link_get(f.link, "q", &d, &empty, &f.err), &f.err);
    ck_assert(!empty && d.redelivered);
    ck_assert_uint_eq(d.body.len, 0);
    ck_assert_str_eq(d.message_id, "m");
    ck_assert_str_eq(d.correlation_id, "c");
    ck_assert_uint_eq(d.message_count, 1);
    ck_assert(json_equal(d.headers, headers));
    ASSERT_OK(amqp_link_nack(f.link, d.tag, true, &f.err), &f.err);
}

TEST(outcomes_arrive_in_order_also_several_at_once)
{
    FIXTURE(f);

    for (int i = 0; i < 3; i++)
        ASSERT_OK(publish(&f, "", "hold 3", false), &f.err);
    ASSERT_OK(publish(&f, "", "refuse", false), &f.err);
    ASSERT_OK(publish(&f, "", "nobody", false), &f.err);
    ASSERT_OK(publish(&f, "", "bogus", false), &f.err);
    ASSERT_OK(publish(&f, "", "silent", false), &f.err);
    ASSERT_OK(publish(&f, "", "all", false), &f.err);
    expect(&f, "1:confirmed 2:confirmed 3:confirmed 4:refused 5:returned 6:confirmed 7:confirmed "
               "8:confirmed ");
}

TEST(a_confirmed_publication_tells_its_own_outcome)
{
    FIXTURE(f);

    ASSERT_OK(publish(&f, "", "silent", false), &f.err);
    ASSERT_FAILS(publish(&f, "", "refuse", true), -EIO, &f.err,
                 "broker 127.0.0.1: it refused a message for \"refuse\"");
    ASSERT_FAILS(publish(&f, "", "nobody", true), -ENOENT, &f.err,
                 "broker 127.0.0.1: no queue takes a message for \"nobody\" by exchange \"\"");
    ASSERT_OK(publish(&f, "", "unblocked", true), &f.err);
    ASSERT_OK(publish(&f, "", "all", true), &f.err);
    ck_assert_uint_eq(amqp_link_deadline(f.link), 0); // that of the first waits for dispatch
    expect(&f, "1:confirmed ");
    ck_assert_uint_eq(amqp_link_deadline(f.link), USEC_INFINITY);
}

TEST(a_delivery_that_comes_during_a_wait_is_kept)
{
    FIXTURE(f);

    declare(&f, "q");
    ASSERT_OK(amqp_link_prefetch(f.link, 1, &f.err), &f.err);
    ASSERT_OK(amqp_link_consume(f.link, "q", "me", false, true, &f.err), &f.err);
    ASSERT_OK(publish(&f, "", "q", true), &f.err);
    ASSERT_OK(amqp_link_cancel(f.link, "me", &f.err), &f.err);
    ck_assert_str_eq(buf_str(&f.told), "");
    ASSERT_OK(amqp_link_dispatch(f.link, &f.err), &f.err);
    ck_assert_str_eq(buf_str(&f.told), "me:body ");
}

TEST(a_consumer_learns_its_end)
{
    FIXTURE(f);

    declare(&f, "q");
    ASSERT_OK(amqp_link_consume(f.link, "q", "me", false, false, &f.err), &f.err);
    ASSERT_OK(amqp_link_delete_queue(f.link, "q", &f.err), &f.err);
    ASSERT_OK(publish(&f, "", "cancel you", true), &f.err);
    expect(&f, "me:cancelled you:cancelled ");
}

TEST(a_large_body_is_cut_and_said_to_be)
{
    FIXTURE(f);
    size_t len = AMQP_BODY_MAX + 1;
    _cleanup_free_ char *body = calloc(1, len);
    struct amqp_publication p = {.exchange = "", .routing_key = "q", .body = body, .body_len = len};
    _cleanup_(amqp_delivery_release) struct amqp_delivery d = {0};
    bool empty = false;

    declare(&f, "q");
    ASSERT_OK(amqp_link_publish_confirmed(f.link, &p, &f.err), &f.err);
    ASSERT_OK(amqp_link_get(f.link, "q", &d, &empty, &f.err), &f.err);
    ck_assert(d.truncated);
    ck_assert_uint_eq(d.body.len, AMQP_BODY_MAX);
}

TEST(many_frames_are_read_over_several_dispatches)
{
    FIXTURE(f);
    unsigned turns = 0;

    f.told.max = 1 << 20;
    for (int i = 0; i < 1000; i++)
        ASSERT_OK(publish(&f, "", "nobody", false), &f.err);
    // Four frames each: basic.return, header, body, basic.ack.
    for (; f.link->unconfirmed.len > 0 || amqp_link_deadline(f.link) == 0; turns++)
        ASSERT_OK(amqp_link_dispatch(f.link, &f.err), &f.err);
    ck_assert(str_starts_with(buf_str(&f.told), "1:returned 2:returned "));
    ck_assert(str_ends_with(buf_str(&f.told), "999:returned 1000:returned "));
    ck_assert_uint_eq(f.link->unconfirmed.first_tag, 1001);
    ck_assert_uint_eq(f.link->unconfirmed.alloc, 0);
    ck_assert_uint_ge(turns, 4000 / 256);
}

TEST(failed_declarations_leave_the_link_as_it_was)
{
    FIXTURE(f);
    _cleanup_(json_decrefp) json_t *bad = json_pack("{s:[]}", "x"),
                                   *ttl = json_pack("{s:i}", "t", 1);
    struct amqp_delivery d;
    uint32_t messages = 9, consumers = 9;
    bool empty;

    ASSERT_FAILS(amqp_link_inspect_queue(f.link, "q", &messages, &consumers, &f.err), -ENOENT,
                 &f.err, "cannot look at queue \"q\": broker 127.0.0.1: NOT_FOUND - no queue 'q'");
    ck_assert_int_eq(amqp_link_get(f.link, "q", &d, &empty, &f.err), -ENOENT);
    ck_assert_int_eq(amqp_link_consume(f.link, "q", "me", false, false, &f.err), -ENOENT);
    ck_assert_int_eq(amqp_link_bind(f.link, "q", "e", "k", NULL, &f.err), -ENOENT);
    ck_assert_int_eq(amqp_link_bind(f.link, "q", "e", "k", bad, &f.err), -EINVAL);
    ck_assert_int_eq(amqp_link_declare_queue(f.link, "q", 0, bad, NULL, &f.err), -EINVAL);
    ck_assert_int_eq(amqp_link_declare_queue(f.link, "other", 0, ttl, NULL, &f.err), -EEXIST);
    ck_assert_int_eq(amqp_link_declare_queue(f.link, "odd", 0, NULL, NULL, &f.err), -EIO);
    ck_assert_int_eq(amqp_link_declare_queue(f.link, "forbidden", 0, NULL, NULL, &f.err), -EACCES);
    ck_assert_int_eq(amqp_link_declare_exchange(f.link, "locked", "fanout", 0, &f.err), -EBUSY);
    declare(&f, "q");
    ASSERT_OK(amqp_link_declare_exchange(f.link, "e", "headers", AMQP_DURABLE, &f.err), &f.err);
    ASSERT_OK(amqp_link_bind(f.link, "q", "e", "", ttl, &f.err), &f.err);
    ASSERT_OK(publish(&f, "", "q", true), &f.err);
    ASSERT_OK(amqp_link_inspect_queue(f.link, "q", &messages, &consumers, &f.err), &f.err);
    ck_assert_uint_eq(messages, 1);
    ck_assert_uint_eq(consumers, 0);
}

TEST(the_broker_may_name_a_queue)
{
    FIXTURE(f);
    _cleanup_free_ char *name = NULL;

    ASSERT_OK(amqp_link_declare_queue(f.link, "", AMQP_EXCLUSIVE, NULL, &name, &f.err), &f.err);
    ck_assert_str_eq(name, "amq.gen-1");
}

TEST(headers_of_other_types_are_refused)
{
    FIXTURE(f);
    _cleanup_(json_decrefp) json_t *bad = json_pack("{s:n}", "nothing");
    struct amqp_publication p = {.exchange = "", .routing_key = "q", .headers = bad};
    uint64_t tag;

    ASSERT_FAILS(amqp_link_publish(f.link, &p, &tag, &f.err), -EINVAL, &f.err,
                 "cannot publish to \"q\": nothing: expected a string, an integer or a boolean");
}

// What the broker does, what the call then says, and that the link knows it is lost.
static void loses(const char *key, int errno_value, const char *text)
{
    FIXTURE(f);
    int r;

    ASSERT_OK(publish(&f, "", "silent", false), &f.err);
    if (str_equal(key, "blocked")) {
        ASSERT_OK(publish(&f, "", key, false), &f.err);
        while (!f.link->blocked)
            ASSERT_OK(pump(&f, 10 * USEC_PER_MSEC), &f.err);
    }
    if (errno_value == -ETIMEDOUT)
        f.link->timeout_us = 2 * USEC_PER_SEC;
    r = str_equal(key, "absent") ? publish(&f, "absent", "k", true) : publish(&f, "", key, true);
    ck_assert_int_eq(r, errno_value);
    ck_assert_msg(strstr(error_message(&f.err), text), "%s", error_message(&f.err));
    ck_assert_uint_eq(amqp_link_deadline(f.link), 0);
    ck_assert_int_eq(amqp_link_dispatch(f.link, &f.err), -ENOTCONN);
    ck_assert_msg(strstr(error_message(&f.err), text), "%s", error_message(&f.err));
    ck_assert_int_eq(publish(&f, "", "q", false), -ENOTCONN);
    ck_assert_int_eq(amqp_link_ack(f.link, 1, &f.err), -ENOTCONN);
    ck_assert_int_eq(amqp_link_inspect_queue(f.link, "q", NULL, NULL, &f.err), -ENOTCONN);
    ck_assert_int_eq(amqp_link_consume(f.link, "q", "c", false, false, &f.err), -ENOTCONN);
}

TEST(a_broker_that_closes_is_noticed)
{
    loses("close", -ECONNRESET, "it closed the connection: CONNECTION_FORCED - shutdown");
    loses("drop", -ECONNRESET, "connection lost while reading");
    loses("absent", -ECONNRESET, "it closed the channel: NOT_FOUND - no exchange 'absent'");
}

TEST(no_answer_is_waited_for_longer_than_agreed)
{
    loses("silent", -ETIMEDOUT, "no answer within 2.0 s");
    loses("blocked", -ETIMEDOUT, "it takes no messages at the moment: low on memory");
}

// A broker short of memory or disk reads nothing more from those who publish.
TEST(a_broker_that_reads_nothing_does_not_hold_a_publisher)
{
    _cleanup_(fixture_stop) struct fixture f = {.told = BUF_INIT(10)};
    size_t len = 32 << 20;
    _cleanup_free_ char *body = calloc(1, len);
    struct amqp_publication p = {.exchange = "", .routing_key = "q", .body = body, .body_len = len};
    uint64_t tag;

    fixture_start(&f, "0");
    f.settings.timeout_us = USEC_PER_SEC; // which a busy machine may exceed
    while (open_link(&f) < 0)
        error_clear(&f.err);
    ASSERT_OK(publish(&f, "", "stall", false), &f.err);
    ck_assert_int_lt(amqp_link_publish(f.link, &p, &tag, &f.err), 0);
    ck_assert_int_eq(amqp_link_dispatch(f.link, &f.err), -ENOTCONN);
}

static void breaks(const char *queue, int errno_value)
{
    FIXTURE(f);

    if (errno_value == -ETIMEDOUT)
        f.link->timeout_us = USEC_PER_SEC;
    ck_assert_int_eq(amqp_link_inspect_queue(f.link, queue, NULL, NULL, &f.err), errno_value);
    ck_assert_int_eq(amqp_link_dispatch(f.link, &f.err), -ENOTCONN);
}

TEST(a_broker_that_breaks_the_protocol_is_left)
{
    static const char *const ways[] = {"garbage", "early", "header", "twice",
                                       "unasked", "long",  "stray",  "strange"};

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        breaks(ways[i], -ECONNRESET);
    breaks("silent", -ETIMEDOUT);
}

TEST(deliveries_of_a_lost_connection_are_dropped_outcomes_are_not)
{
    FIXTURE(f);

    declare(&f, "q");
    ASSERT_OK(amqp_link_consume(f.link, "q", "me", false, false, &f.err), &f.err);
    ASSERT_OK(publish(&f, "", "q", false), &f.err);
    ASSERT_OK(publish(&f, "", "q", true), &f.err);
    ck_assert_int_eq(publish(&f, "", "close", true), -ECONNRESET);
    ck_assert_int_eq(amqp_link_dispatch(f.link, &f.err), -ENOTCONN);
    ck_assert_str_eq(buf_str(&f.told), "1:confirmed ");
}

TEST(refused_credentials_are_no_access_and_not_told)
{
    FIXTURE(f);

    free(f.settings.vhost);
    f.settings.vhost = strdup("/else");
    ASSERT_FAILS(open_link(&f), -EACCES, &f.err,
                 "broker 127.0.0.1 refuses user u on vhost /else: NOT_ALLOWED - no such vhost");
    free(f.settings.password);
    f.settings.password = strdup("wrong");
    ASSERT_FAILS(open_link(&f), -EACCES, &f.err,
                 "broker 127.0.0.1 refuses user u on vhost /else: ACCESS_REFUSED - login was "
                 "refused");
    // A second host that is down does not hide it.
    ASSERT_OK(strv_add(&f.settings.hosts, "127.0.0.99"), NULL);
    ck_assert_int_eq(open_link(&f), -EACCES);
}

TEST(hosts_are_tried_in_turn)
{
    FIXTURE(f);
    struct amqp_link *link = NULL;
    size_t cursor = 0;

    strv_release(&f.settings.hosts);
    ASSERT_FAILS(open_link(&f), -EINVAL, &f.err, "no host of the broker is known");
    ASSERT_OK(strv_add(&f.settings.hosts, "127.0.0.99"), NULL);
    ck_assert_int_eq(open_link(&f), -ECONNREFUSED);
    ASSERT_OK(strv_add(&f.settings.hosts, "127.0.0.1"), NULL);
    ASSERT_OK(strv_add(&f.settings.hosts, "no-such-host.invalid"), NULL);
    ASSERT_OK(amqp_link_open(&f.settings, "test", NULL, &cursor, &link, &f.err), &f.err);
    ck_assert_str_eq(amqp_link_host(link), "127.0.0.1");
    ck_assert_uint_eq(cursor, 2);
    amqp_link_free(link);
    strv_release(&f.settings.hosts);
    ASSERT_OK(strv_add(&f.settings.hosts, "no-such-host.invalid"), NULL);
    ck_assert_int_eq(open_link(&f), -EHOSTUNREACH);
}

TEST(a_broker_that_says_nothing_at_all_is_left_in_time)
{
    _cleanup_(fixture_stop) struct fixture f = {.told = BUF_INIT(10)};

    fixture_start(&f, "deaf");
    f.settings.timeout_us = 300 * USEC_PER_MSEC;
    ck_assert_int_eq(open_link(&f), -ETIMEDOUT);
    f.settings.tls = true;
    ck_assert_int_lt(open_link(&f), 0);
    f.settings.ca_file = strdup("/nowhere/ca.pem");
    ASSERT_FAILS(open_link(&f), -EPROTO, &f.err,
                 "cannot read the trusted authorities in /nowhere/ca.pem");
}

TEST(tls_with_a_peer_that_has_none_is_refused)
{
    FIXTURE(f);

    f.settings.tls = true;
    ck_assert_int_eq(open_link(&f), -EPROTO);
    strv_release(&f.settings.hosts);
    ASSERT_OK(strv_add(&f.settings.hosts, "localhost"), NULL);
    ck_assert_int_lt(open_link(&f), 0);
}

TEST(dispatch_sends_heartbeats)
{
    _cleanup_(fixture_stop) struct fixture f = {.told = BUF_INIT(10)};
    uint64_t begin;

    fixture_start(&f, "1");
    ASSERT_OK(open_link(&f), &f.err);
    begin = clock_monotonic_us();
    ck_assert_uint_le(amqp_link_deadline(f.link), begin + USEC_PER_SEC / 2);
    ASSERT_OK(pump(&f, 3500 * USEC_PER_MSEC), &f.err);
}

TEST(a_peer_without_heartbeats_is_given_up)
{
    _cleanup_(fixture_stop) struct fixture f = {.told = BUF_INIT(10)};

    fixture_start(&f, "mute");
    f.settings.heartbeat_s = 1;
    ASSERT_OK(open_link(&f), &f.err);
    ck_assert_int_eq(pump(&f, 10 * USEC_PER_SEC), -ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(error_message(&f.err), "silent for two heartbeats"));
}

TEST(waits_grow_to_half_a_minute)
{
    for (unsigned i = 0; i < 40; i++) {
        uint64_t whole = i < 9 ? (100000U << i) : 30000000U, wait = amqp_backoff_us(i);

        if (whole > 30000000U)
            whole = 30000000U;
        ck_assert_uint_ge(wait, whole / 2);
        ck_assert_uint_le(wait, whole);
    }
}

TEST(status_numbers_have_an_errno)
{
    ck_assert_int_eq(amqp_status_errno(AMQP_STATUS_NO_MEMORY), -ENOMEM);
    ck_assert_int_eq(amqp_status_errno(AMQP_STATUS_HEARTBEAT_TIMEOUT), -ETIMEDOUT);
    ck_assert_int_eq(amqp_status_errno(AMQP_STATUS_TCP_ERROR), -ECONNRESET);
    ck_assert_int_eq(amqp_status_errno(AMQP_STATUS_BAD_AMQP_DATA), -EPROTO);
}
