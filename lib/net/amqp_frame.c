// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

#include <sys/time.h>

// ---------------------------------------------------------------- messages

static int incoming_begin(struct amqp_link *link, enum amqp_incoming_kind kind,
                          amqp_bytes_t exchange, amqp_bytes_t routing_key, struct error *err)
{
    struct amqp_incoming *in = &link->incoming;

    if (in->kind != AMQP_INCOMING_NONE)
        return amqp_lose(link, -ECONNRESET, err, "a message began inside another");
    in->kind = kind;
    in->message.body.max = AMQP_BODY_MAX;
    in->message.exchange = amqp_bytes_string(exchange);
    in->message.routing_key = amqp_bytes_string(routing_key);
    if (!in->message.exchange || !in->message.routing_key)
        return amqp_out_of_memory(link, err);
    return 0;
}

static int on_deliver(struct amqp_link *link, amqp_channel_t channel, const amqp_basic_deliver_t *m,
                      struct error *err)
{
    int r = incoming_begin(link, AMQP_INCOMING_DELIVER, m->exchange, m->routing_key, err);

    if (r < 0)
        return r;
    link->incoming.channel = channel;
    link->incoming.message.tag = amqp_tag_of(channel, m->delivery_tag);
    link->incoming.message.redelivered = m->redelivered;
    link->incoming.message.consumer = amqp_bytes_string(m->consumer_tag);
    return link->incoming.message.consumer ? 0 : amqp_out_of_memory(link, err);
}

static int on_get_ok(struct amqp_link *link, amqp_channel_t channel, const amqp_basic_get_ok_t *m,
                     struct error *err)
{
    int r;

    if (link->waiting.expected[0] != AMQP_BASIC_GET_EMPTY_METHOD || link->waiting.arrived)
        return amqp_lose(link, -ECONNRESET, err, "it sent a message nobody asked for");
    r = incoming_begin(link, AMQP_INCOMING_GET, m->exchange, m->routing_key, err);
    if (r < 0)
        return r;
    link->incoming.message.tag = amqp_tag_of(channel, m->delivery_tag);
    link->incoming.message.redelivered = m->redelivered;
    link->incoming.message.message_count = m->message_count;
    return 0;
}

// For amqp_link_take_many().
static void take(struct amqp_taking *taking, struct amqp_delivery *message)
{
    uint64_t tag = message->tag;
    int r = 0;

    taking->got++;
    if (taking->failed == 0)
        r = taking->taken(message, taking->userdata, taking->err);
    if (r < 0)
        taking->failed = r;
    else if (r == AMQP_TAKE_BACK)
        taking->back = tag;
    amqp_delivery_release(message);
}

static int incoming_end(struct amqp_link *link, struct error *err)
{
    struct amqp_incoming *in = &link->incoming;
    struct amqp_event *event;

    switch (in->kind) {
    case AMQP_INCOMING_DELIVER:
        if (in->channel == link->taking.channel) {
            take(&link->taking, &in->message);
            break;
        }
        event = amqp_event_add(link, AMQP_EVENT_DELIVERY);
        if (!event)
            return amqp_out_of_memory(link, err);
        event->delivery = in->message;
        break;
    case AMQP_INCOMING_GET:
        amqp_delivery_release(&link->got);
        link->got = in->message;
        link->waiting.arrived = true;
        link->waiting.method = AMQP_BASIC_GET_OK_METHOD;
        break;
    default:
        amqp_unconfirmed_returned(&link->unconfirmed,
                                  amqp_fingerprint(amqp_cstring_bytes(in->message.exchange),
                                                   amqp_cstring_bytes(in->message.routing_key),
                                                   in->message.body.data, in->message.body.len));
        amqp_delivery_release(&in->message);
        break;
    }
    *in = (struct amqp_incoming){0};
    return 0;
}

static int copy_text(bool there, amqp_bytes_t text, char **ret)
{
    if (there)
        *ret = amqp_bytes_string(text);
    return there && !*ret ? -ENOMEM : 0;
}

static int copy_properties(struct amqp_delivery *message, const amqp_basic_properties_t *p)
{
    static const amqp_table_t no_headers;
    amqp_flags_t flags = p->_flags;

    if (copy_text(flags & AMQP_BASIC_MESSAGE_ID_FLAG, p->message_id, &message->message_id) < 0 ||
        copy_text(flags & AMQP_BASIC_CORRELATION_ID_FLAG, p->correlation_id,
                  &message->correlation_id) < 0 ||
        copy_text(flags & AMQP_BASIC_REPLY_TO_FLAG, p->reply_to, &message->reply_to) < 0)
        return -ENOMEM;
    message->timestamp_s = flags & AMQP_BASIC_TIMESTAMP_FLAG ? p->timestamp : 0;
    return amqp_table_to_json(flags & AMQP_BASIC_HEADERS_FLAG ? &p->headers : &no_headers,
                              &message->headers);
}

static int on_header(struct amqp_link *link, const amqp_frame_t *frame, struct error *err)
{
    struct amqp_incoming *in = &link->incoming;

    if (in->kind == AMQP_INCOMING_NONE || in->has_header)
        return amqp_lose(link, -ECONNRESET, err, "a message's header came out of place");
    if (copy_properties(&in->message, frame->payload.properties.decoded) < 0)
        return amqp_out_of_memory(link, err);
    in->has_header = true;
    in->remaining = frame->payload.properties.body_size;
    return in->remaining == 0 ? incoming_end(link, err) : 0;
}

static int on_body(struct amqp_link *link, amqp_bytes_t part, struct error *err)
{
    struct amqp_incoming *in = &link->incoming;
    size_t room, len = part.len;

    if (!in->has_header || len > in->remaining)
        return amqp_lose(link, -ECONNRESET, err, "a message's body came out of place");
    in->remaining -= len;
    room = in->message.body.max - in->message.body.len;
    if (len > room) {
        in->message.truncated = true;
        len = room;
    }
    if (len > 0 && buf_add(&in->message.body, part.bytes, len) < 0)
        return amqp_out_of_memory(link, err);
    return in->remaining == 0 ? incoming_end(link, err) : 0;
}

// ---------------------------------------------------------------- methods

static int settled(void *userdata, uint64_t tag, enum amqp_outcome outcome)
{
    struct amqp_link *link = userdata;
    struct amqp_event *event;

    if (tag == link->awaited_tag) {
        link->awaited_known = true;
        link->awaited_outcome = outcome;
        return 0;
    }
    if (!link->handlers.on_outcome)
        return 0;
    event = amqp_event_add(link, AMQP_EVENT_OUTCOME);
    if (!event)
        return -ENOMEM;
    event->tag = tag;
    event->outcome = outcome;
    return 0;
}

static int settle(struct amqp_link *link, uint64_t tag, bool multiple, bool refused,
                  struct error *err)
{
    if (amqp_unconfirmed_settle(&link->unconfirmed, tag, multiple, refused, settled, link) < 0)
        return amqp_out_of_memory(link, err);
    return 0;
}

static int on_cancel(struct amqp_link *link, amqp_channel_t channel, const amqp_basic_cancel_t *m,
                     struct error *err)
{
    struct amqp_event *event;
    amqp_basic_cancel_ok_t ok = {.consumer_tag = m->consumer_tag};

    if (channel == link->taking.channel)
        return 0; // it looks for the queue when nothing comes
    event = amqp_event_add(link, AMQP_EVENT_CANCELLED);
    if (event)
        event->consumer = amqp_bytes_string(m->consumer_tag);
    if (!event || !event->consumer)
        return amqp_out_of_memory(link, err);
    return m->nowait ? 0
                     : amqp_send(link, AMQP_CHANNEL_MAIN, AMQP_BASIC_CANCEL_OK_METHOD, &ok, err);
}

static int on_channel_close(struct amqp_link *link, amqp_channel_t channel,
                            const amqp_channel_close_t *m, struct error *err)
{
    _cleanup_free_ char *text = amqp_bytes_string(m->reply_text);
    amqp_channel_close_ok_t ok = {0};
    int r;

    if (!text)
        return amqp_out_of_memory(link, err);
    if (channel != AMQP_CHANNEL_DECLARE)
        return amqp_lose(link, -ECONNRESET, err, "it closed the channel: %s", text);
    r = amqp_send(link, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, err);
    if (r < 0)
        return r;
    link->declare_open = false;
    link->exception = amqp_exception_errno(m->reply_code);
    free(link->exception_text);
    link->exception_text = TAKE_PTR(text);
    return 0;
}

static int on_connection_method(struct amqp_link *link, const amqp_method_t *method,
                                struct error *err)
{
    const amqp_connection_close_t *close = method->decoded;
    const amqp_connection_blocked_t *blocked = method->decoded;
    amqp_connection_close_ok_t ok = {0};
    _cleanup_free_ char *text = NULL;

    switch (method->id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
        text = amqp_bytes_string(close->reply_text);
        (void)amqp_send(link, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok, NULL);
        return amqp_lose(link, -ECONNRESET, err, "it closed the connection: %s",
                         text ? text : "out of memory");
    case AMQP_CONNECTION_BLOCKED_METHOD:
        free(link->blocked);
        link->blocked = amqp_bytes_string(blocked->reason);
        return 0;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        free(link->blocked);
        link->blocked = NULL;
        return 0;
    default:
        return amqp_lose(link, -ECONNRESET, err, "an unexpected method 0x%08x", method->id);
    }
}

static int on_reply(struct amqp_link *link, amqp_channel_t channel, const amqp_method_t *method,
                    struct error *err)
{
    struct amqp_waiting *w = &link->waiting;

    if (w->channel != channel || w->arrived ||
        (method->id != w->expected[0] && method->id != w->expected[1]))
        return amqp_lose(link, -ECONNRESET, err, "an unexpected method 0x%08x", method->id);
    w->arrived = true;
    w->method = method->id;
    w->decoded = method->decoded;
    return 0;
}

static int on_channel_method(struct amqp_link *link, amqp_channel_t channel,
                             const amqp_method_t *method, struct error *err)
{
    const amqp_basic_return_t *returned = method->decoded;
    const amqp_basic_ack_t *ack = method->decoded;
    const amqp_basic_nack_t *nack = method->decoded;

    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD:
        return on_deliver(link, channel, method->decoded, err);
    case AMQP_BASIC_GET_OK_METHOD:
        return on_get_ok(link, channel, method->decoded, err);
    case AMQP_BASIC_RETURN_METHOD:
        return incoming_begin(link, AMQP_INCOMING_RETURN, returned->exchange, returned->routing_key,
                              err);
    case AMQP_BASIC_ACK_METHOD:
        return settle(link, ack->delivery_tag, ack->multiple, false, err);
    case AMQP_BASIC_NACK_METHOD:
        return settle(link, nack->delivery_tag, nack->multiple, true, err);
    case AMQP_BASIC_CANCEL_METHOD:
        return on_cancel(link, channel, method->decoded, err);
    case AMQP_CHANNEL_CLOSE_METHOD:
        return on_channel_close(link, channel, method->decoded, err);
    default:
        return on_reply(link, channel, method, err);
    }
}

static int on_frame(struct amqp_link *link, const amqp_frame_t *frame, struct error *err)
{
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        if (frame->channel == 0)
            return on_connection_method(link, &frame->payload.method, err);
        if (amqp_ask_has(link, frame->channel))
            return amqp_ask_method(link, frame->channel, &frame->payload.method, err);
        return on_channel_method(link, frame->channel, &frame->payload.method, err);
    case AMQP_FRAME_HEADER:
        return on_header(link, frame, err);
    case AMQP_FRAME_BODY:
        return on_body(link, frame->payload.body_fragment, err);
    default:
        return 0;
    }
}

int amqp_frame_read(struct amqp_link *link, uint64_t deadline_us, struct error *err)
{
    uint64_t now = clock_monotonic_us(), left = deadline_us > now ? deadline_us - now : 0;
    struct timeval timeout = {.tv_sec = (time_t)(left / USEC_PER_SEC),
                              .tv_usec = (suseconds_t)(left % USEC_PER_SEC)};
    amqp_frame_t frame;
    int status, r;

    status = amqp_simple_wait_frame_noblock(link->connection, &frame, &timeout);
    if (status == AMQP_STATUS_TIMEOUT)
        return 0;
    if (status != AMQP_STATUS_OK)
        return amqp_lose_status(link, status, err, "reading");
    r = on_frame(link, &frame, err);
    if (r < 0)
        return r;
    if (!link->waiting.arrived)
        amqp_maybe_release_buffers_on_channel(link->connection, frame.channel);
    return 1;
}
