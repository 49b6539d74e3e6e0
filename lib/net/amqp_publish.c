// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

int amqp_link_publish(struct amqp_link *link, const struct amqp_publication *p, uint64_t *ret_tag,
                      struct error *err)
{
    amqp_bytes_t exchange = amqp_bytes_of(p->exchange), key = amqp_bytes_of(p->routing_key);
    amqp_bytes_t body = {.len = p->body_len, .bytes = (void *)(uintptr_t)p->body};
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG,
        .timestamp = clock_realtime_us() / USEC_PER_SEC,
        .delivery_mode = p->persistent ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT,
        .message_id = amqp_bytes_of(p->message_id),
        .correlation_id = amqp_bytes_of(p->correlation_id),
        .reply_to = amqp_bytes_of(p->reply_to)};
    int status, r = amqp_check_usable(link, err);

    if (r < 0)
        return r;
    r = amqp_table_from_json(p->headers, &properties.headers, err);
    if (r < 0)
        return error_prefix(err, r, "cannot publish to \"%s\"", p->routing_key);
    if (amqp_unconfirmed_reserve(&link->unconfirmed) < 0) {
        free(properties.headers.entries);
        return error_oom(err);
    }
    properties._flags |= (p->headers ? AMQP_BASIC_HEADERS_FLAG : 0U) |
                         (p->message_id ? AMQP_BASIC_MESSAGE_ID_FLAG : 0U) |
                         (p->correlation_id ? AMQP_BASIC_CORRELATION_ID_FLAG : 0U) |
                         (p->reply_to ? AMQP_BASIC_REPLY_TO_FLAG : 0U);
    status = amqp_basic_publish(link->connection, AMQP_CHANNEL_MAIN, exchange, key, p->mandatory, 0,
                                &properties, body);
    free(properties.headers.entries);
    if (status == AMQP_STATUS_TABLE_TOO_BIG)
        return error_set(err, -E2BIG, "cannot publish to \"%s\": headers too large",
                         p->routing_key);
    if (status != AMQP_STATUS_OK)
        return amqp_lose_status(link, status, err, "publishing");
    link->last_send_us = clock_monotonic_us();
    *ret_tag = amqp_unconfirmed_add(
        &link->unconfirmed,
        p->mandatory ? amqp_fingerprint(exchange, key, p->body, p->body_len) : 0);
    return 0;
}

int amqp_link_publish_confirmed(struct amqp_link *link, const struct amqp_publication *publication,
                                struct error *err)
{
    uint64_t deadline = clock_monotonic_us() + link->timeout_us;
    int r = amqp_link_publish(link, publication, &link->awaited_tag, err);

    link->awaited_known = false;
    while (r >= 0 && !link->awaited_known) {
        r = amqp_frame_read(link, deadline, err);
        if (r == 0 && link->blocked)
            r = amqp_lose(link, -ETIMEDOUT, err, "it takes no messages at the moment: %s",
                          link->blocked);
        else if (r == 0)
            r = amqp_timed_out(link, err);
    }
    link->awaited_tag = 0;
    if (r < 0)
        return r;
    if (link->awaited_outcome == AMQP_CONFIRMED)
        return 0;
    if (link->awaited_outcome == AMQP_REFUSED)
        return error_set(err, -EIO, "broker %s: it refused a message for \"%s\"", link->host,
                         publication->routing_key);
    return error_set(err, -ENOENT,
                     "broker %s: no queue takes a message for \"%s\" by exchange "
                     "\"%s\"",
                     link->host, publication->routing_key, publication->exchange);
}
