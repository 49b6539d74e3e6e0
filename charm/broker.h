// SPDX-License-Identifier: GPL-3.0-only
// What the RabbitMQ on the other side of relation `amqp` has told us: the data of its units, which
// the public rabbitmq-server charm sets (hooks/rabbitmq_server_relations.py: password, hostname,
// private-address, ssl_port, ssl_ca, clustered, vip), into one address with credentials. Knows no
// hook tools.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum broker_state {
    BROKER_NONE,    // no relation
    BROKER_WAITING, // no unit of it has told a password
    BROKER_READY
};

struct broker {
    enum broker_state state;
    char *relation;    // Juju's identifier of it; NULL without
    struct strv hosts; // every unit with a password, or the virtual address of the cluster
    uint16_t port;
    char *password;
    bool tls;
    struct buf ca; // PEM; empty: the system's authorities
};

#define BROKER_CA_MAX ((size_t)1024 * 1024)
#define BROKER_INIT                                                                                \
    {                                                                                              \
        .ca = BUF_INIT(BROKER_CA_MAX)                                                              \
    }

// Fills all but `relation` from `units`, an object of unit name -> object of its data. -EPROTO when
// a unit's data cannot be used; the message names unit and key, never a value.
int broker_collect(const json_t *units, struct broker *broker, struct error *err);

void broker_release(struct broker *broker);
