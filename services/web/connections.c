// SPDX-License-Identifier: GPL-3.0-only
#include "web/connections.h"

#include "base/clock.h"
#include "base/log.h"
#include "web/client.h"

#include <netinet/in.h>

#define LOOKS 6 // at each connection, within the time limit

struct connection {
    struct connection *next, **link;
    int fd;
    bool near;
    unsigned char network[16]; // of who is not near: what one client has to itself
    enum connection_phase phase;
    uint64_t since_us; // of the phase, or since enough of a body had come
    uint64_t bytes;    // of a body since then
};

struct connections {
    struct connection *first;
    sd_event_source *timer;
    uint64_t limit_us;
};

// ---- how fast

static bool is_too_slow(struct connection *c, uint64_t limit_us, uint64_t now)
{
    if (c->phase == CONNECTION_RECEIVING && c->bytes >= CONNECTION_RATE * limit_us / USEC_PER_SEC) {
        c->bytes = 0;
        c->since_us = now;
    }
    return c->phase != CONNECTION_BUSY && now - c->since_us >= limit_us;
}

static uint64_t wait_us(const struct connections *connections)
{
    return connections->limit_us / LOOKS;
}

static int on_timer(sd_event_source *timer, uint64_t usec _unused_, void *userdata)
{
    const struct connections *connections = userdata;
    uint64_t now = clock_monotonic_us();

    // libmicrohttpd notices, and closes it.
    for (struct connection *c = connections->first; c; c = c->next)
        if (is_too_slow(c, connections->limit_us, now)) {
            log_debug("a client is too slow and is let go");
            (void)shutdown(c->fd, SHUT_RDWR);
        }
    (void)sd_event_source_set_time(timer, now + wait_us(connections));
    return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

// ---- how many

// As client_network() has it: IPv4 as a mapped address, of IPv6 the first half.
static void network_of(const struct sockaddr *peer, unsigned char *ret)
{
    memset(ret, 0, 16);
    if (peer->sa_family == AF_INET) {
        memset(ret + 10, 0xff, 2);
        memcpy(ret + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    } else {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;

        memcpy(ret, six, IN6_IS_ADDR_V4MAPPED(six) ? 16 : 8);
    }
}

bool connections_may_come(const struct connections *connections, const struct sockaddr *peer)
{
    unsigned char network[16];
    unsigned n = 0;

    if (client_is_near(peer, NULL))
        return true;
    network_of(peer, network);
    for (const struct connection *c = connections->first; c; c = c->next)
        n += !c->near && memcmp(c->network, network, sizeof(network)) == 0;
    return n < CONNECTIONS_OF_ONE;
}

// ---- their lives

struct connection *connections_add(struct connections *connections, int fd,
                                   const struct sockaddr *peer)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->fd = fd;
    c->near = client_is_near(peer, NULL);
    network_of(peer, c->network);
    c->since_us = clock_monotonic_us();
    c->next = connections->first;
    c->link = &connections->first;
    if (c->next)
        c->next->link = &c->next;
    connections->first = c;
    return c;
}

void connection_remove(struct connection *c)
{
    if (!c)
        return;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    free(c);
}

void connection_enter(struct connection *c, enum connection_phase phase)
{
    if (!c)
        return;
    c->phase = phase;
    c->since_us = clock_monotonic_us();
    c->bytes = 0;
}

void connection_receive(struct connection *c, size_t bytes)
{
    if (c)
        c->bytes += bytes;
}

int connections_new(sd_event *event, unsigned limit_s, struct connections **ret, struct error *err)
{
    struct connections *connections = calloc(1, sizeof(*connections));
    int r;

    if (!connections)
        return error_oom(err);
    connections->limit_us = limit_s * USEC_PER_SEC;
    r = sd_event_add_time_relative(event, &connections->timer, CLOCK_MONOTONIC,
                                   wait_us(connections), 0, on_timer, connections);
    if (r < 0) {
        free(connections);
        return error_errno(err, r, "cannot watch connections");
    }
    *ret = connections;
    return 0;
}

void connections_free(struct connections *connections)
{
    if (!connections)
        return;
    while (connections->first)
        connection_remove(connections->first);
    (void)sd_event_source_unref(connections->timer);
    free(connections);
}
