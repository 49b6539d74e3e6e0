// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

#include <poll.h>
#include <sys/random.h>

#define DISPATCH_FRAMES 256
#define BACKOFF_FIRST_US (100 * USEC_PER_MSEC)
#define BACKOFF_MAX_US (30 * USEC_PER_SEC)

uint64_t amqp_backoff_us(unsigned attempt)
{
    uint64_t wait = BACKOFF_MAX_US, random = 0;

    if (attempt < 9 && BACKOFF_FIRST_US << attempt < BACKOFF_MAX_US)
        wait = BACKOFF_FIRST_US << attempt;
    // So that many workers that lost one broker do not come back in step.
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = clock_monotonic_us();
    return wait / 2 + random % (wait / 2 + 1);
}

static struct amqp_link *link_new(const struct amqp_settings *settings, const char *host,
                                  const struct amqp_handlers *handlers)
{
    struct amqp_link *link = calloc(1, sizeof(*link));

    if (!link)
        return NULL;
    link->fd = -1;
    link->timeout_us = settings->timeout_us;
    link->unconfirmed.first_tag = 1;
    link->last_event = &link->first_event;
    if (handlers)
        link->handlers = *handlers;
    link->host = strdup(host);
    link->connection = amqp_new_connection();
    if (!link->host || !link->connection) {
        amqp_link_free(link);
        return NULL;
    }
    return link;
}

static int open_host(const struct amqp_settings *settings, const char *host, const char *client,
                     const struct amqp_handlers *handlers, struct amqp_link **ret,
                     struct error *err)
{
    _cleanup_(amqp_link_freep) struct amqp_link *link = link_new(settings, host, handlers);
    int r;

    if (!link)
        return error_oom(err);
    r = amqp_connect(link, settings, host, client, err);
    if (r < 0) {
        link->lost = r; // there is nobody to say goodbye to
        return r;
    }
    r = amqp_open_main(link, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(link);
    return 0;
}

int amqp_link_open(const struct amqp_settings *settings, const char *client,
                   const struct amqp_handlers *handlers, size_t *cursor, struct amqp_link **ret,
                   struct error *err)
{
    size_t n = settings->hosts.len, first = cursor && n > 0 ? *cursor % n : 0;
    _cleanup_error_ struct error refused = ERROR_INIT;
    int r = -EINVAL;

    if (n == 0)
        return error_set(err, r, "no host of the broker is known");
    for (size_t i = 0; i < n; i++) {
        size_t at = (first + i) % n;

        r = open_host(settings, settings->hosts.items[at], client, handlers, ret, err);
        if (cursor)
            *cursor = (at + 1) % n;
        if (r >= 0) {
            if (err)
                error_clear(err);
            return 0;
        }
        if (r == -EACCES) // this is for the operator, more than that another host is down
            (void)error_set(&refused, r, "%s", err ? error_message(err) : "");
    }
    return refused.message ? error_set(err, -EACCES, "%s", refused.message) : r;
}

static void say_goodbye(struct amqp_link *link)
{
    amqp_connection_close_t m = {.reply_code = AMQP_REPLY_SUCCESS,
                                 .reply_text = amqp_cstring_bytes("done")};
    struct pollfd writable = {.fd = link->fd, .events = POLLOUT};

    if (!link->lost && link->fd >= 0 && poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT))
        (void)amqp_send_method(link->connection, 0, AMQP_CONNECTION_CLOSE_METHOD, &m);
}

void amqp_link_free(struct amqp_link *link)
{
    struct amqp_event *next;

    if (!link)
        return;
    if (link->connection) {
        say_goodbye(link);
        (void)amqp_destroy_connection(link->connection);
    }
    for (struct amqp_event *event = link->first_event; event; event = next) {
        next = event->next;
        amqp_event_free(event);
    }
    amqp_ask_free_all(link);
    amqp_delivery_release(&link->incoming.message);
    amqp_delivery_release(&link->got);
    amqp_unconfirmed_release(&link->unconfirmed);
    free(link->host);
    free(link->lost_reason);
    free(link->exception_text);
    free(link->blocked);
    free(link->known_queue);
    free(link);
}

uint64_t amqp_link_deadline(const struct amqp_link *link)
{
    if (link->lost || link->unread || link->first_event || amqp_frames_enqueued(link->connection) ||
        amqp_data_in_buffer(link->connection))
        return 0;
    // Twice as often as agreed, so that one that is late is no silence.
    return link->heartbeat_us ? link->last_send_us + link->heartbeat_us / 2 : USEC_INFINITY;
}

static void hand_out(struct amqp_link *link)
{
    const struct amqp_handlers *h = &link->handlers;
    struct amqp_event *event;

    while ((event = link->first_event)) {
        link->first_event = event->next;
        if (!event->next)
            link->last_event = &link->first_event;
        if (event->kind == AMQP_EVENT_DELIVERY && h->on_delivery)
            h->on_delivery(link, &event->delivery, h->userdata);
        else if (event->kind == AMQP_EVENT_OUTCOME && h->on_outcome)
            h->on_outcome(link, event->tag, event->outcome, h->userdata);
        else if (event->kind == AMQP_EVENT_CANCELLED && h->on_cancelled)
            h->on_cancelled(link, event->consumer, h->userdata);
        else if (event->kind == AMQP_EVENT_QUEUE && h->on_queue)
            h->on_queue(link,
                        &(struct amqp_queue_answer){.queue = event->queue,
                                                    .result = event->result,
                                                    .why = event->why,
                                                    .messages = event->messages},
                        h->userdata);
        amqp_event_free(event);
    }
}

static int send_heartbeat(struct amqp_link *link, struct error *err)
{
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
    uint64_t now = clock_monotonic_us();
    int status;

    if (!link->heartbeat_us || now < link->last_send_us + link->heartbeat_us / 2)
        return 0;
    status = amqp_send_frame(link->connection, &frame);
    if (status != AMQP_STATUS_OK)
        return amqp_lose_status(link, status, err, "sending a heartbeat");
    link->last_send_us = now;
    return 0;
}

int amqp_link_dispatch(struct amqp_link *link, struct error *err)
{
    int r = amqp_check_usable(link, err);

    link->unread = false;
    if (r >= 0)
        r = send_heartbeat(link, err);
    hand_out(link);
    for (unsigned n = 0; r >= 0 && n < DISPATCH_FRAMES; n++) {
        r = amqp_frame_read(link, 0, err);
        hand_out(link);
        if (r <= 0)
            return r;
    }
    link->unread = true;
    return r < 0 ? r : 0;
}
