// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

struct amqp_ask {
    struct amqp_ask *next;
    amqp_channel_t channel;
    char *queue;
    bool answered; // its channel is being closed
};

static void ask_free(struct amqp_ask *ask)
{
    free(ask->queue);
    free(ask);
}

void amqp_ask_free_all(struct amqp_link *link)
{
    while (link->asks) {
        struct amqp_ask *ask = link->asks;

        link->asks = ask->next;
        ask_free(ask);
    }
}

static struct amqp_ask **find(struct amqp_link *link, amqp_channel_t channel)
{
    struct amqp_ask **at = &link->asks;

    while (*at && (*at)->channel != channel)
        at = &(*at)->next;
    return at;
}

bool amqp_ask_has(struct amqp_link *link, amqp_channel_t channel)
{
    return *find(link, channel) != NULL;
}

// The highest that is free, as amqp_link_add_channel() takes the lowest; 0: none.
static amqp_channel_t free_channel(struct amqp_link *link)
{
    int channel = amqp_get_channel_max(link->connection);

    while (channel > (int)(AMQP_CHANNEL_DECLARE + link->more_channels) &&
           amqp_ask_has(link, (amqp_channel_t)channel))
        channel--;
    return channel > (int)(AMQP_CHANNEL_DECLARE + link->more_channels) ? (amqp_channel_t)channel
                                                                       : 0;
}

static int add(struct amqp_link *link, const char *queue, struct error *err)
{
    amqp_channel_t channel = free_channel(link);
    struct amqp_ask *ask;

    if (channel == 0)
        return error_set(err, -EMFILE, "broker %s: it lets a connection have %d channels",
                         link->host, amqp_get_channel_max(link->connection));
    ask = calloc(1, sizeof *ask);
    if (!ask || !(ask->queue = strdup(queue))) {
        free(ask);
        return error_oom(err);
    }
    ask->channel = channel;
    ask->next = link->asks;
    link->asks = ask;
    return 0;
}

int amqp_link_ask_queue(struct amqp_link *link, const char *queue, unsigned flags,
                        struct error *err)
{
    amqp_channel_open_t open = {.out_of_band = amqp_empty_bytes};
    amqp_queue_declare_t declare = {.queue = amqp_bytes_of(queue),
                                    .passive = (flags & AMQP_PASSIVE) != 0,
                                    .durable = (flags & AMQP_DURABLE) != 0,
                                    .exclusive = (flags & AMQP_EXCLUSIVE) != 0,
                                    .auto_delete = (flags & AMQP_AUTO_DELETE) != 0};
    int r = amqp_check_usable(link, err);

    if (r < 0 || (r = amqp_queue_arguments(link, flags, NULL, &declare.arguments, err)) < 0)
        return r;
    r = add(link, queue, err);
    if (r == 0)
        r = amqp_send(link, link->asks->channel, AMQP_CHANNEL_OPEN_METHOD, &open, err);
    if (r == 0)
        r = amqp_send(link, link->asks->channel, AMQP_QUEUE_DECLARE_METHOD, &declare, err);
    free(declare.arguments.entries);
    return r;
}

static int answer(struct amqp_link *link, struct amqp_ask *ask, int result, amqp_bytes_t why,
                  uint32_t messages, struct error *err)
{
    struct amqp_event *event = amqp_event_add(link, AMQP_EVENT_QUEUE);

    if (event) {
        event->queue = TAKE_PTR(ask->queue);
        event->result = result;
        event->why = amqp_bytes_string(why);
        event->messages = messages;
    }
    ask->answered = true;
    return event && event->why ? 0 : amqp_out_of_memory(link, err);
}

int amqp_ask_method(struct amqp_link *link, amqp_channel_t channel, const amqp_method_t *method,
                    struct error *err)
{
    struct amqp_ask **at = find(link, channel), *ask = *at;
    amqp_channel_close_t close = {.reply_code = AMQP_REPLY_SUCCESS};
    const amqp_channel_close_t *refusal = method->decoded;
    const amqp_queue_declare_ok_t *declared = method->decoded;
    amqp_channel_close_ok_t ok = {0};
    int r = 0;

    if (!ask)
        return amqp_lose(link, -ECONNRESET, err, "a method for channel %u", channel);
    switch (method->id) {
    case AMQP_CHANNEL_OPEN_OK_METHOD:
        return 0;
    case AMQP_QUEUE_DECLARE_OK_METHOD:
        r = answer(link, ask, 0, amqp_empty_bytes, declared->message_count, err);
        return r < 0 ? r : amqp_send(link, channel, AMQP_CHANNEL_CLOSE_METHOD, &close, err);
    case AMQP_CHANNEL_CLOSE_METHOD:
        if (!ask->answered)
            r = answer(link, ask, amqp_exception_errno(refusal->reply_code), refusal->reply_text, 0,
                       err);
        if (r == 0)
            r = amqp_send(link, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, err);
        break;
    case AMQP_CHANNEL_CLOSE_OK_METHOD:
        break;
    default:
        return amqp_lose(link, -ECONNRESET, err, "an unexpected method 0x%08x", method->id);
    }
    *at = ask->next;
    ask_free(ask);
    return r;
}
