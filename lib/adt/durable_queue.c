// SPDX-License-Identifier: GPL-3.0-only
#include "adt/durable_queue.h"

static int accept_existing(int r, struct error *err)
{
    if (r != -EEXIST)
        return r;
    error_clear(err);
    return 0;
}

int durable_queue_declare(struct amqp_link *link, const char *queue, struct error *err)
{
    return accept_existing(amqp_link_declare_queue(link, queue, AMQP_DURABLE, NULL, NULL, err),
                           err);
}

int durable_queue_declare_own(struct amqp_link *link, const char *queue, const json_t *arguments,
                              struct error *err)
{
    return accept_existing(
        amqp_link_declare_queue(link, queue, AMQP_DURABLE | AMQP_CLASSIC, arguments, NULL, err),
        err);
}

// The broker does not say of what kind a queue is; but it refuses to declare one of another kind,
// and says which argument differs.
int durable_queue_keeps_order(struct amqp_link *link, const char *queue, struct error *err)
{
    int r = amqp_link_inspect_queue(link, queue, NULL, NULL, err);

    if (r < 0)
        return r;
    r = amqp_link_declare_queue(link, queue, AMQP_DURABLE | AMQP_CLASSIC, NULL, NULL, err);
    if (r == -EEXIST && strstr(error_message(err), AMQP_QUEUE_TYPE)) {
        error_clear(err);
        return 0;
    }
    if (r == -EEXIST || r == -EACCES) {
        error_clear(err);
        r = 0;
    }
    return r < 0 ? r : 1;
}
