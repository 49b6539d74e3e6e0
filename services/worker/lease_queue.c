// SPDX-License-Identifier: GPL-3.0-only
// The queues that the copies are in. In a cluster of three brokers or more that can, they are
// quorum queues, which dead-letter at least once: a copy that runs out leaves only after its origin
// has confirmed it, and outlives a broker that is lost with its disk. RabbitMQ knows that from 3.10
// on (https://www.rabbitmq.com/docs/quorum-queues#activating-at-least-once-dead-lettering).
//
// On a single broker they are classic ones: a quorum queue whose only broker is killed may not open
// again (3.10.8 and 4.0.5: "noproc" at every get), with all that was confirmed meanwhile. On two as
// well: a quorum queue needs more than half of its brokers, so that with either of two all would
// stop; and made while there are two it has no place on those that come after them.
//
// From a classic queue a copy goes without a confirm, and a broker writes late what comes so into a
// queue that it keeps busy. So the copies go into a queue that is nearly always idle,
// LEASE_RETURNED, and from there some worker brings them to where they came from, confirmed.
#include "worker/lease_queue.h"

#include "base/log.h"
#include "data/json.h"
#include "worker/lease_copy.h"

// The queue of a worker that is gone for good goes by itself. No copy may be in it then: the broker
// would drop it. The time counts from the last get (of a classic queue also from the last
// declaration), not from the last publication; so whoever publishes into it has done both less than
// a renewal ago, and all copies have left long before.
#define EXPIRES_TTLS 8
#define QUORUM_HOSTS 3 // of which one may be lost

static bool has_quorum(const struct worker *w)
{
    return w->broker.hosts.len >= QUORUM_HOSTS;
}

static bool can_quorum(const struct worker *w)
{
    return has_quorum(w) && amqp_link_version(w->link) >= AMQP_VERSION_OF(3, 10);
}

bool lease_queue_relays(const struct worker *w)
{
    return !has_quorum(w);
}

static int put_quorum(const struct worker *w, json_t *arguments)
{
    if (json_put_string(arguments, AMQP_QUEUE_TYPE, "quorum") < 0 ||
        json_put_string(arguments, "x-dead-letter-strategy", "at-least-once") < 0 ||
        json_put_string(arguments, "x-overflow", "reject-publish") < 0) // which the strategy needs
        return -ENOMEM;
    // From 4.0 on the broker gives up on what was given back 20 times.
    if (amqp_link_version(w->link) >= AMQP_VERSION_OF(4, 0))
        return json_put_int(arguments, "x-delivery-limit", -1);
    return 0;
}

int lease_queue_declare(struct worker *w, const char *queue, struct error *err)
{
    _cleanup_json_ json_t *arguments = json_object();
    int64_t ttl_ms = (int64_t)w->settings.lease_ttl_s * 1000;

    if (!arguments || json_put_int(arguments, "x-message-ttl", ttl_ms) < 0 ||
        json_put_int(arguments, "x-expires", ttl_ms * EXPIRES_TTLS) < 0 ||
        json_put_string(arguments, "x-dead-letter-exchange", "") < 0 ||
        (lease_queue_relays(w) &&
         json_put_string(arguments, "x-dead-letter-routing-key", LEASE_RETURNED) < 0) ||
        (w->lease_quorum && put_quorum(w, arguments) < 0))
        return error_oom(err);
    return amqp_link_declare_queue(w->link, queue,
                                   w->lease_quorum ? AMQP_DURABLE : AMQP_DURABLE | AMQP_CLASSIC,
                                   arguments, NULL, err);
}

char *lease_queue_name(const char *unit, const char *worker)
{
    char *name = str_format("autopkgtest.lease.%s.%s", unit, worker);

    for (char *c = name; c && *c; c++)
        if (*c == '/')
            *c = '-';
    return name;
}

int lease_queue_touch(struct worker *w, const char *queue, struct error *err)
{
    _cleanup_(amqp_delivery_release) struct amqp_delivery copy = {0};
    bool empty = false;
    int r = lease_queue_declare(w, queue, err);

    if (r == -EEXIST) // with the properties of its own worker
        error_clear(err);
    else if (r < 0)
        return r;
    r = amqp_link_get(w->link, queue, &copy, &empty, err);
    return r < 0 || empty ? r : amqp_link_nack(w->link, copy.tag, true, err);
}

// Its copies go back to where they came from; what this worker has in hand is leased again by the
// sweep that follows.
static int empty_queue(struct worker *w, struct error *err)
{
    bool empty = false;
    int r = 0;

    while (r == 0 && !empty) {
        _cleanup_(amqp_delivery_release) struct amqp_delivery copy = {0};

        r = amqp_link_get(w->link, w->lease_queue, &copy, &empty, err);
        if (r == 0 && !empty)
            r = lease_copy_give_back(w->link, &copy, err);
        if (r == 0 && !empty)
            r = amqp_link_ack(w->link, copy.tag, err);
    }
    return r;
}

// As a quorum queue where that goes, else as a classic one.
static int make(struct worker *w, struct error *err)
{
    int r;

    w->lease_quorum = can_quorum(w);
    r = lease_queue_declare(w, w->lease_queue, err);
    if (r != -EEXIST || !w->lease_quorum)
        return r;
    error_clear(err);
    w->lease_quorum = false;
    return lease_queue_declare(w, w->lease_queue, err);
}

int lease_queue_open(struct worker *w, struct error *err)
{
    uint32_t messages = 0, consumers;
    int r = make(w, err);

    if (r == 0 && (w->lease_quorum || !can_quorum(w)))
        return 0;
    if (r < 0 && r != -EEXIST)
        return r;
    // A classic queue of an older broker's time stays as long as a copy is in it. With another TTL
    // it would let go of what we have: it cannot stay.
    if (r == 0)
        r = amqp_link_inspect_queue(w->link, w->lease_queue, &messages, &consumers, err);
    else
        error_clear(err), r = empty_queue(w, err);
    if (r < 0 || messages > 0)
        return r;
    log_info("lease queue %s has other properties: making it anew", w->lease_queue);
    r = amqp_link_delete_queue(w->link, w->lease_queue, err);
    return r < 0 ? r : make(w, err);
}
