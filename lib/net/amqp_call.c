// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

#define NO_METHOD 0
#define TAKER "take" // consumer tag of amqp_link_take_many()

// Whether the call's wait is over: the answer is there or the broker closed its channel.
static bool call_ended(const struct amqp_link *link, amqp_channel_t channel)
{
    return link->waiting.arrived || (channel == AMQP_CHANNEL_DECLARE && link->exception);
}

// Waits for one of the expected answers to what was sent.
static int await(struct amqp_link *link, amqp_channel_t channel,
                 const amqp_method_number_t expected[2], struct error *err)
{
    uint64_t deadline = clock_monotonic_us() + link->timeout_us;
    int r = 0;

    link->waiting =
        (struct amqp_waiting){.channel = channel, .expected = {expected[0], expected[1]}};
    while (!call_ended(link, channel)) {
        r = amqp_frame_read(link, deadline, err);
        if (r == 0)
            r = amqp_timed_out(link, err);
        if (r < 0)
            break;
    }
    if (r >= 0 && link->waiting.arrived)
        return 0;
    amqp_reply_done(link);
    if (r >= 0)
        r = error_set(err, link->exception, "broker %s: %s", link->host, link->exception_text);
    return r;
}

int amqp_call(struct amqp_link *link, amqp_channel_t channel, amqp_method_number_t method,
              void *decoded, const amqp_method_number_t expected[2], struct error *err)
{
    int r;

    link->exception = 0;
    r = amqp_send(link, channel, method, decoded, err);
    return r < 0 ? r : await(link, channel, expected, err);
}

// A call whose answer says nothing more.
static int call_plain(struct amqp_link *link, amqp_channel_t channel, amqp_method_number_t method,
                      void *decoded, amqp_method_number_t expected, struct error *err)
{
    int r = amqp_call(link, channel, method, decoded,
                      (const amqp_method_number_t[2]){expected, NO_METHOD}, err);

    if (r >= 0)
        amqp_reply_done(link);
    return r;
}

static int open_channel(struct amqp_link *link, amqp_channel_t channel, struct error *err)
{
    amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};

    return call_plain(link, channel, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD,
                      err);
}

int amqp_open_main(struct amqp_link *link, struct error *err)
{
    amqp_confirm_select_t select = {.nowait = 0};
    int r = open_channel(link, AMQP_CHANNEL_MAIN, err);

    if (r < 0)
        return r;
    return call_plain(link, AMQP_CHANNEL_MAIN, AMQP_CONFIRM_SELECT_METHOD, &select,
                      AMQP_CONFIRM_SELECT_OK_METHOD, err);
}

static int need_declare_channel(struct amqp_link *link, struct error *err)
{
    int r = amqp_check_usable(link, err);

    if (r < 0 || link->declare_open)
        return r;
    r = open_channel(link, AMQP_CHANNEL_DECLARE, err);
    if (r >= 0)
        link->declare_open = true;
    return r;
}

static int call_declare(struct amqp_link *link, amqp_method_number_t method, void *decoded,
                        amqp_method_number_t expected, struct error *err)
{
    int r = need_declare_channel(link, err);

    if (r < 0)
        return r;
    return amqp_call(link, AMQP_CHANNEL_DECLARE, method, decoded,
                     (const amqp_method_number_t[2]){expected, NO_METHOD}, err);
}

// ---------------------------------------------------------------- declarations

int amqp_link_declare_queue(struct amqp_link *link, const char *queue, unsigned flags,
                            const json_t *arguments, char **ret_name, struct error *err)
{
    amqp_queue_declare_t m = {.queue = amqp_bytes_of(queue),
                              .durable = (flags & AMQP_DURABLE) != 0,
                              .exclusive = (flags & AMQP_EXCLUSIVE) != 0,
                              .auto_delete = (flags & AMQP_AUTO_DELETE) != 0};
    const amqp_queue_declare_ok_t *ok;
    char *name = NULL;
    int r;

    r = amqp_queue_arguments(link, flags, arguments, &m.arguments, err);
    if (r < 0)
        return error_prefix(err, r, "cannot declare queue \"%s\"", queue);
    r = call_declare(link, AMQP_QUEUE_DECLARE_METHOD, &m, AMQP_QUEUE_DECLARE_OK_METHOD, err);
    free(m.arguments.entries);
    if (r < 0)
        return error_prefix(err, r, "cannot declare queue \"%s\"", queue);
    ok = link->waiting.decoded;
    if (ret_name)
        name = amqp_bytes_string(ok->queue);
    amqp_reply_done(link);
    if (ret_name && !name)
        return error_oom(err);
    if (ret_name)
        *ret_name = name;
    return 0;
}

int amqp_link_inspect_queue(struct amqp_link *link, const char *queue, uint32_t *ret_messages,
                            uint32_t *ret_consumers, struct error *err)
{
    amqp_queue_declare_t m = {.queue = amqp_bytes_of(queue), .passive = 1};
    const amqp_queue_declare_ok_t *ok;
    int r = call_declare(link, AMQP_QUEUE_DECLARE_METHOD, &m, AMQP_QUEUE_DECLARE_OK_METHOD, err);

    if (r < 0)
        return error_prefix(err, r, "cannot look at queue \"%s\"", queue);
    ok = link->waiting.decoded;
    if (ret_messages)
        *ret_messages = ok->message_count;
    if (ret_consumers)
        *ret_consumers = ok->consumer_count;
    amqp_reply_done(link);
    return 0;
}

int amqp_link_delete_queue(struct amqp_link *link, const char *queue, struct error *err)
{
    amqp_queue_delete_t m = {.queue = amqp_bytes_of(queue)};
    int r;

    if (str_equal(link->known_queue, queue)) {
        free(link->known_queue);
        link->known_queue = NULL;
    }
    r = call_declare(link, AMQP_QUEUE_DELETE_METHOD, &m, AMQP_QUEUE_DELETE_OK_METHOD, err);
    if (r < 0)
        return error_prefix(err, r, "cannot delete queue \"%s\"", queue);
    amqp_reply_done(link);
    return 0;
}

int amqp_link_declare_exchange(struct amqp_link *link, const char *exchange, const char *type,
                               unsigned flags, struct error *err)
{
    amqp_exchange_declare_t m = {.exchange = amqp_bytes_of(exchange),
                                 .type = amqp_bytes_of(type),
                                 .durable = (flags & AMQP_DURABLE) != 0,
                                 .auto_delete = (flags & AMQP_AUTO_DELETE) != 0};
    int r =
        call_declare(link, AMQP_EXCHANGE_DECLARE_METHOD, &m, AMQP_EXCHANGE_DECLARE_OK_METHOD, err);

    if (r < 0)
        return error_prefix(err, r, "cannot declare exchange \"%s\"", exchange);
    amqp_reply_done(link);
    return 0;
}

int amqp_link_bind(struct amqp_link *link, const char *queue, const char *exchange,
                   const char *routing_key, const json_t *arguments, struct error *err)
{
    amqp_queue_bind_t m = {.queue = amqp_bytes_of(queue),
                           .exchange = amqp_bytes_of(exchange),
                           .routing_key = amqp_bytes_of(routing_key)};
    int r = amqp_table_from_json(arguments, &m.arguments, err);

    if (r >= 0)
        r = call_declare(link, AMQP_QUEUE_BIND_METHOD, &m, AMQP_QUEUE_BIND_OK_METHOD, err);
    free(m.arguments.entries);
    if (r < 0)
        return error_prefix(err, r, "cannot bind queue \"%s\" to exchange \"%s\"", queue, exchange);
    amqp_reply_done(link);
    return 0;
}

// ---------------------------------------------------------------- messages

int amqp_link_add_channel(struct amqp_link *link, unsigned *ret, struct error *err)
{
    int most = amqp_get_channel_max(link->connection);
    int r = amqp_check_usable(link, err);

    if (r < 0)
        return r;
    if (AMQP_CHANNEL_DECLARE + link->more_channels >= (unsigned)most)
        return error_set(err, -EMFILE, "broker %s: it lets a connection have %d channels",
                         link->host, most);
    r = open_channel(link, (amqp_channel_t)(AMQP_CHANNEL_DECLARE + link->more_channels + 1), err);
    if (r == 0)
        *ret = AMQP_CHANNEL_DECLARE + ++link->more_channels;
    return r;
}

int amqp_link_close_channel(struct amqp_link *link, unsigned channel, struct error *err)
{
    amqp_channel_close_t m = {.reply_code = AMQP_REPLY_SUCCESS};

    return call_plain(link, (amqp_channel_t)channel, AMQP_CHANNEL_CLOSE_METHOD, &m,
                      AMQP_CHANNEL_CLOSE_OK_METHOD, err);
}

// Looks whether there is such a queue before the main channel names it: an absent one would close
// that channel. Asked once for calls in a row with the same queue.
static int need_queue(struct amqp_link *link, const char *queue, struct error *err)
{
    char *copy;
    int r = amqp_check_usable(link, err);

    if (r < 0 || str_equal(link->known_queue, queue))
        return r;
    r = amqp_link_inspect_queue(link, queue, NULL, NULL, err);
    if (r < 0)
        return r;
    copy = strdup(queue);
    if (!copy)
        return error_oom(err);
    free(link->known_queue);
    link->known_queue = copy;
    return 0;
}

static int send_get(struct amqp_link *link, amqp_channel_t channel, const char *queue,
                    struct error *err)
{
    amqp_basic_get_t m = {.queue = amqp_bytes_of(queue)};

    return amqp_send(link, channel, AMQP_BASIC_GET_METHOD, &m, err);
}

static int receive_got(struct amqp_link *link, amqp_channel_t channel, const char *queue,
                       struct amqp_delivery *ret, bool *ret_empty, struct error *err)
{
    const amqp_method_number_t expected[2] = {AMQP_BASIC_GET_EMPTY_METHOD, NO_METHOD};
    int r = await(link, channel, expected, err);

    if (r < 0)
        return error_prefix(err, r, "cannot get from queue \"%s\"", queue);
    *ret_empty = link->waiting.method == AMQP_BASIC_GET_EMPTY_METHOD;
    if (!*ret_empty) {
        *ret = link->got;
        link->got = (struct amqp_delivery){0};
    }
    amqp_reply_done(link);
    return 0;
}

int amqp_link_get(struct amqp_link *link, const char *queue, struct amqp_delivery *ret,
                  bool *ret_empty, struct error *err)
{
    int r = need_queue(link, queue, err);

    if (r < 0)
        return r;
    link->exception = 0;
    r = send_get(link, AMQP_CHANNEL_MAIN, queue, err);
    return r < 0 ? error_prefix(err, r, "cannot get from queue \"%s\"", queue)
                 : receive_got(link, AMQP_CHANNEL_MAIN, queue, ret, ret_empty, err);
}

int amqp_link_get_many(struct amqp_link *link, unsigned channel, const char *queue, unsigned count,
                       amqp_taken *taken, void *userdata, unsigned *ret_got, struct error *err)
{
    int failed = 0, r = need_queue(link, queue, err);

    *ret_got = 0;
    link->exception = 0;
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = send_get(link, (amqp_channel_t)channel, queue, err);
    // Every answer is fetched, whatever `taken` says of one: the link is in step afterwards.
    for (unsigned i = 0; r == 0 && i < count; i++) {
        _cleanup_(amqp_delivery_release) struct amqp_delivery delivery = {0};
        bool empty = false;

        r = receive_got(link, (amqp_channel_t)channel, queue, &delivery, &empty,
                        failed < 0 ? NULL : err);
        if (r < 0 || empty)
            continue;
        ++*ret_got;
        if (failed == 0)
            failed = taken(&delivery, userdata, err);
    }
    return r < 0 ? r : failed;
}

// Of one amqp_link_take_many().
struct take {
    amqp_channel_t channel;
    const char *queue;
    unsigned count;
    uint64_t deadline_us;
    bool ended; // the consumer: its cancellation was sent
    uint64_t back_us;
};

// What is still to come has left the queue already.
static bool may_end(const struct amqp_link *link, const struct take *take)
{
    return link->taking.got >= take->count ||
           (link->taking.back > 0 && link->taking.got + AMQP_TAKE_AHEAD >= take->count);
}

// The consumer first, or it would get again what goes back.
static int end_consumer(struct amqp_link *link, struct take *take, struct error *err)
{
    amqp_basic_cancel_t end = {.consumer_tag = amqp_bytes_of(TAKER)};
    int r;

    link->exception = 0;
    link->waiting = (struct amqp_waiting){.channel = take->channel,
                                          .expected = {AMQP_BASIC_CANCEL_OK_METHOD, NO_METHOD}};
    r = amqp_send(link, take->channel, AMQP_BASIC_CANCEL_METHOD, &end, err);
    if (r == 0 && link->taking.back > 0)
        r = amqp_link_nack_up_to(link, link->taking.back, err);
    take->ended = true;
    take->back_us = clock_monotonic_us();
    return r;
}

// Until as many are there as are wanted, or no more come.
static int await_taken(struct amqp_link *link, struct take *take, struct error *err)
{
    uint32_t waiting = 1;
    int r = 1;

    while (r >= 0 && link->taking.got < take->count && waiting > 0) {
        r = amqp_frame_read(link, clock_monotonic_us() + AMQP_TAKE_QUIET_US, err);
        if (r == 0 && take->ended)
            break;
        if (r == 0)
            r = amqp_link_inspect_queue(link, take->queue, &waiting, NULL, err);
        if (r >= 0 && !take->ended && may_end(link, take))
            r = end_consumer(link, take, err);
        if (r >= 0 && clock_monotonic_us() >= take->deadline_us)
            r = amqp_timed_out(link, err);
    }
    return r < 0 ? r : 0;
}

// After the cancellation was sent.
static int await_end(struct amqp_link *link, const struct take *take, struct error *err)
{
    int r = 0;

    while (r >= 0 && !link->waiting.arrived) {
        r = amqp_frame_read(link, take->deadline_us, err);
        if (r == 0)
            r = amqp_timed_out(link, err);
    }
    amqp_reply_done(link);
    return r < 0 ? r : 0;
}

// At most `prefetch` unacknowledged ones; 0: however many come.
static int take_many(struct amqp_link *link, struct take take, uint16_t prefetch, amqp_taken *taken,
                     void *userdata, struct amqp_took *ret, struct error *err)
{
    amqp_basic_qos_t limit = {.prefetch_count = prefetch}; // of each consumer of the channel
    amqp_basic_consume_t begin = {.queue = amqp_bytes_of(take.queue),
                                  .consumer_tag = amqp_bytes_of(TAKER)};
    uint64_t start_us;
    int r = need_queue(link, take.queue, err);

    *ret = (struct amqp_took){0};
    if (r == 0)
        r = call_plain(link, take.channel, AMQP_BASIC_QOS_METHOD, &limit, AMQP_BASIC_QOS_OK_METHOD,
                       err);
    if (r < 0)
        return r;
    link->taking = (struct amqp_taking){
        .channel = take.channel, .taken = taken, .userdata = userdata, .err = err};
    start_us = clock_monotonic_us();
    take.deadline_us = start_us + link->timeout_us;
    r = call_plain(link, take.channel, AMQP_BASIC_CONSUME_METHOD, &begin,
                   AMQP_BASIC_CONSUME_OK_METHOD, err);
    if (r == 0)
        r = await_taken(link, &take, err);
    if (r == 0 && !take.ended)
        r = end_consumer(link, &take, err);
    if (r == 0)
        r = await_end(link, &take, err);
    ret->got = link->taking.got;
    ret->held_us = take.back_us - start_us;
    if (r == 0)
        r = link->taking.failed;
    link->taking = (struct amqp_taking){0};
    return r < 0 ? error_prefix(err, r, "cannot take from queue \"%s\"", take.queue) : 0;
}

int amqp_link_take_many(struct amqp_link *link, unsigned channel, const char *queue, uint16_t count,
                        amqp_taken *taken, void *userdata, struct amqp_took *ret, struct error *err)
{
    const struct take take = {.channel = (amqp_channel_t)channel, .queue = queue, .count = count};

    return take_many(link, take, count, taken, userdata, ret, err);
}

int amqp_link_take_all(struct amqp_link *link, unsigned channel, const char *queue, uint16_t count,
                       amqp_taken *taken, void *userdata, struct amqp_took *ret, struct error *err)
{
    const struct take take = {.channel = (amqp_channel_t)channel, .queue = queue, .count = count};

    return take_many(link, take, 0, taken, userdata, ret, err);
}

int amqp_link_ack(struct amqp_link *link, uint64_t tag, struct error *err)
{
    amqp_basic_ack_t m = {.delivery_tag = amqp_tag_number(tag)};

    return amqp_send(link, amqp_tag_channel(tag), AMQP_BASIC_ACK_METHOD, &m, err);
}

int amqp_link_ack_up_to(struct amqp_link *link, uint64_t tag, struct error *err)
{
    amqp_basic_ack_t m = {.delivery_tag = amqp_tag_number(tag), .multiple = 1};

    return amqp_send(link, amqp_tag_channel(tag), AMQP_BASIC_ACK_METHOD, &m, err);
}

int amqp_link_nack(struct amqp_link *link, uint64_t tag, bool requeue, struct error *err)
{
    amqp_basic_nack_t m = {.delivery_tag = amqp_tag_number(tag), .requeue = requeue};

    return amqp_send(link, amqp_tag_channel(tag), AMQP_BASIC_NACK_METHOD, &m, err);
}

int amqp_link_nack_up_to(struct amqp_link *link, uint64_t tag, struct error *err)
{
    amqp_basic_nack_t m = {.delivery_tag = amqp_tag_number(tag), .multiple = 1, .requeue = 1};

    return amqp_send(link, amqp_tag_channel(tag), AMQP_BASIC_NACK_METHOD, &m, err);
}

int amqp_link_nack_channel(struct amqp_link *link, unsigned channel, struct error *err)
{
    amqp_basic_nack_t m = {.delivery_tag = 0, .multiple = 1, .requeue = 1}; // 0: all there are

    return amqp_send(link, (amqp_channel_t)channel, AMQP_BASIC_NACK_METHOD, &m, err);
}

int amqp_link_sync_channel(struct amqp_link *link, unsigned channel, struct error *err)
{
    amqp_basic_qos_t m = {0}; // a channel does one thing after the other

    return call_plain(link, (amqp_channel_t)channel, AMQP_BASIC_QOS_METHOD, &m,
                      AMQP_BASIC_QOS_OK_METHOD, err);
}

int amqp_link_prefetch(struct amqp_link *link, uint16_t count, struct error *err)
{
    amqp_basic_qos_t m = {.prefetch_count = count, .global = 1};

    return call_plain(link, AMQP_CHANNEL_MAIN, AMQP_BASIC_QOS_METHOD, &m, AMQP_BASIC_QOS_OK_METHOD,
                      err);
}

int amqp_link_consume(struct amqp_link *link, const char *queue, const char *consumer, bool no_ack,
                      bool exclusive, struct error *err)
{
    amqp_basic_consume_t m = {.queue = amqp_bytes_of(queue),
                              .consumer_tag = amqp_bytes_of(consumer),
                              .no_ack = no_ack,
                              .exclusive = exclusive};
    int r = need_queue(link, queue, err);

    if (r >= 0)
        r = call_plain(link, AMQP_CHANNEL_MAIN, AMQP_BASIC_CONSUME_METHOD, &m,
                       AMQP_BASIC_CONSUME_OK_METHOD, err);
    return r < 0 ? error_prefix(err, r, "cannot consume from queue \"%s\"", queue) : 0;
}

int amqp_link_cancel(struct amqp_link *link, const char *consumer, struct error *err)
{
    amqp_basic_cancel_t m = {.consumer_tag = amqp_bytes_of(consumer)};

    return call_plain(link, AMQP_CHANNEL_MAIN, AMQP_BASIC_CANCEL_METHOD, &m,
                      AMQP_BASIC_CANCEL_OK_METHOD, err);
}
