// SPDX-License-Identifier: GPL-3.0-only
// How little time queues can miss their first requests in while all that wait are looked at: the
// same calls as web/queue_reader.h, by rabbitmq-c alone, with nothing done to what comes.
// `take_bench COUNT QUEUE…`, each of which has so many (at least HEAD + AHEAD), broker from
// $AUTOPKGTEST_CLOUD_CONFIG. Prints the milliseconds of all, added up.
#include "adt/settings.h"
#include "base/clock.h"
#include "base/parse.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>

#define CHANNEL 1
#define HEAD 32U   // they go back first
#define AHEAD 150U // as AMQP_TAKE_AHEAD of net/amqp.h

static int failed(struct error *err, const char *what, amqp_rpc_reply_t reply)
{
    const amqp_rpc_reply_t *r = &reply;

    if (r->reply_type == AMQP_RESPONSE_NORMAL)
        return 0;
    return error_set(err, -EIO, "%s: %s", what,
                     r->reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                         ? amqp_error_string2(r->library_error)
                         : "the broker refused");
}

static int dial(amqp_connection_state_t c, const struct amqp_settings *settings, struct error *err)
{
    amqp_socket_t *socket = amqp_tcp_socket_new(c);
    int r;

    if (!socket || amqp_socket_open(socket, settings->hosts.items[0], settings->port) < 0)
        return error_set(err, -EIO, "no connection to %s", settings->hosts.items[0]);
    r = failed(err, "login",
               amqp_login(c, settings->vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN,
                          settings->user, settings->password));
    if (r < 0)
        return r;
    amqp_channel_open(c, CHANNEL);
    return failed(err, "channel", amqp_get_rpc_reply(c));
}

// What has come of one queue.
struct taking {
    unsigned got;
    uint64_t last; // delivery
    bool ended;    // no more come
};

static int read_frame(amqp_connection_state_t c, struct taking *t, struct error *err)
{
    amqp_frame_t frame;
    int r = amqp_simple_wait_frame(c, &frame);

    if (r != AMQP_STATUS_OK)
        return error_set(err, -EIO, "delivery %u: %s", t->got, amqp_error_string2(r));
    if (frame.frame_type == AMQP_FRAME_METHOD &&
        frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) {
        t->last = ((amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
        t->got++;
    } else if (frame.frame_type == AMQP_FRAME_METHOD &&
               frame.payload.method.id == AMQP_BASIC_CANCEL_OK_METHOD) {
        t->ended = true;
    }
    amqp_maybe_release_buffers(c);
    return 0;
}

static int await_deliveries(amqp_connection_state_t c, struct taking *t, unsigned wanted,
                            struct error *err)
{
    int r = 0;

    while (r == 0 && t->got < wanted)
        r = read_frame(c, t, err);
    return r;
}

// The broker is idle again when all of them are back.
static int await_return(amqp_connection_state_t c, const char *queue, unsigned count,
                        struct error *err)
{
    for (unsigned there = 0; there < count;) {
        const amqp_queue_declare_ok_t *ok =
            amqp_queue_declare(c, CHANNEL, amqp_cstring_bytes(queue), 1, 0, 0, 0, amqp_empty_table);

        if (!ok)
            return failed(err, queue, amqp_get_rpc_reply(c));
        there = ok->message_count;
    }
    return 0;
}

static int take(amqp_connection_state_t c, const char *queue, unsigned count, uint64_t *held_us,
                struct error *err)
{
    amqp_bytes_t consumer = amqp_cstring_bytes("take");
    amqp_basic_cancel_t end = {.consumer_tag = consumer};
    struct taking t = {0};
    uint64_t start, head;
    int r;

    amqp_basic_qos(c, CHANNEL, 0, 0, 0); // with a limit the broker would have to count
    start = clock_monotonic_us();
    amqp_basic_consume(c, CHANNEL, amqp_cstring_bytes(queue), consumer, 0, 0, 0, amqp_empty_table);
    r = failed(err, queue, amqp_get_rpc_reply(c));
    if (r == 0)
        r = await_deliveries(c, &t, HEAD, err);
    head = t.last;
    if (r == 0)
        r = await_deliveries(c, &t, count - AHEAD, err);
    if (r < 0)
        return r;
    if (amqp_send_method(c, CHANNEL, AMQP_BASIC_CANCEL_METHOD, &end) < 0 ||
        amqp_basic_nack(c, CHANNEL, head, 1, 1) < 0)
        return error_set(err, -EIO, "%s: cannot give back", queue);
    *held_us += clock_monotonic_us() - start;
    while (r == 0 && !t.ended)
        r = read_frame(c, &t, err);
    if (r == 0 && amqp_basic_nack(c, CHANNEL, 0, 1, 1) < 0)
        r = error_set(err, -EIO, "%s: cannot give back the rest", queue);
    return r < 0 ? r : await_return(c, queue, count, err);
}

int main(int argc, char **argv)
{
    _cleanup_(amqp_settings_release) struct amqp_settings settings = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    amqp_connection_state_t c = amqp_new_connection();
    uint64_t count = 0, held_us = 0;
    int r = c && argc > 2 ? parse_uint(argv[1], HEAD + AHEAD, UINT16_MAX, &count, &err) : -EINVAL;

    if (r == 0)
        r = settings_load_broker(settings_dir(), &settings, &err);
    if (r == 0)
        r = dial(c, &settings, &err);
    for (int i = 2; r == 0 && i < argc; i++)
        r = take(c, argv[i], (unsigned)count, &held_us, &err);
    if (c)
        (void)amqp_destroy_connection(c);
    if (r < 0) {
        (void)fprintf(stderr, "take_bench: %s\n", error_message(&err));
        return 1;
    }
    printf("%.2f\n", (double)held_us / (double)USEC_PER_MSEC);
    return 0;
}
