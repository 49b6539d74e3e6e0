// SPDX-License-Identifier: GPL-3.0-only
#include "net/http_async.h"

#include "base/clock.h"
#include "net/http_internal.h"

struct http_call {
    struct http_call *next;
    struct http_async *async;
    struct transfer transfer;
    struct http_request request;
    struct http_response response;
    struct strv headers;
    char *url, *method;
    void *body;
    http_async_done *done;
    void *userdata;
};

struct http_async {
    sd_event *event;
    sd_event_source *timer;
    CURLM *multi;
    char *user_agent;
    struct http_call *calls;
};

static void call_free(struct http_call *call)
{
    if (call->transfer.easy)
        curl_easy_cleanup(call->transfer.easy);
    call->transfer.easy = NULL;
    transfer_release(&call->transfer);
    http_response_release(&call->response);
    strv_release(&call->headers);
    free(call->url);
    free(call->method);
    free(call->body);
    free(call);
}

static struct http_call *call_new(const struct http_request *request, size_t body_max,
                                  http_async_done *done, void *userdata)
{
    struct http_call *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    call->transfer.body_fd = -1;
    call->response.body.max = body_max;
    call->request = *request;
    call->done = done;
    call->userdata = userdata;
    call->url = strdup(request->url);
    call->method = request->method ? strdup(request->method) : NULL;
    call->body = request->body_len ? malloc(request->body_len) : NULL;
    if (!call->url || (request->method && !call->method) || (request->body_len && !call->body) ||
        (request->headers && strv_add_list(&call->headers, request->headers) < 0)) {
        call_free(call);
        return NULL;
    }
    if (call->body)
        memcpy(call->body, request->body, request->body_len);
    call->request.url = call->url;
    call->request.method = call->method;
    call->request.body = request->body ? (call->body ? call->body : "") : NULL;
    call->request.headers = request->headers ? &call->headers : NULL;
    return call;
}

static void unlink_call(struct http_async *async, const struct http_call *call)
{
    struct http_call **at = &async->calls;

    while (*at && *at != call)
        at = &(*at)->next;
    if (*at)
        *at = call->next;
}

static void end_call(struct http_async *async, struct http_call *call, int r)
{
    _cleanup_error_ struct error why = ERROR_INIT;

    unlink_call(async, call);
    (void)curl_multi_remove_handle(async->multi, call->transfer.easy);
    if (r < 0)
        (void)error_set(&why, r, "%s",
                        r == -ECANCELED ? "the service is stopping" : call->transfer.message);
    call->done(r, &call->response, &why, call->userdata);
    call_free(call);
}

static struct http_call *find_call(const struct http_async *async, const CURL *easy)
{
    struct http_call *call = async->calls;

    while (call && call->transfer.easy != easy)
        call = call->next;
    return call;
}

static void end_those_done(struct http_async *async)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(async->multi, &left))) {
        struct http_call *call =
            message->msg == CURLMSG_DONE ? find_call(async, message->easy_handle) : NULL;

        if (call)
            end_call(async, call, transfer_end(&call->transfer, message->data.result));
    }
}

// ---- libcurl's sockets and its timer in the loop

static int on_io(sd_event_source *source _unused_, int fd, uint32_t events, void *userdata)
{
    struct http_async *async = userdata;
    int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    int running;

    (void)curl_multi_socket_action(async->multi, fd, what, &running);
    end_those_done(async);
    return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata)
{
    struct http_async *async = userdata;
    int running;

    (void)curl_multi_socket_action(async->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_those_done(async);
    return 0;
}

static int watch_socket(CURL *easy _unused_, curl_socket_t fd, int what, void *userdata,
                        void *socket_data)
{
    struct http_async *async = userdata;
    sd_event_source *source = socket_data;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    if (what == CURL_POLL_REMOVE) {
        (void)sd_event_source_disable_unref(source);
        (void)curl_multi_assign(async->multi, fd, NULL);
        return 0;
    }
    if (source)
        return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
    if (sd_event_add_io(async->event, &source, fd, events, on_io, async) < 0)
        return -1;
    return curl_multi_assign(async->multi, fd, source) == CURLM_OK ? 0 : -1;
}

static int set_timer(CURLM *multi _unused_, long timeout_ms, void *userdata)
{
    struct http_async *async = userdata;
    uint64_t us = timeout_ms > 0 ? (uint64_t)timeout_ms * USEC_PER_MSEC : 0;

    if (timeout_ms < 0)
        return sd_event_source_set_enabled(async->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    if (sd_event_source_set_time(async->timer, clock_monotonic_us() + us) < 0)
        return -1;
    return sd_event_source_set_enabled(async->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

// ---- the whole

int http_async_new(sd_event *event, const char *user_agent, struct http_async **ret,
                   struct error *err)
{
    struct http_async *async = calloc(1, sizeof(*async));
    int r;

    if (!async || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(async);
        return error_oom(err);
    }
    async->event = sd_event_ref(event);
    async->multi = curl_multi_init();
    async->user_agent = strdup(user_agent);
    r = sd_event_add_time(event, &async->timer, CLOCK_MONOTONIC, 0, 1, on_timer, async);
    if (r >= 0)
        r = sd_event_source_set_enabled(async->timer, SD_EVENT_OFF);
    if (r < 0 || !async->multi || !async->user_agent) {
        http_async_free(async);
        return r < 0 ? error_errno(err, r, "cannot watch a timer") : error_oom(err);
    }
    (void)curl_multi_setopt(async->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    (void)curl_multi_setopt(async->multi, CURLMOPT_SOCKETDATA, async);
    (void)curl_multi_setopt(async->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(async->multi, CURLMOPT_TIMERDATA, async);
    *ret = async;
    return 0;
}

void http_async_free(struct http_async *async)
{
    if (!async)
        return;
    while (async->calls)
        end_call(async, async->calls, -ECANCELED);
    if (async->multi)
        (void)curl_multi_cleanup(async->multi);
    (void)sd_event_source_disable_unref(async->timer);
    (void)sd_event_unref(async->event);
    free(async->user_agent);
    free(async);
    curl_global_cleanup();
}

int http_async_stream(struct http_async *async, const struct http_request *request, size_t body_max,
                      const struct http_sink *sink, http_async_done *done, void *userdata,
                      struct http_call **ret_call, struct error *err)
{
    struct http_call *call = call_new(request, body_max, done, userdata);
    CURLMcode code = CURLM_OUT_OF_MEMORY;
    CURL *easy;
    int r;

    if (!call)
        return error_oom(err);
    call->async = async;
    r = transfer_init(&call->transfer, &call->request, &call->response, err);
    call->transfer.sink = sink;
    call->transfer.sink_userdata = userdata;
    easy = r == 0 ? curl_easy_init() : NULL;
    if (easy) {
        transfer_begin(&call->transfer, easy, async->user_agent);
        code = curl_multi_add_handle(async->multi, easy);
    }
    if (code != CURLM_OK) {
        call_free(call);
        return r < 0 ? r
                     : error_set(err, code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO, "%s",
                                 curl_multi_strerror(code));
    }
    call->next = async->calls;
    async->calls = call;
    if (ret_call)
        *ret_call = call;
    return 0;
}

int http_async_start(struct http_async *async, const struct http_request *request, size_t body_max,
                     http_async_done *done, void *userdata, struct error *err)
{
    return http_async_stream(async, request, body_max, NULL, done, userdata, NULL, err);
}

// libcurl gives what it has kept at once, and looks at the socket when its timer ends.
void http_call_continue(struct http_call *call)
{
    (void)curl_easy_pause(call->transfer.easy, CURLPAUSE_CONT);
}

void http_call_cancel(struct http_call *call)
{
    unlink_call(call->async, call);
    (void)curl_multi_remove_handle(call->async->multi, call->transfer.easy);
    call_free(call);
}
