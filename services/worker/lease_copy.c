// SPDX-License-Identifier: GPL-3.0-only
#include "worker/lease_copy.h"

#include "adt/durable_queue.h"
#include "data/json.h"

const char *lease_copy_text(const struct amqp_delivery *copy, const char *header)
{
    return json_text(copy->headers, header);
}

const char *lease_copy_origin(const struct amqp_delivery *copy)
{
    const char *queue = lease_copy_text(copy, "queue");

    return *queue ? queue : copy->routing_key;
}

json_t *lease_copy_headers(const char *worker, const char *uuid, const char *run_id,
                           const char *queue, int64_t attempt, int64_t redelivered)
{
    json_t *headers = json_object();

    if (!headers || json_put_string(headers, "worker", worker) < 0 ||
        json_put_string(headers, "uuid", uuid) < 0 ||
        json_put_string(headers, "run_id", run_id) < 0 ||
        json_put_string(headers, "queue", queue) < 0 ||
        json_put_int(headers, "attempt", attempt) < 0 ||
        json_put_int(headers, "redelivered", redelivered) < 0) {
        json_decref(headers);
        return NULL;
    }
    return headers;
}

// Publishes a copy once more, with the headers it had.
static int republish(struct amqp_link *link, const char *exchange, const struct amqp_delivery *copy,
                     const char *worker, struct error *err)
{
    int64_t attempt = json_integer_value(json_object_get(copy->headers, "attempt"));
    _cleanup_json_ json_t *headers =
        lease_copy_headers(worker, lease_copy_text(copy, "uuid"), lease_copy_text(copy, "run_id"),
                           lease_copy_origin(copy), attempt,
                           json_integer_value(json_object_get(copy->headers, "redelivered")));
    struct amqp_publication publication = {
        .exchange = exchange,
        .routing_key = lease_copy_origin(copy),
        .body = buf_str(&copy->body),
        .body_len = copy->body.len,
        .headers = headers,
        .message_id = copy->message_id,
        .persistent = true,
        .mandatory = true,
    };

    return headers ? amqp_link_publish_confirmed(link, &publication, err) : error_oom(err);
}

int lease_copy_give_back(struct amqp_link *link, const struct amqp_delivery *copy,
                         struct error *err)
{
    int r = republish(link, "", copy, lease_copy_text(copy, "worker"), err);

    if (r != -ENOENT)
        return r;
    error_clear(err);
    r = durable_queue_declare(link, lease_copy_origin(copy), err);
    return r < 0 ? r : republish(link, "", copy, lease_copy_text(copy, "worker"), err);
}

int lease_copy_renew(struct amqp_link *link, const struct amqp_delivery *copy, const char *worker,
                     struct error *err)
{
    return republish(link, LEASE_EXCHANGE, copy, worker, err);
}
