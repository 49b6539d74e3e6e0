// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

void amqp_settings_release(struct amqp_settings *settings)
{
    strv_release(&settings->hosts);
    free(settings->user);
    if (settings->password)
        explicit_bzero(settings->password, strlen(settings->password));
    free(settings->password);
    free(settings->vhost);
    free(settings->ca_file);
    *settings = (struct amqp_settings){0};
}

void amqp_delivery_release(struct amqp_delivery *delivery)
{
    free(delivery->consumer);
    free(delivery->exchange);
    free(delivery->routing_key);
    buf_release(&delivery->body);
    json_decref(delivery->headers);
    free(delivery->message_id);
    free(delivery->correlation_id);
    free(delivery->reply_to);
    *delivery = (struct amqp_delivery){0};
}

int amqp_link_fd(const struct amqp_link *link)
{
    return link->fd;
}

const char *amqp_link_host(const struct amqp_link *link)
{
    return link->host;
}

unsigned amqp_link_version(const struct amqp_link *link)
{
    return link->version;
}

// ---------------------------------------------------------------- what the broker says

int amqp_status_errno(int status)
{
    switch (status) {
    case AMQP_STATUS_NO_MEMORY:
        return -ENOMEM;
    case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED:
        return -EHOSTUNREACH;
    case AMQP_STATUS_TIMEOUT:
    case AMQP_STATUS_HEARTBEAT_TIMEOUT:
        return -ETIMEDOUT;
    case AMQP_STATUS_SOCKET_ERROR:
        return -ECONNREFUSED;
    case AMQP_STATUS_CONNECTION_CLOSED:
    case AMQP_STATUS_SOCKET_CLOSED:
    case AMQP_STATUS_TCP_ERROR:
        return -ECONNRESET;
    default:
        return -EPROTO;
    }
}

int amqp_exception_errno(unsigned code)
{
    switch (code) {
    case AMQP_NOT_FOUND:
        return -ENOENT;
    case AMQP_PRECONDITION_FAILED:
        return -EEXIST;
    case AMQP_RESOURCE_LOCKED:
        return -EBUSY;
    case AMQP_ACCESS_REFUSED:
        return -EACCES;
    default:
        return -EIO;
    }
}

int amqp_lose(struct amqp_link *link, int r, struct error *err, const char *format, ...)
{
    struct amqp_event **at = &link->first_event;
    struct error reason = ERROR_INIT;
    va_list args;

    va_start(args, format);
    (void)error_setv(&reason, r, format, args);
    va_end(args);
    if (!link->lost) {
        link->lost = r;
        link->lost_reason = str_format("%s", error_message(&reason));
    }
    // What was delivered and not handed out yet is given to somebody else by the broker.
    while (*at) {
        struct amqp_event *event = *at;

        if (event->kind != AMQP_EVENT_DELIVERY) {
            at = &event->next;
            continue;
        }
        *at = event->next;
        amqp_event_free(event);
    }
    link->last_event = at;
    r = error_set(err, r, "broker %s: %s", link->host, error_message(&reason));
    error_clear(&reason);
    return r;
}

int amqp_lose_status(struct amqp_link *link, int status, struct error *err, const char *doing)
{
    int r = amqp_status_errno(status);

    if (r != -ENOMEM && r != -ETIMEDOUT)
        r = -ECONNRESET;
    if (status == AMQP_STATUS_HEARTBEAT_TIMEOUT)
        return amqp_lose(link, r, err, "it has been silent for two heartbeats");
    return amqp_lose(link, r, err, "connection lost while %s: %s", doing,
                     amqp_error_string2(status));
}

int amqp_out_of_memory(struct amqp_link *link, struct error *err)
{
    return amqp_lose(link, -ENOMEM, err, "out of memory");
}

int amqp_timed_out(struct amqp_link *link, struct error *err)
{
    return amqp_lose(link, -ETIMEDOUT, err, "no answer within %.1f s",
                     (double)link->timeout_us / (double)USEC_PER_SEC);
}

int amqp_check_usable(const struct amqp_link *link, struct error *err)
{
    if (link->lost)
        return error_set(err, -ENOTCONN, "broker %s: connection was lost: %s", link->host,
                         link->lost_reason ? link->lost_reason : "out of memory");
    return 0;
}

// ---------------------------------------------------------------- out and in

int amqp_send(struct amqp_link *link, amqp_channel_t channel, amqp_method_number_t method,
              void *decoded, struct error *err)
{
    int status, r = amqp_check_usable(link, err);

    if (r < 0)
        return r;
    status = amqp_send_method(link->connection, channel, method, decoded);
    if (status != AMQP_STATUS_OK)
        return amqp_lose_status(link, status, err, "sending");
    link->last_send_us = clock_monotonic_us();
    return 0;
}

void amqp_reply_done(struct amqp_link *link)
{
    link->waiting = (struct amqp_waiting){0};
    amqp_maybe_release_buffers(link->connection);
}

void amqp_event_free(struct amqp_event *event)
{
    amqp_delivery_release(&event->delivery);
    free(event->consumer);
    free(event->queue);
    free(event->why);
    free(event);
}

struct amqp_event *amqp_event_add(struct amqp_link *link, enum amqp_event_kind kind)
{
    struct amqp_event *event = calloc(1, sizeof(*event));

    if (!event)
        return NULL;
    event->kind = kind;
    *link->last_event = event;
    link->last_event = &event->next;
    return event;
}

// Delivery tags count from 1 in each channel. Ours have the channel in their highest bits; those of
// the main one are the broker's.
#define TAG_BITS 48

uint64_t amqp_tag_of(amqp_channel_t channel, uint64_t tag)
{
    return (uint64_t)(channel - AMQP_CHANNEL_MAIN) << TAG_BITS | tag;
}

amqp_channel_t amqp_tag_channel(uint64_t tag)
{
    return (amqp_channel_t)((tag >> TAG_BITS) + AMQP_CHANNEL_MAIN);
}

uint64_t amqp_tag_number(uint64_t tag)
{
    return tag & ((UINT64_C(1) << TAG_BITS) - 1);
}

int amqp_queue_arguments(const struct amqp_link *link, unsigned flags, const json_t *arguments,
                         amqp_table_t *ret, struct error *err)
{
    bool classic = (flags & AMQP_CLASSIC) && amqp_link_version(link) >= AMQP_VERSION_OF(3, 8);
    int r = amqp_table_from_json(arguments, ret, err);

    if (r == 0 && classic)
        r = amqp_table_add_string(ret, AMQP_QUEUE_TYPE, "classic", err);
    if (r < 0)
        free(TAKE_PTR(ret->entries));
    return r;
}
