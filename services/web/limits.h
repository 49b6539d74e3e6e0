// SPDX-License-Identifier: GPL-3.0-only
// How often one client or user may do something: token buckets. A bucket holds `burst` tokens, each
// act takes one, and `per_second` come back. With P of the settings' pages a second and R of their
// requests a minute (0: no limit):
//
//     crawlers (they say so)   pages     10 at once, then 1 a second (P 0: any)
//     a client (client.h)      pages    10 P at once, then P a second
//     a client                 logins    10 at once, then 1 in 6 seconds; as many come back
//     a client and a name      wrong API keys  10 at once, then 1 in 6 seconds (requester.c)
//     somebody logged in       requests  R / 0.6 at once, then R a minute
//
// Programs' interfaces (/api, *.json, /request.cgi with a key, webhooks, the store, feeds, metrics)
// and static files are not limited, nor is the machine itself (a loopback address that no proxy
// speaks for).
#pragma once

#include "web/exchange.h"

struct limits;

enum limit_kind {
    LIMIT_CRAWLER,
    LIMIT_CLIENT,
    LIMIT_LOGIN,
    LIMIT_LOGIN_END,
    LIMIT_WRONG_KEY,
    LIMIT_REQUESTS,
    LIMIT_KINDS
};

// Without any limit, until limits_set(). NULL for lack of memory or random numbers.
struct limits *limits_new(void);
// The settings' limits: pages a second of a client, requests a minute of a user; 0: any number.
// What was taken so far stays taken.
void limits_set(struct limits *limits, unsigned pages, unsigned requests);
void limits_free(struct limits *limits);
DEFINE_CLEANUP(struct limits *, limits_free)

// Takes a token of `name`'s bucket. False: there is none; *ret_wait_s says when there will be one.
// Buckets share memory: of very many names the ones not seen for longest are forgotten.
bool limits_take(struct limits *limits, enum limit_kind kind, const char *name, uint64_t now_us,
                 unsigned *ret_wait_s);
// Whether there is one, which stays there.
bool limits_allow(struct limits *limits, enum limit_kind kind, const char *name, uint64_t now_us,
                  unsigned *ret_wait_s);

// Whether a page may be made for this client: else fails with 429 and Retry-After. Routes with a
// limit of their own (router.h) are no pages here.
int limits_check_page(struct exchange *x, struct error *err);
// The same for an act of a client, or of a user; the latter once, however often a handler that
// waits is called again.
int limits_check_client(struct exchange *x, enum limit_kind kind, struct error *err);
int limits_check_user(struct exchange *x, enum limit_kind kind, const char *user,
                      struct error *err);
// Whether another API key may be tried under a name; and that one was wrong.
int limits_check_key(struct exchange *x, const char *name, struct error *err);
void limits_count_wrong_key(struct exchange *x, const char *name);
