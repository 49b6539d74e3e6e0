// SPDX-License-Identifier: GPL-3.0-only
#include "web/broker_probe.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>

// What a client says first; the broker answers with connection.start (AMQP 0-9-1, 4.2.2).
static const char greeting[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};

struct broker_probe {
    sd_event *event;
    sd_event_source *io, *deadline;
    struct addrinfo *addresses, *next;
    int fd;
    bool tls;
    broker_probe_done *done;
    void *userdata;
    char *host;
    uint16_t port;
};

static void stop(struct broker_probe *p)
{
    int fd = take_fd(&p->fd);

    p->io = sd_event_source_disable_unref(p->io);
    close_fd(&fd);
}

static void tell(struct broker_probe *p, int r, const char *reason)
{
    _cleanup_free_ char *text =
        str_format("cannot connect to broker %s:%u: %s", p->host, (unsigned)p->port, reason);

    stop(p);
    p->deadline = sd_event_source_disable_unref(p->deadline);
    p->done(r, r < 0 && text ? text : reason, p->userdata);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata);

static int try_address(struct broker_probe *p, const struct addrinfo *address)
{
    int r;

    p->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return -errno;
    if (connect(p->fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
        return -errno;
    r = sd_event_add_io(p->event, &p->io, p->fd, EPOLLOUT, on_io, p);
    return r < 0 ? r : 0;
}

// Goes on with the next address, for as long as there are any.
static void try_next(struct broker_probe *p, int r)
{
    stop(p);
    while (p->next) {
        const struct addrinfo *address = p->next;

        p->next = address->ai_next;
        r = try_address(p, address);
        if (r == 0)
            return;
        stop(p);
    }
    tell(p, r, strerrordesc_np(-r));
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct broker_probe *p = userdata;
    int error = 0;
    socklen_t len = sizeof(error);
    char byte;
    ssize_t n;

    if (events & EPOLLIN) {
        n = recv(fd, &byte, 1, 0);
        if (n > 0)
            tell(p, 0, "");
        else if (n == 0 || errno != EAGAIN)
            try_next(p, n == 0 ? -ECONNRESET : -errno);
        return 0;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0 && p->tls)
        tell(p, 0, "");
    else if (error == 0 && send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) < 0)
        try_next(p, -errno);
    else if (error != 0)
        try_next(p, -error);
    else
        (void)sd_event_source_set_io_events(source, EPOLLIN);
    return 0;
}

static int on_deadline(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    tell(userdata, -ETIMEDOUT, "it does not answer");
    return 0;
}

// The first try is made by the loop too, so that `done` is never called from within new().
static int on_first(sd_event_source *source _unused_, void *userdata)
{
    try_next(userdata, -EHOSTUNREACH);
    return 0;
}

static int resolve(struct broker_probe *p, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    _cleanup_free_ char *service = str_format("%u", (unsigned)p->port);
    int rc = service ? getaddrinfo(p->host, service, &hints, &p->addresses) : EAI_MEMORY;

    if (rc != 0)
        return error_set(err, rc == EAI_MEMORY ? -ENOMEM : -EHOSTUNREACH,
                         "cannot look up the broker %s: %s", p->host, gai_strerror(rc));
    p->next = p->addresses;
    return 0;
}

int broker_probe_new(sd_event *event, const char *host, uint16_t port, bool tls,
                     uint64_t timeout_us, broker_probe_done *done, void *userdata,
                     struct broker_probe **ret, struct error *err)
{
    struct broker_probe *p = calloc(1, sizeof(*p));
    int r;

    if (!p)
        return error_oom(err);
    *p = (struct broker_probe){.event = event,
                               .fd = -1,
                               .tls = tls,
                               .done = done,
                               .userdata = userdata,
                               .host = strdup(host),
                               .port = port};
    r = p->host ? resolve(p, err) : error_oom(err);
    if (r == 0) {
        r = sd_event_add_time_relative(event, &p->deadline, CLOCK_MONOTONIC, timeout_us, 0,
                                       on_deadline, p);
        if (r >= 0)
            r = sd_event_add_defer(event, &p->io, on_first, p);
        if (r < 0)
            (void)error_errno(err, r, "cannot watch the connection to the broker");
    }
    if (r < 0) {
        broker_probe_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

void broker_probe_free(struct broker_probe *p)
{
    if (!p)
        return;
    stop(p);
    (void)sd_event_source_disable_unref(p->deadline);
    if (p->addresses)
        freeaddrinfo(p->addresses);
    free(p->host);
    free(p);
}
