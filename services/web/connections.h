// SPDX-License-Identifier: GPL-3.0-only
// The connections that are open. libmicrohttpd has a limit for how long nothing at all comes or is
// taken, and for how many there are; a client that sends a byte now and then (slowloris), or one
// that opens all there are, would keep others out. So
//
//     until the headers are there   within the time limit, however they trickle
//     body on its way               CONNECTION_RATE bytes a second, each time limit anew
//
// else the connection is ended. A client that is near (client.h) may be a proxy and has as many
// connections as it likes, others CONNECTIONS_OF_ONE. Who takes an answer slowly is
// libmicrohttpd's: it wants the kernel's buffer, or a third of it, to be taken within the time
// limit.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#define CONNECTION_RATE 1024 // bytes a second
#define CONNECTIONS_OF_ONE 100

enum connection_phase {
    CONNECTION_IDLE,      // no request, or not all of its headers
    CONNECTION_RECEIVING, // its body
    CONNECTION_BUSY       // it is with us, or its answer on the way
};

struct connections;
struct connection;

// `limit_s`: the time limit. -ENOMEM, or what the loop gave.
int connections_new(sd_event *event, unsigned limit_s, struct connections **ret, struct error *err);
// Those that are left are forgotten, not ended. Takes NULL.
void connections_free(struct connections *connections);

// Whether one more of this peer may come.
bool connections_may_come(const struct connections *connections, const struct sockaddr *peer);
// One has come; `fd` is borrowed for its life. NULL: no memory.
struct connection *connections_add(struct connections *connections, int fd,
                                   const struct sockaddr *peer);
// It has been closed. Takes NULL.
void connection_remove(struct connection *connection);
// Takes NULL.
void connection_enter(struct connection *connection, enum connection_phase phase);
// So many bytes of a body have come. Takes NULL.
void connection_receive(struct connection *connection, size_t bytes);
