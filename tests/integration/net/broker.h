// SPDX-License-Identifier: GPL-3.0-only
// The real broker of these tests, which the environment names (tests/rigs/rabbitmq start --tls).
#pragma once

#include "base/clock.h"
#include "base/parse.h"
#include "net/amqp.h"
#include "test.h"

#define TIMEOUT_US (180 * USEC_PER_SEC)

static inline const char *env(const char *name)
{
    const char *value = getenv(name);

    ck_assert_msg(value, "%s is not set: run tests/integration/net/run", name);
    return value;
}

static inline void load_settings(struct amqp_settings *settings, bool tls)
{
    uint64_t port;

    ASSERT_OK(parse_uint(env(tls ? "RABBIT_TLS_PORT" : "RABBIT_PORT"), 1, 65535, &port, NULL),
              NULL);
    *settings = (struct amqp_settings){.port = (uint16_t)port,
                                       .user = strdup(env("RABBIT_USER")),
                                       .password = strdup(env("RABBIT_PASSWORD")),
                                       .vhost = strdup(env("RABBIT_VHOST")),
                                       .tls = tls,
                                       .ca_file = tls ? strdup(env("RABBIT_CA")) : NULL,
                                       .timeout_us = TIMEOUT_US};
    ck_assert_int_eq(strv_add(&settings->hosts, env("RABBIT_HOST")), 0);
}

// As its user, without TLS. `handlers`: may be NULL.
static inline struct amqp_link *broker_link(const struct amqp_handlers *handlers)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct amqp_settings settings;
    struct amqp_link *link = NULL;

    load_settings(&settings, false);
    ASSERT_OK(amqp_link_open(&settings, "test", handlers, NULL, &link, &err), &err);
    amqp_settings_release(&settings);
    return link;
}

// Each test has queues of its own, so that they can run at once and again.
static inline char *queue_name(const char *what)
{
    char *name = str_format("net-test-%d-%s", (int)getpid(), what);

    ck_assert_ptr_nonnull(name);
    return name;
}

static inline void drop_queue(struct amqp_link *link, const char *queue)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(amqp_link_delete_queue(link, queue, &err), &err);
}
