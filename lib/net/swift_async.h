// SPDX-License-Identifier: GPL-3.0-only
// Reading from a Swift in an event loop: as anybody, or with the token of an account, which is
// asked for when it is first needed and again when it is refused. Nothing waits, each request is
// tried once (and once more with a new token).
#pragma once

#include "net/http_async.h"
#include "net/swift.h"

struct swift_async;

struct swift_async_request {
    const char *method; // NULL: GET
    const char *container, *object, *query;
    const struct strv *headers; // may be NULL
    bool as_account;            // else as anybody
    const int *answer_fd;       // as in struct http_request; borrowed until `done`
    size_t body_max;            // of an answer that goes to answer_fd, or into memory
    const struct http_sink *sink;
};

// Borrows `http`. Where the account is: storage_url; `account` NULL: no private container can be
// read. Both are copied, and may be changed while requests are on their way, which go on as they
// were begun.
int swift_async_new(struct http_async *http, const char *storage_url,
                    const struct swift_settings *account, struct swift_async **ret,
                    struct error *err);
int swift_async_change(struct swift_async *swift, const char *storage_url,
                       const struct swift_settings *account, struct error *err);
// All that is on its way must be over or cancelled (http_async_free() sees to that).
void swift_async_free(struct swift_async *swift);

struct swift_async_call;

// Starts one. `done` is called once from the loop, never from in here: r is 0 for an answer of any
// status, also one that still is 401; -EAGAIN: the store is out of reach, or its answer broke off;
// -EACCES: the account is refused where tokens are given, or there is none; other errors as in
// net/swift.h; -ECANCELED at the end of the service. Messages hold no password and no token. What
// is borrowed by struct http_request is copied, but for answer_fd and sink. *ret may be cancelled
// until `done` is called.
int swift_async_start(struct swift_async *swift, const struct swift_async_request *request,
                      http_async_done *done, void *userdata, struct swift_async_call **ret,
                      struct error *err);
// The sink takes again.
void swift_async_continue(struct swift_async_call *call);
// Ends it; `done` is not called.
void swift_async_cancel(struct swift_async_call *call);

// What the status of an answer means: 0, or an error of net/swift.h.
int swift_async_status(const struct swift_async_request *request, long status, struct error *err);
