// SPDX-License-Identifier: GPL-3.0-only
// The link against a real broker, which the environment names (tests/rigs/rabbitmq start --tls).
#include "base/clock.h"
#include "broker.h"

#include <poll.h>
#include <signal.h>

size_t __sanitizer_get_current_allocated_bytes(void); // libasan's; gcc has no header of it

struct seen {
    struct amqp_delivery deliveries[16];
    size_t n_deliveries;
    uint64_t tags[64];
    enum amqp_outcome outcomes[64];
    size_t n_outcomes;
    char cancelled[64];
};

static void on_delivery(struct amqp_link *link _unused_, struct amqp_delivery *delivery,
                        void *userdata)
{
    struct seen *seen = userdata;

    ck_assert_uint_lt(seen->n_deliveries, ARRAY_SIZE(seen->deliveries));
    seen->deliveries[seen->n_deliveries++] = *delivery;
    *delivery = (struct amqp_delivery){0};
}

static void on_outcome(struct amqp_link *link _unused_, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata)
{
    struct seen *seen = userdata;

    ck_assert_uint_lt(seen->n_outcomes, ARRAY_SIZE(seen->outcomes));
    seen->tags[seen->n_outcomes] = tag;
    seen->outcomes[seen->n_outcomes++] = outcome;
}

static void on_cancelled(struct amqp_link *link _unused_, const char *consumer, void *userdata)
{
    struct seen *seen = userdata;

    (void)snprintf(seen->cancelled, sizeof(seen->cancelled), "%s", consumer);
}

static struct amqp_link *open_link(struct seen *seen)
{
    struct amqp_handlers handlers = {.on_delivery = on_delivery,
                                     .on_outcome = on_outcome,
                                     .on_cancelled = on_cancelled,
                                     .userdata = seen};

    return broker_link(seen ? &handlers : NULL);
}

static void seen_release(struct seen *seen)
{
    for (size_t i = 0; i < seen->n_deliveries; i++)
        amqp_delivery_release(&seen->deliveries[i]);
}

// Waits as a program does, until `done` or the time is over.
static int pump(struct amqp_link *link, uint64_t max_us, const size_t *counter, size_t want,
                struct error *err)
{
    uint64_t end = clock_monotonic_us() + max_us, now;
    int r = 0;

    while (r >= 0 && (!counter || *counter < want) && (now = clock_monotonic_us()) < end) {
        struct pollfd p = {.fd = amqp_link_fd(link), .events = POLLIN};
        uint64_t until = amqp_link_deadline(link) < end ? amqp_link_deadline(link) : end;

        (void)poll(&p, 1, until > now ? (int)((until - now) / 1000 + 1) : 0);
        r = amqp_link_dispatch(link, err);
    }
    return r;
}

static void declare(struct amqp_link *link, const char *queue)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(amqp_link_declare_queue(link, queue, AMQP_DURABLE, NULL, NULL, &err), &err);
}

static void put(struct amqp_link *link, const char *queue, const char *text)
{
    struct amqp_publication p = {.exchange = "",
                                 .routing_key = queue,
                                 .body = text,
                                 .body_len = strlen(text),
                                 .persistent = true,
                                 .mandatory = true};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(amqp_link_publish_confirmed(link, &p, &err), &err);
}

static void take(struct amqp_link *link, const char *queue, const char *want, uint64_t *ret_tag)
{
    struct amqp_delivery d = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    bool empty = true;

    ASSERT_OK(amqp_link_get(link, queue, &d, &empty, &err), &err);
    if (!want) {
        ck_assert(empty);
        return;
    }
    ck_assert(!empty);
    ck_assert_str_eq(buf_str(&d.body), want);
    if (ret_tag)
        *ret_tag = d.tag;
    else
        ASSERT_OK(amqp_link_ack(link, d.tag, &err), &err);
    amqp_delivery_release(&d);
}

TEST(a_message_comes_back_as_it_was_published)
{
    _cleanup_free_ char *queue = queue_name("props");
    struct amqp_link *link = open_link(NULL);
    json_t *headers = json_pack("{s:s, s:i, s:b, s:I}", "worker", "w-1", "n", -3, "yes", 1, "big",
                                (json_int_t)1 << 40);
    struct amqp_publication p = {.exchange = "",
                                 .routing_key = queue,
                                 .body = "a\0b",
                                 .body_len = 3,
                                 .headers = headers,
                                 .message_id = "m-1",
                                 .correlation_id = "c-1",
                                 .reply_to = "r-1",
                                 .persistent = true,
                                 .mandatory = true};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct amqp_delivery d = {0};
    uint64_t before_s = clock_realtime_us() / USEC_PER_SEC;
    uint32_t messages, consumers;
    bool empty;

    ck_assert_uint_ge(amqp_link_version(link), AMQP_VERSION_OF(3, 8));
    declare(link, queue);
    ASSERT_OK(amqp_link_publish_confirmed(link, &p, &err), &err);
    put(link, queue, "second");
    ASSERT_OK(amqp_link_inspect_queue(link, queue, &messages, &consumers, &err), &err);
    ck_assert_uint_eq(messages, 2);
    ck_assert_uint_eq(consumers, 0);
    ASSERT_OK(amqp_link_get(link, queue, &d, &empty, &err), &err);
    ck_assert(!empty && !d.redelivered && !d.truncated);
    ck_assert_uint_eq(d.body.len, 3);
    ck_assert_mem_eq(d.body.data, "a\0b", 3);
    ck_assert_str_eq(d.message_id, "m-1");
    ck_assert_str_eq(d.correlation_id, "c-1");
    ck_assert_str_eq(d.reply_to, "r-1");
    ck_assert_uint_le(before_s, d.timestamp_s);
    ck_assert_uint_le(d.timestamp_s, clock_realtime_us() / USEC_PER_SEC);
    ck_assert_str_eq(d.exchange, "");
    ck_assert_str_eq(d.routing_key, queue);
    ck_assert_ptr_null(d.consumer);
    ck_assert_uint_eq(d.message_count, 1);
    ck_assert(json_equal(d.headers, headers));
    json_decref(headers);
    amqp_delivery_release(&d);
    drop_queue(link, queue);
    amqp_link_free(link);
}

TEST(a_body_of_several_frames_comes_back_whole)
{
    _cleanup_free_ char *queue = queue_name("large"), *body = malloc(1000001);
    struct amqp_link *link = open_link(NULL);
    struct amqp_delivery d = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    bool empty;

    memset(body, 'x', 1000000);
    body[1000000] = '\0';
    declare(link, queue);
    put(link, queue, body);
    ASSERT_OK(amqp_link_get(link, queue, &d, &empty, &err), &err);
    ck_assert_str_eq(buf_str(&d.body), body);
    amqp_delivery_release(&d);
    drop_queue(link, queue);
    amqp_link_free(link);
}

TEST(an_unroutable_message_is_returned)
{
    _cleanup_(seen_release) struct seen seen = {0};
    struct amqp_link *link = open_link(&seen);
    _cleanup_free_ char *queue = queue_name("route");
    struct amqp_publication good = {
        .exchange = "", .routing_key = queue, .body = "x", .body_len = 1, .mandatory = true};
    struct amqp_publication bad = good;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    uint64_t tag;

    declare(link, queue);
    bad.routing_key = "nobody-takes-this";
    text = str_format("broker %s: no queue takes a message for \"nobody-takes-this\" by exchange "
                      "\"\"",
                      env("RABBIT_HOST"));
    ASSERT_FAILS(amqp_link_publish_confirmed(link, &bad, &err), -ENOENT, &err, text);
    for (int i = 0; i < 10; i++) {
        ASSERT_OK(amqp_link_publish(link, i % 3 == 1 ? &bad : &good, &tag, &err), &err);
        ck_assert_uint_eq(tag, (uint64_t)i + 2);
    }
    ASSERT_OK(pump(link, TIMEOUT_US, &seen.n_outcomes, 10, &err), &err);
    ck_assert_uint_eq(seen.n_outcomes, 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(seen.outcomes[i],
                         (seen.tags[i] - 2) % 3 == 1 ? AMQP_RETURNED : AMQP_CONFIRMED);
    drop_queue(link, queue);
    amqp_link_free(link);
}

TEST(a_requeued_message_is_at_its_old_place)
{
    _cleanup_free_ char *queue = queue_name("nack");
    struct amqp_link *link = open_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t tag;

    declare(link, queue);
    put(link, queue, "one");
    put(link, queue, "two");
    take(link, queue, "one", &tag);
    ASSERT_OK(amqp_link_nack(link, tag, true, &err), &err);
    take(link, queue, "one", NULL);
    take(link, queue, "two", NULL);
    take(link, queue, NULL, NULL);
    drop_queue(link, queue);
    amqp_link_free(link);
}

TEST(a_prefetch_of_one_holds_over_all_queues)
{
    _cleanup_(seen_release) struct seen seen = {0};
    _cleanup_free_ char *a = queue_name("fetch-a"), *b = queue_name("fetch-b");
    struct amqp_link *link = open_link(&seen);
    _cleanup_error_ struct error err = ERROR_INIT;

    declare(link, a);
    declare(link, b);
    put(link, a, "a1");
    put(link, a, "a2");
    put(link, b, "b1");
    ASSERT_OK(amqp_link_prefetch(link, 1, &err), &err);
    ASSERT_OK(amqp_link_consume(link, a, "ca", false, false, &err), &err);
    ASSERT_OK(amqp_link_consume(link, b, "cb", false, false, &err), &err);
    ASSERT_OK(pump(link, TIMEOUT_US, &seen.n_deliveries, 1, &err), &err);
    ASSERT_OK(pump(link, 200 * USEC_PER_MSEC, NULL, 0, &err), &err);
    ck_assert_uint_eq(seen.n_deliveries, 1);
    ck_assert_str_eq(seen.deliveries[0].consumer, "ca");
    ASSERT_OK(amqp_link_ack(link, seen.deliveries[0].tag, &err), &err);
    ASSERT_OK(pump(link, TIMEOUT_US, &seen.n_deliveries, 2, &err), &err);
    ASSERT_OK(pump(link, 200 * USEC_PER_MSEC, NULL, 0, &err), &err);
    ck_assert_uint_eq(seen.n_deliveries, 2);
    // Cancelled: what is held stays ours, nothing more comes.
    ASSERT_OK(amqp_link_cancel(link, "ca", &err), &err);
    ASSERT_OK(amqp_link_cancel(link, "cb", &err), &err);
    ASSERT_OK(amqp_link_ack(link, seen.deliveries[1].tag, &err), &err);
    ASSERT_OK(pump(link, 200 * USEC_PER_MSEC, NULL, 0, &err), &err);
    ck_assert_uint_eq(seen.n_deliveries, 2);
    drop_queue(link, a);
    drop_queue(link, b);
    amqp_link_free(link);
}

TEST(the_end_of_a_queue_cancels_its_consumer)
{
    _cleanup_(seen_release) struct seen seen = {0};
    _cleanup_free_ char *queue = queue_name("gone");
    struct amqp_link *link = open_link(&seen);
    _cleanup_error_ struct error err = ERROR_INIT;

    declare(link, queue);
    ASSERT_OK(amqp_link_consume(link, queue, "mine", true, true, &err), &err);
    drop_queue(link, queue);
    while (!*seen.cancelled)
        ASSERT_OK(pump(link, 50 * USEC_PER_MSEC, NULL, 0, &err), &err);
    ck_assert_str_eq(seen.cancelled, "mine");
    amqp_link_free(link);
}

// The wiring of the leases: headers exchange, queue with TTL, dead letters to the default exchange.
TEST(a_lease_that_expires_goes_back_to_its_queue)
{
    _cleanup_free_ char *queue = queue_name("origin"), *lease = queue_name("lease");
    struct amqp_link *link = open_link(NULL);
    _cleanup_(json_decrefp) json_t *binding =
        json_pack("{s:s, s:s}", "x-match", "all", "worker", lease);
    _cleanup_(json_decrefp) json_t *headers = json_pack("{s:s}", "worker", lease);
    _cleanup_(json_decrefp) json_t *arguments =
        json_pack("{s:i, s:s}", "x-message-ttl", 300, "x-dead-letter-exchange", "");
    struct amqp_publication p = {.exchange = "net-test.leases",
                                 .routing_key = queue,
                                 .body = "gzip",
                                 .body_len = 4,
                                 .headers = headers,
                                 .persistent = true,
                                 .mandatory = true};
    struct amqp_delivery d = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    const json_t *death;
    uint64_t begin;
    bool empty = true;

    declare(link, queue);
    ASSERT_OK(amqp_link_declare_exchange(link, p.exchange, "headers", AMQP_DURABLE, &err), &err);
    ASSERT_OK(amqp_link_declare_queue(link, lease, AMQP_DURABLE, arguments, NULL, &err), &err);
    ASSERT_OK(amqp_link_bind(link, lease, p.exchange, "", binding, &err), &err);
    begin = clock_monotonic_us();
    ASSERT_OK(amqp_link_publish_confirmed(link, &p, &err), &err);
    while (empty && clock_monotonic_us() - begin < TIMEOUT_US)
        ASSERT_OK(amqp_link_get(link, queue, &d, &empty, &err), &err);
    ck_assert(!empty);
    ck_assert_uint_ge(clock_monotonic_us() - begin, 300 * USEC_PER_MSEC);
    ck_assert_str_eq(buf_str(&d.body), "gzip");
    death = json_array_get(json_object_get(d.headers, "x-death"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(death, "queue")), lease);
    ck_assert_str_eq(json_string_value(json_object_get(death, "reason")), "expired");
    ck_assert(json_is_integer(json_object_get(death, "time")));
    amqp_delivery_release(&d);
    drop_queue(link, queue);
    drop_queue(link, lease);
    amqp_link_free(link);
}

TEST(a_failed_declaration_leaves_consumers_and_deliveries_alone)
{
    _cleanup_(seen_release) struct seen seen = {0};
    _cleanup_free_ char *queue = queue_name("keep");
    _cleanup_(json_decrefp) json_t *arguments = json_pack("{s:i}", "x-message-ttl", 5);
    struct amqp_link *link = open_link(&seen), *other = open_link(NULL);
    struct amqp_delivery d;
    _cleanup_error_ struct error err = ERROR_INIT;
    uint32_t messages;
    bool empty;

    declare(link, queue);
    ASSERT_OK(amqp_link_consume(link, queue, "c", false, false, &err), &err);
    put(link, queue, "one");
    ASSERT_OK(pump(link, TIMEOUT_US, &seen.n_deliveries, 1, &err), &err);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(amqp_link_inspect_queue(link, "no-such-queue", &messages, NULL, &err),
                         -ENOENT);
        ck_assert_ptr_nonnull(strstr(error_message(&err), "NOT_FOUND - no queue 'no-such-queue'"));
        ck_assert_int_eq(amqp_link_get(link, "no-such-queue", &d, &empty, &err), -ENOENT);
        ck_assert_int_eq(amqp_link_consume(link, "no-such-queue", "x", false, false, &err),
                         -ENOENT);
        ck_assert_int_eq(amqp_link_declare_queue(link, queue, AMQP_DURABLE, arguments, NULL, &err),
                         -EEXIST);
        ck_assert_int_eq(amqp_link_declare_exchange(link, "amq.direct", "topic", 0, &err), -EEXIST);
    }
    ASSERT_OK(amqp_link_ack(link, seen.deliveries[0].tag, &err), &err);
    put(link, queue, "two");
    ASSERT_OK(pump(link, TIMEOUT_US, &seen.n_deliveries, 2, &err), &err);
    ck_assert(!seen.deliveries[1].redelivered);
    ck_assert_int_eq(amqp_link_declare_queue(other, "amq.mine", 0, NULL, NULL, &err), -EACCES);
    drop_queue(link, queue);
    amqp_link_free(other);
    amqp_link_free(link);
}

static int note_text(struct amqp_delivery *delivery, void *userdata, struct error *err)
{
    (void)err;
    return strv_add(userdata, buf_str(&delivery->body));
}

TEST(a_consumer_takes_many_and_all_go_back_to_their_places)
{
    _cleanup_strv_ struct strv texts = STRV_INIT;
    _cleanup_free_ char *queue = queue_name("take");
    struct seen seen = {0};
    struct amqp_link *link = open_link(&seen);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct amqp_took took;
    unsigned one, two;

    declare(link, queue);
    for (char text[] = "1"; *text <= '6'; ++*text)
        put(link, queue, text);
    ASSERT_OK(amqp_link_add_channel(link, &one, &err), &err);
    ASSERT_OK(amqp_link_add_channel(link, &two, &err), &err);
    ASSERT_OK(amqp_link_take_many(link, one, queue, 4, note_text, &texts, &took, &err), &err);
    ck_assert_uint_eq(took.got, 4);
    ASSERT_OK(amqp_link_take_many(link, two, queue, 100, note_text, &texts, &took, &err), &err);
    ck_assert_uint_eq(took.got, 2); // there are no more
    ck_assert_str_eq(texts.items[5], "6");
    ASSERT_OK(amqp_link_nack_channel(link, two, &err), &err);
    ASSERT_OK(amqp_link_sync_channel(link, two, &err), &err); // what goes on is in another
    ASSERT_OK(amqp_link_nack_channel(link, one, &err), &err);
    ASSERT_OK(amqp_link_take_many(link, one, queue, 6, note_text, &texts, &took, &err), &err);
    ck_assert_uint_eq(took.got, 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_str_eq(texts.items[i], texts.items[i + 6]);
    drop_queue(link, queue);
    ck_assert_int_eq(amqp_link_take_many(link, one, queue, 6, note_text, &texts, &took, &err),
                     -ENOENT);
    ASSERT_OK(amqp_link_dispatch(link, &err), &err);
    ck_assert_uint_eq(seen.n_deliveries, 0);
    amqp_link_free(link);
}

TEST(what_has_come_meanwhile_may_be_taken_with_all)
{
    _cleanup_free_ char *queue = queue_name("all");
    _cleanup_strv_ struct strv texts = STRV_INIT;
    struct amqp_link *link = open_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct amqp_took took;
    unsigned channel;

    declare(link, queue);
    for (char text[] = "1"; *text <= '6'; ++*text)
        put(link, queue, text);
    ASSERT_OK(amqp_link_add_channel(link, &channel, &err), &err);
    ASSERT_OK(amqp_link_take_all(link, channel, queue, 4, note_text, &texts, &took, &err), &err);
    ck_assert_uint_ge(took.got, 4);
    ck_assert_uint_eq(took.got, texts.len);
    ck_assert_str_eq(texts.items[3], "4");
    ASSERT_OK(amqp_link_nack_channel(link, channel, &err), &err);
    ASSERT_OK(amqp_link_sync_channel(link, channel, &err), &err);
    for (char text[] = "1"; *text <= '6'; ++*text)
        take(link, queue, text, NULL);
    drop_queue(link, queue);
    amqp_link_free(link);
}

static int first_two_back(struct amqp_delivery *delivery, void *userdata, struct error *err)
{
    (void)userdata, (void)err;
    return delivery->body.data[0] == '2' ? AMQP_TAKE_BACK : 0;
}

static void check_first_go_back(uint16_t count)
{
    static const char *const rest[] = {"1", "2", "5"};
    _cleanup_free_ char *queue = queue_name("first");
    struct amqp_link *link = open_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct amqp_took took;
    unsigned channel;

    declare(link, queue);
    for (char text[] = "1"; *text <= (count == 4 ? '5' : '4'); ++*text)
        put(link, queue, text);
    ASSERT_OK(amqp_link_add_channel(link, &channel, &err), &err);
    ASSERT_OK(amqp_link_take_many(link, channel, queue, count, first_two_back, NULL, &took, &err),
              &err);
    ck_assert_uint_eq(took.got, 4);
    if (count != 4)
        put(link, queue, "5");
    for (size_t i = 0; i < ARRAY_SIZE(rest); i++)
        take(link, queue, rest[i], NULL);
    take(link, queue, NULL, NULL);
    drop_queue(link, queue);
    amqp_link_free(link);
}

TEST(the_first_of_many_go_back_and_the_rest_stays)
{
    check_first_go_back(4);
}

TEST(the_first_go_back_when_there_are_fewer_than_wanted)
{
    check_first_go_back(5);
}

TEST(the_first_go_back_when_far_fewer_come_than_wanted)
{
    check_first_go_back(AMQP_TAKE_AHEAD + 5);
}

static int note_tag(struct amqp_delivery *delivery, void *userdata, struct error *err)
{
    (void)err;
    *(uint64_t *)userdata = delivery->tag;
    return 0;
}

// Takes so many into a channel; they are appended to *texts.
static void take_into(struct amqp_link *link, unsigned channel, const char *queue, unsigned count,
                      struct strv *texts)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    unsigned got;

    ASSERT_OK(amqp_link_get_many(link, channel, queue, count, note_text, texts, &got, &err), &err);
    ck_assert_uint_eq(got, count);
}

TEST(channels_give_back_what_they_hold)
{
    static const char *const all[] = {"1", "2", "3", "4", "5", "6"};
    _cleanup_strv_ struct strv texts = STRV_INIT;
    _cleanup_free_ char *queue = queue_name("channels");
    struct amqp_link *link = open_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    unsigned one, two;

    declare(link, queue);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        put(link, queue, all[i]);
    ASSERT_OK(amqp_link_add_channel(link, &one, &err), &err);
    ASSERT_OK(amqp_link_add_channel(link, &two, &err), &err);
    take_into(link, one, queue, 2, &texts);
    take_into(link, two, queue, 3, &texts);
    take(link, queue, "6", NULL);
    // Answered in the same channel, so that the queue has them again.
    ASSERT_OK(amqp_link_nack_channel(link, two, &err), &err);
    take_into(link, two, queue, 1, &texts);
    ck_assert_str_eq(texts.items[5], "3");
    ASSERT_OK(amqp_link_nack_channel(link, one, &err), &err);
    take_into(link, one, queue, 1, &texts);
    ck_assert_str_eq(texts.items[6], "1");
    ASSERT_OK(amqp_link_close_channel(link, two, &err), &err);
    drop_queue(link, queue);
    amqp_link_free(link);
}

TEST(a_tag_is_acknowledged_in_its_own_channel)
{
    _cleanup_free_ char *queue = queue_name("tags");
    struct amqp_link *link = open_link(NULL);
    _cleanup_error_ struct error err = ERROR_INIT;
    unsigned channel, got;
    uint64_t tags[2] = {0};

    declare(link, queue);
    put(link, queue, "1");
    put(link, queue, "2");
    take(link, queue, "1", &tags[0]);
    ASSERT_OK(amqp_link_add_channel(link, &channel, &err), &err);
    ASSERT_OK(amqp_link_get_many(link, channel, queue, 1, note_tag, &tags[1], &got, &err), &err);
    ck_assert_uint_ne(tags[0], tags[1]); // both are the first of their channels
    ASSERT_OK(amqp_link_ack(link, tags[1], &err), &err);
    ASSERT_OK(amqp_link_nack(link, tags[0], true, &err), &err);
    ASSERT_OK(amqp_link_close_channel(link, channel, &err), &err);
    take(link, queue, "1", NULL);
    take(link, queue, NULL, NULL);
    drop_queue(link, queue);
    amqp_link_free(link);
}

// What was asked for of queues: "NAME RESULT MESSAGES" each.
static void note_queue(struct amqp_link *link, const struct amqp_queue_answer *answer,
                       void *userdata)
{
    (void)link;
    ck_assert_int_eq(*answer->why == '\0', answer->result == 0);
    ck_assert_int_eq(
        strv_addf(userdata, "%s %d %u", answer->queue, answer->result, answer->messages), 0);
}

TEST(queues_are_asked_for_without_waiting)
{
    _cleanup_strv_ struct strv answers = STRV_INIT;
    const struct amqp_handlers handlers = {.on_queue = note_queue, .userdata = &answers};
    _cleanup_free_ char *fresh = queue_name("fresh"), *other = queue_name("other");
    struct amqp_settings settings;
    struct amqp_link *link = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *created = str_format("%s 0 0", fresh),
                        *different = str_format("%s %d 0", other, -EEXIST);
    unsigned channel;

    load_settings(&settings, false);
    ASSERT_OK(amqp_link_open(&settings, "test", &handlers, NULL, &link, &err), &err);
    ASSERT_OK(amqp_link_declare_queue(link, other, 0, NULL, NULL, &err), &err);
    for (int i = 0; i < 3; i++) { // the channels are free again each time
        ASSERT_OK(amqp_link_ask_queue(link, fresh, AMQP_DURABLE, &err), &err);
        ASSERT_OK(amqp_link_ask_queue(link, other, AMQP_DURABLE, &err), &err);
        ASSERT_OK(amqp_link_ask_queue(link, "amq.mine", AMQP_DURABLE, &err), &err);
        ASSERT_OK(amqp_link_add_channel(link, &channel, &err), &err);
        ASSERT_OK(pump(link, TIMEOUT_US, &answers.len, 3, &err), &err);
        ck_assert(strv_contains(&answers, created));
        ck_assert(strv_contains(&answers, different));
        strv_release(&answers);
    }
    drop_queue(link, fresh);
    drop_queue(link, other);
    amqp_settings_release(&settings);
    amqp_link_free(link);
}

TEST(a_queue_that_is_only_asked_for_tells_its_length_and_is_not_made)
{
    _cleanup_strv_ struct strv answers = STRV_INIT;
    const struct amqp_handlers handlers = {.on_queue = note_queue, .userdata = &answers};
    _cleanup_free_ char *full = queue_name("full"), *none = queue_name("none");
    struct amqp_settings settings;
    struct amqp_link *link = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *length = str_format("%s 0 2", full),
                        *absent = str_format("%s %d 0", none, -ENOENT);
    const struct amqp_publication message = {
        .exchange = "", .routing_key = full, .body = "x", .body_len = 1};

    load_settings(&settings, false);
    ASSERT_OK(amqp_link_open(&settings, "test", &handlers, NULL, &link, &err), &err);
    ASSERT_OK(amqp_link_declare_queue(link, full, 0, NULL, NULL, &err), &err);
    for (int i = 0; i < 2; i++)
        ASSERT_OK(amqp_link_publish_confirmed(link, &message, &err), &err);
    for (int i = 0; i < 2; i++) { // asking for it does not make it
        ASSERT_OK(amqp_link_ask_queue(link, none, AMQP_PASSIVE, &err), &err);
        ASSERT_OK(amqp_link_ask_queue(link, full, AMQP_PASSIVE, &err), &err);
        ASSERT_OK(pump(link, TIMEOUT_US, &answers.len, 2, &err), &err);
        ck_assert(strv_contains(&answers, length));
        ck_assert(strv_contains(&answers, absent));
        strv_release(&answers);
    }
    drop_queue(link, full);
    amqp_settings_release(&settings);
    amqp_link_free(link);
}

TEST(there_are_only_so_many_channels_which_take_little_memory)
{
    struct amqp_link *link = open_link(NULL);
    size_t before = __sanitizer_get_current_allocated_bytes();
    _cleanup_error_ struct error err = ERROR_INIT;
    unsigned channel, count = 0;
    int r;

    while ((r = amqp_link_add_channel(link, &channel, &err)) == 0)
        count++;
    ck_assert_int_eq(r, -EMFILE);
    ck_assert_uint_ge(count, 1000);
    // The pages use a hundred and more.
    ck_assert_uint_lt((__sanitizer_get_current_allocated_bytes() - before) / count, 32 * 1024);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "lets a connection have"));
    error_clear(&err);
    ck_assert_int_eq(amqp_link_inspect_queue(link, "amq.none", NULL, NULL, &err), -ENOENT);
    amqp_link_free(link);
}

TEST(a_missing_exchange_ends_the_link)
{
    struct amqp_link *link = open_link(NULL);
    struct amqp_publication p = {.exchange = "no-such-exchange", .routing_key = "k"};
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(amqp_link_publish_confirmed(link, &p, &err), -ECONNRESET);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "no exchange 'no-such-exchange'"));
    ck_assert_int_eq(amqp_link_dispatch(link, &err), -ENOTCONN);
    ck_assert_uint_eq(amqp_link_deadline(link), 0);
    amqp_link_free(link);
}

TEST(the_broker_names_a_queue)
{
    struct amqp_link *link = open_link(NULL), *other = open_link(NULL);
    _cleanup_free_ char *name = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(
        amqp_link_declare_queue(link, "", AMQP_EXCLUSIVE | AMQP_AUTO_DELETE, NULL, &name, &err),
        &err);
    ck_assert(str_starts_with(name, "amq.gen-"));
    ck_assert_int_eq(amqp_link_inspect_queue(other, name, NULL, NULL, &err), -EBUSY);
    amqp_link_free(other);
    amqp_link_free(link);
}

static int try_open(const struct amqp_settings *settings, struct error *err)
{
    struct amqp_link *link = NULL;
    int r = amqp_link_open(settings, "test", NULL, NULL, &link, err);

    amqp_link_free(link);
    return r;
}

TEST(a_wrong_password_or_vhost_is_refused_without_telling_it)
{
    struct amqp_settings settings;
    _cleanup_error_ struct error err = ERROR_INIT;

    load_settings(&settings, false);
    free(settings.vhost);
    settings.vhost = strdup("/nowhere");
    ck_assert_int_eq(try_open(&settings, &err), -EACCES);
    free(settings.vhost);
    settings.vhost = strdup("/");
    free(settings.password);
    settings.password = strdup("wrong-secret");
    ck_assert_int_eq(try_open(&settings, &err), -EACCES);
    ck_assert_ptr_null(strstr(error_message(&err), "wrong-secret"));
    amqp_settings_release(&settings);
}

TEST(the_next_host_is_tried)
{
    struct amqp_settings settings;
    struct amqp_link *link = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t cursor = 0;

    load_settings(&settings, false);
    strv_release(&settings.hosts);
    ASSERT_OK(strv_add(&settings.hosts, "127.0.0.99"), NULL); // nobody listens there
    ASSERT_OK(strv_add(&settings.hosts, env("RABBIT_HOST")), NULL);
    ASSERT_OK(amqp_link_open(&settings, "test", NULL, &cursor, &link, &err), &err);
    ck_assert_str_eq(amqp_link_host(link), env("RABBIT_HOST"));
    ck_assert_uint_eq(cursor, 0); // behind the last comes the first
    amqp_link_free(link);
    amqp_settings_release(&settings);
}

TEST(tls_with_the_right_authority_works_and_with_another_is_refused)
{
    struct amqp_settings settings;
    struct amqp_link *link = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *queue = queue_name("tls");

    load_settings(&settings, true);
    ASSERT_OK(amqp_link_open(&settings, "test", NULL, NULL, &link, &err), &err);
    declare(link, queue);
    put(link, queue, "over TLS");
    take(link, queue, "over TLS", NULL);
    drop_queue(link, queue);
    amqp_link_free(link);
    // Another CA, the system's, a name that the certificate does not have.
    free(settings.ca_file);
    settings.ca_file = strdup(env("RABBIT_OTHER_CA"));
    ck_assert_int_eq(try_open(&settings, &err), -EPROTO);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "certificate verify failed"));
    free(settings.ca_file);
    settings.ca_file = NULL;
    ck_assert_int_eq(try_open(&settings, &err), -EPROTO);
    settings.ca_file = strdup(env("RABBIT_CA"));
    strv_release(&settings.hosts);
    ASSERT_OK(strv_add(&settings.hosts, "127.1"), NULL); // the same address, another name
    ck_assert_int_eq(try_open(&settings, &err), -EPROTO);
    amqp_settings_release(&settings);
}

// For three times as long as the broker waits for who is silent.
static int keep_link(const struct amqp_settings *settings, struct error *err)
{
    struct amqp_link *link = NULL;
    int r;

    ASSERT_OK(amqp_link_open(settings, "test", NULL, NULL, &link, err), err);
    r = pump(link, 3 * 2 * settings->heartbeat_s * USEC_PER_SEC, NULL, 0, err);
    if (r == 0)
        r = amqp_link_declare_exchange(link, "amq.direct", "direct", AMQP_DURABLE, err);
    amqp_link_free(link);
    return r;
}

TEST(dispatch_alone_keeps_the_heartbeat)
{
    struct amqp_settings settings;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = -1;

    load_settings(&settings, false);
    settings.heartbeat_s = 2;
    // On a busy machine either of them may be silent for too long now and then.
    for (int i = 0; r < 0 && i < 5; i++) {
        error_clear(&err);
        r = keep_link(&settings, &err);
    }
    ASSERT_OK(r, &err);
    amqp_settings_release(&settings);
}

TEST(a_broker_that_dies_in_a_wait_is_noticed)
{
    _cleanup_(seen_release) struct seen seen = {0};
    struct amqp_link *link = open_link(&seen);
    _cleanup_free_ char *queue = queue_name("die");
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t pid;
    int r = 0;

    if (!getenv("RABBIT_MAY_DIE")) {
        amqp_link_free(link);
        return;
    }
    declare(link, queue);
    ASSERT_OK(parse_uint(env("RABBIT_PID"), 2, INT32_MAX, &pid, NULL), NULL);
    ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
    while (r >= 0)
        r = amqp_link_inspect_queue(link, queue, NULL, NULL, &err);
    ck_assert_msg(r == -ECONNRESET || r == -EPIPE, "%d: %s", r, error_message(&err));
    ck_assert_int_eq(amqp_link_dispatch(link, &err), -ENOTCONN);
    ck_assert_int_eq(amqp_link_ack(link, 1, &err), -ENOTCONN);
    amqp_link_free(link);
}
