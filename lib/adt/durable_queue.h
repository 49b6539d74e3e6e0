// SPDX-License-Identifier: GPL-3.0-only
// The queues that outlive whoever uses them.
//
// Those of requests are declared with no arguments, as other programs do; so they are of the kind
// that the vhost makes by default. That is a classic queue unless somebody has changed it. A
// classic queue gives what was only looked at its old place back, as often as one looks. A quorum
// queue puts it behind all others, and from RabbitMQ 4.0 to 4.2 drops what was given back twenty
// times (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling). So the queues that
// are ours alone are always classic ones, and one of requests that is not is not looked into.
#pragma once

#include "net/amqp.h"

// Makes a queue of requests. One that somebody has made with other properties serves as well.
// (waits)
int durable_queue_declare(struct amqp_link *link, const char *queue, struct error *err);
// The same of a queue that is ours alone. `arguments`: as of amqp_link_declare_queue(). (waits)
int durable_queue_declare_own(struct amqp_link *link, const char *queue, const json_t *arguments,
                              struct error *err);

// 1: what is given back to the queue gets its old place, so it may be looked into; 0: it is of
// another kind than classic. Who may not declare queues is not told, and gets 1. No such queue:
// -ENOENT. (waits)
int durable_queue_keeps_order(struct amqp_link *link, const char *queue, struct error *err);
