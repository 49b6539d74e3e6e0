// SPDX-License-Identifier: GPL-3.0-only
// HTTP requests in an event loop, each tried once, none waited for. Limits and errors are those of
// net/http.h.
#pragma once

#include "net/http.h"

#include <systemd/sd-event.h>

struct http_async;

// Called once, from the loop, when the answer is there or there will be none: r is what
// http_perform() would have returned, -ECANCELED at the end of the service; `why` has the words
// for it. The response is borrowed until the call ends.
typedef void http_async_done(int r, const struct http_response *response, const struct error *why,
                             void *userdata);

int http_async_new(sd_event *event, const char *user_agent, struct http_async **ret,
                   struct error *err);
// Tells those who still wait that it was cancelled.
void http_async_free(struct http_async *async);

// Takes the body of an answer with status 200 or 206 piece by piece, as it comes. Its functions are
// called from the loop, or by http_call_continue(), and must not end the call themselves.
struct http_sink {
    // Before the first piece (not when there is none): status and headers. Negative: ends the call.
    int (*begin)(const struct http_response *response, void *userdata);
    // -EAGAIN: not now, the same piece comes again after http_call_continue(); another negative
    // number ends the call with it.
    int (*take)(const void *bytes, size_t len, void *userdata);
};

struct http_call; // on its way; over when `done` was called

// Starts one; the answer's body may have `body_max` bytes. URL, headers and body are copied,
// *answer_fd is borrowed until `done`; body_file and retries are not for here. After a failure
// `done` is not called.
int http_async_start(struct http_async *async, const struct http_request *request, size_t body_max,
                     http_async_done *done, void *userdata, struct error *err);
// The same, where `sink` (borrowed; NULL: nobody) takes the body of a good answer; `body_max` is
// for other answers. *ret_call is what the next two want.
int http_async_stream(struct http_async *async, const struct http_request *request, size_t body_max,
                      const struct http_sink *sink, http_async_done *done, void *userdata,
                      struct http_call **ret_call, struct error *err);
// The sink takes again.
void http_call_continue(struct http_call *call);
// Ends it; `done` is not called.
void http_call_cancel(struct http_call *call);
