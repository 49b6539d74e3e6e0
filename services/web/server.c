// SPDX-License-Identifier: GPL-3.0-only
// The event loop, and libmicrohttpd in it: the daemon polls with an epoll descriptor of its own,
// which is one source of ours; a timer stands for its time-outs.
#include "net/http_async.h"
#include "web/archive_indexes.h"
#include "web/broker.h"
#include "web/client.h"
#include "web/command.h"
#include "web/connections.h"
#include "web/forward.h"
#include "web/framing.h"
#include "web/limits.h"
#include "web/page_cache.h"
#include "web/reading.h"
#include "web/stored.h"
#include "web/streams.h"
#include "web/turn.h"
#include "web/web.h"

#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#define CONNECTIONS_MAX 1000
#define CONNECTION_MEMORY                                                                          \
    ((size_t)32 * 1024) // all headers of a request fit in here or it is refused
#define BACKLOG 512
#define RUNS_AT_ONCE 8 // of libmicrohttpd, while it has more to do
#define DRAIN_US (20 * USEC_PER_SEC)
// A body this short is read to its end before an early refusal, so that a client that sends first
// and listens afterwards hears why.
#define DRAIN_BODY_MAX ((uint64_t)1024 * 1024)

struct server {
    struct web *web;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    sd_event_source *io, *timer, *drain_timer;
    size_t in_flight;
    bool draining;
};

// ---- connections

static enum MHD_Result on_connect(void *cls, const struct sockaddr *peer, socklen_t len _unused_)
{
    const struct server *s = cls;

    return client_is_proxy(s->web, peer) || connections_may_come(s->connections, peer) ? MHD_YES
                                                                                       : MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;
    const union MHD_ConnectionInfo *fd, *peer;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connection_remove(*context);
        *context = NULL;
        return;
    }
    fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (fd && peer)
        *context = connections_add(s->connections, fd->connect_fd, peer->client_addr);
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

// ---- one exchange

static void count_exchange(struct server *s, int change)
{
    s->in_flight = change > 0 ? s->in_flight + 1 : s->in_flight - 1;
    if (s->draining && s->in_flight == 0)
        (void)sd_event_exit(s->web->event, 0);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection _unused_)
{
    struct server *s = cls;
    struct exchange *x = exchange_new(s->web, uri);

    if (x)
        count_exchange(s, 1);
    return x;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **userdata,
                         enum MHD_RequestTerminationCode how _unused_)
{
    struct server *s = cls;

    if (!*userdata)
        return;
    connection_enter(connection_of(connection), CONNECTION_IDLE);
    exchange_free(*userdata);
    *userdata = NULL;
    count_exchange(s, -1);
}

static size_t keep_escapes(void *cls _unused_, struct MHD_Connection *connection _unused_,
                           char *text)
{
    return strlen(text); // uri.c decodes, where it is known what a '/' means
}

static enum MHD_Result send_answer(struct exchange *x)
{
    enum MHD_Result r;

    if (!x->response) // no memory even for an error
        return MHD_NO;
    x->state = EXCHANGE_ANSWERED;
    connection_enter(connection_of(x->connection), CONNECTION_BUSY);
    r = MHD_queue_response(x->connection, x->status, x->response);
    exchange_drop_response(x);
    return r;
}

static bool accepts_json(const struct exchange *x)
{
    const char *format = params_get(&x->query, "format");

    return format ? strcmp(format, "json") == 0 : exchange_accepts(x) == ACCEPTS_JSON;
}

static int refuse_method(struct exchange *x, const char *method, unsigned allowed,
                         struct error *err)
{
    _cleanup_free_ char *text = methods_text(allowed);

    if (!text || exchange_add_header(x, "Allow", text) < 0)
        return error_oom(err);
    return exchange_fail(x, MHD_HTTP_METHOD_NOT_ALLOWED, err, "%s is not possible here, only %s",
                         method, text);
}

static int find_route(struct exchange *x, const char *method, struct error *err)
{
    unsigned allowed = 0;
    int r;

    x->method = method_parse(method);
    if (x->method == METHOD_UNKNOWN) // RFC 9110 §15.6.2
        return exchange_fail(x, MHD_HTTP_NOT_IMPLEMENTED, err, "no page knows the method %.20s",
                             method);
    r = params_parse(&x->query, x->query_text, strlen(x->query_text), err);
    x->wants_json = accepts_json(x);
    if (r < 0)
        return r;
    r = router_find(web_routes, web_routes_len, x->method, x->path, &x->values, &x->route,
                    &allowed);
    if (r == -EOPNOTSUPP)
        return refuse_method(x, method, allowed, err);
    if (r == -ENOENT)
        return exchange_fail(x, MHD_HTTP_NOT_FOUND, err, "there is no such page");
    if (r == -EINVAL)
        return error_set(err, r, "path: expected %%XX escapes of two hex digits");
    return r < 0 ? error_oom(err) : 0;
}

static int begin_body(struct exchange *x, struct error *err)
{
    uint64_t length = exchange_content_length(x);

    if (x->route->begin)
        return x->route->begin(x, err);
    if (length != UINT64_MAX && length > x->route->body_max)
        return exchange_fail(x, 413, err, "the body is larger than %zu bytes", x->route->body_max);
    x->body.max = x->route->body_max;
    return 0;
}

static bool body_is_short(const struct exchange *x)
{
    return exchange_content_length(x) <= DRAIN_BODY_MAX && !exchange_header(x, "Expect");
}

// Nothing that comes behind this request is looked at.
static enum MHD_Result refuse_connection(struct exchange *x, int r, struct error *err)
{
    if (exchange_add_header(x, "Connection", "close") < 0)
        return MHD_NO;
    exchange_answer_error(x, r, err);
    return send_answer(x);
}

static enum MHD_Result begin_exchange(struct exchange *x, const char *method, const char *version)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = framing_check(x, version, &err);

    if (r < 0)
        return refuse_connection(x, r, &err);
    r = find_route(x, method, &err);
    if (r == 0)
        r = begin_body(x, &err);
    if (r < 0)
        exchange_answer_error(x, r, &err);
    x->state = x->response ? EXCHANGE_DRAINING : EXCHANGE_RECEIVING;
    if (x->response && !body_is_short(x))
        return send_answer(x);
    return MHD_YES;
}

// libmicrohttpd polls edge-triggered and takes a short read for the end of what is there; an end of
// the connection that came together with the last bytes would be seen only at the time-out. Ending
// our side as well makes it look again. Not once the body is complete: then the client may have
// ended its side in good order and waits for the answer.
static void notice_broken_body(struct exchange *x)
{
    uint64_t length = exchange_content_length(x);
    const union MHD_ConnectionInfo *info;
    char byte;

    if (length == UINT64_MAX || x->received >= length)
        return;
    info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        (void)shutdown(info->connect_fd, SHUT_RDWR);
}

static void receive_bytes(struct exchange *x, const char *bytes, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    x->received += len;
    connection_receive(connection_of(x->connection), len);
    notice_broken_body(x);

    if (x->state != EXCHANGE_RECEIVING)
        return;
    if (x->route->receive)
        r = x->route->receive(x, bytes, len, &err);
    else {
        r = buf_add(&x->body, bytes, len);
        if (r < 0)
            (void)error_set(&err, r, "the body is larger than %zu bytes", x->body.max);
    }
    if (r < 0) {
        exchange_answer_error(x, r, &err);
        x->state = EXCHANGE_DRAINING;
    }
}

static void start_again(struct exchange *x)
{
    json_decref(TAKE_PTR(x->data));
    params_release(&x->headers);
    free(TAKE_PTR(x->tag));
    x->gzip = x->secret = false;
    x->status = 0;
}

// The route's handler. What is read of a database that turns out to be in trouble is asked for once
// more: pages then say so where they would show results.
static int handle(struct exchange *x, struct error *err)
{
    int r;

    if (x->web->db)
        database_forget_trouble(x->web->db);
    r = x->route->handle(x, err);
    if (r >= 0 || x->response || !(x->method & METHODS_READ) || !web_leave_database(x->web, err))
        return r;
    start_again(x);
    error_clear(err);
    return x->route->handle(x, err);
}

static enum MHD_Result handle_exchange(struct exchange *x)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool again;
    int r;

    x->state = EXCHANGE_HANDLING;
    connection_enter(connection_of(x->connection), CONNECTION_BUSY);
    again = x->again;
    if (again)
        start_again(x);
    x->again = false;
    if (page_cache_answer(x->web->page_cache, x))
        return send_answer(x);
    r = again ? 0 : limits_check_page(x, &err);
    if (r == 0)
        r = forward_wanted(x) ? forward_request(x, &err) : handle(x, &err);
    if (r == 0 && x->route->kind == ROUTE_PAGE && !x->response)
        r = page_answer(x, x->status ? x->status : MHD_HTTP_OK, x->route->template, &err);
    if (r == EXCHANGE_WAIT) {
        x->state = EXCHANGE_WAITING;
        MHD_suspend_connection(x->connection);
        return MHD_YES;
    }
    if (r < 0) {
        if (x->status >= 500 || x->status == 0)
            log_debug("%s: %s", x->path, error_message(&err));
        exchange_answer_error(x, r, &err);
    }
    return send_answer(x);
}

static enum MHD_Result on_access(void *cls _unused_, struct MHD_Connection *connection,
                                 const char *url _unused_, const char *method, const char *version,
                                 const char *bytes, size_t *len, void **userdata)
{
    struct exchange *x = *userdata;

    if (!x)
        return MHD_NO;
    if (x->state == EXCHANGE_NEW) {
        x->connection = connection;
        connection_enter(connection_of(connection), CONNECTION_RECEIVING);
        return begin_exchange(x, method, version);
    }
    if (*len > 0) {
        receive_bytes(x, bytes, *len);
        *len = 0;
        return MHD_YES;
    }
    switch (x->state) {
    case EXCHANGE_RECEIVING:
        return handle_exchange(x);
    case EXCHANGE_HANDLING: // resumed
        return x->again ? handle_exchange(x) : send_answer(x);
    case EXCHANGE_DRAINING:
        return send_answer(x);
    default:
        return MHD_YES;
    }
}

// ---- the loop

static int run_daemon(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    int r;

    // Each run takes every connection one step further; a few cost less than as many rounds of
    // ours.
    for (unsigned i = 0; i < RUNS_AT_ONCE && timeout == 0; i++) {
        (void)MHD_run(s->daemon);
        if (MHD_get_timeout(s->daemon, &timeout) != MHD_YES)
            return sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
    }
    r = sd_event_source_set_time(s->timer, clock_monotonic_us() + timeout * USEC_PER_MSEC);
    return r < 0 ? r : sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                 void *userdata)
{
    return run_daemon(userdata);
}

static int on_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    return run_daemon(userdata);
}

static int on_drained(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    struct server *s = userdata;

    log_warning("%zu requests were not done in time and are cut off", s->in_flight);
    return sd_event_exit(s->web->event, 0);
}

static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
                   void *userdata)
{
    struct server *s = userdata;
    MHD_socket listener;

    if (s->draining)
        return sd_event_exit(s->web->event, 0);
    s->draining = true;
    streams_end(s->web->streams);
    turns_end(s->web);
    (void)sd_notify(false, "STOPPING=1");
    listener = MHD_quiesce_daemon(s->daemon);
    if (listener != MHD_INVALID_SOCKET)
        (void)close(listener);
    if (s->in_flight == 0)
        return sd_event_exit(s->web->event, 0);
    log_info("finishing %zu requests", s->in_flight);
    return sd_event_add_time_relative(s->web->event, &s->drain_timer, CLOCK_MONOTONIC, DRAIN_US, 0,
                                      on_drained, s);
}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
                     void *userdata)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct server *s = userdata;

    (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)clock_monotonic_us());
    if (web_load(s->web, &err) < 0)
        log_error("keeping the settings as they were: %s", error_message(&err));
    else {
        broker_reload(s->web->broker);
        if (stored_configure(s->web, &err) < 0)
            log_error("the object store: %s", error_message(&err));
        log_info("settings read again");
    }
    (void)sd_notify(false, "READY=1");
    return 0;
}

static int watch_signals(struct server *s)
{
    sd_event *event = s->web->event;
    sigset_t set;
    int r;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN);
    r = sd_event_add_signal(event, NULL, SIGTERM, on_stop, s);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, on_stop, s);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, s);
    return r;
}

_printf_(2, 0) static void on_library_message(void *cls _unused_, const char *format, va_list args)
{
    _cleanup_error_ struct error message = ERROR_INIT;

    (void)error_setv(&message, 0, format, args);
    log_debug("libmicrohttpd: %s", error_message(&message));
}

static int start_daemon(struct server *s, struct error *err)
{
    const union MHD_DaemonInfo *info;
    int r;

    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_DUAL_STACK | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        s->web->settings.port, on_connect, s, on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_message, NULL, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        s->web->settings.client_timeout_s, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_END);
    if (!s->daemon)
        return error_errno(err, errno ? -errno : -EADDRINUSE, "cannot listen on port %u",
                           (unsigned)s->web->settings.port);
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return error_set(err, -ENOTSUP, "libmicrohttpd was built without epoll");
    r = sd_event_add_io(s->web->event, &s->io, info->epoll_fd, EPOLLIN, on_io, s);
    if (r >= 0)
        r = sd_event_add_time(s->web->event, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s);
    s->web->http_timer = s->timer; // borrowed
    return r < 0 ? error_errno(err, r, "cannot watch the socket") : 0;
}

static void stop_server(struct server *s)
{
    broker_free(TAKE_PTR(s->web->broker));   // answers what still waits
    http_async_free(TAKE_PTR(s->web->http)); // the same
    commands_end(s->web);
    readings_end(s->web);
    streams_end(s->web->streams);
    (void)sd_event_source_unref(s->io);
    s->web->http_timer = NULL;
    (void)sd_event_source_unref(s->timer);
    (void)sd_event_source_unref(s->drain_timer);
    if (s->daemon) {
        (void)MHD_run(s->daemon);
        MHD_stop_daemon(s->daemon);
    }
    connections_free(TAKE_PTR(s->connections));
    streams_free(TAKE_PTR(s->web->streams));
    archive_indexes_free(s->web);
    stored_free(s->web);
    s->web->event = sd_event_unref(s->web->event);
}

int server_run(struct web *web, struct error *err)
{
    struct server s = {.web = web};
    int r = sd_event_new(&web->event);

    if (r >= 0)
        r = watch_signals(&s);
    if (r >= 0)
        r = sd_event_set_watchdog(web->event, true);
    if (r < 0) {
        stop_server(&s);
        return error_errno(err, r, "cannot make the event loop");
    }
    r = http_async_new(web->event, "autopkgtest-cloud/" VERSION, &web->http, err);
    if (r == 0)
        r = stored_configure(web, err);
    if (r == 0)
        r = streams_new(web, &web->streams, err);
    if (r == 0)
        r = broker_new(web, &web->broker, err);
    if (r == 0)
        r = connections_new(web->event, web->settings.client_timeout_s, &s.connections, err);
    if (r == 0) {
        running_listen(broker_running(web->broker), streams_tell, web->streams);
        r = start_daemon(&s, err);
    }
    if (r == 0) {
        (void)sd_notifyf(false, "READY=1\nSTATUS=Serving on port %u", (unsigned)web->settings.port);
        log_info("serving on port %u", (unsigned)web->settings.port);
        r = sd_event_loop(web->event);
        if (r < 0)
            (void)error_errno(err, r, "the event loop failed");
    }
    stop_server(&s);
    return r;
}
