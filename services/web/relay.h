// SPDX-License-Identifier: GPL-3.0-only
// The answer of another server, passed on to our client piece by piece as it comes (http_async.h:
// http_sink). What the client does not take waits here, up to a quarter of a MiB; then the sender
// waits, too.
//
//     (asked) ──relay_answer()──▶ passing, relay_take() ──relay_end()──▶ (the connection is done)
//        └── no answer: whoever has asked answers otherwise, and releases it himself
#pragma once

#include "net/http.h"
#include "web/exchange.h"
#include "web/outlet.h"

struct relay {
    struct web *web;
    struct outlet outlet;
    void (*go_on)(void *userdata);   // what relay_take() refused may be sent again
    void (*release)(void *userdata); // the connection needs nothing more, whether it ended or not
    void *userdata;
    bool answered; // the response has it
    bool paused;   // the sender waits for the client
};

void relay_init(struct relay *relay, struct exchange *x, void (*go_on)(void *),
                void (*release)(void *), void *userdata);

// Makes a status and its Content-Length the answer of the exchange, which the caller resumes.
// -ENOMEM: the relay is still the caller's.
int relay_answer(struct relay *relay, struct exchange *x, const struct http_response *head);
// 0; -EAGAIN: not now; -ENOMEM.
int relay_take(struct relay *relay, const void *bytes, size_t len);
// After relay_answer().
void relay_end(struct relay *relay, bool broken);
// Drops what waits.
void relay_release(struct relay *relay);

// Copies the headers of these names (as they are written in our answer) that are there.
int relay_copy_headers(struct exchange *x, const struct http_response *head,
                       const char *const *names, size_t n);
// Copies request headers that are there, and not empty, as lines.
int relay_ask_with(const struct exchange *x, const char *const *names, size_t n,
                   struct strv *headers);
