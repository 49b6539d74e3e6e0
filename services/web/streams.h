// SPDX-License-Identifier: GPL-3.0-only
// Server-sent events (WHATWG HTML §9.2) about running tests: a browser opens /running/events and
// hears of each status message at once.
//
//     id given      that test, with the end of its log whenever it has changed
//     else          what begins, goes on and ends, without logs; of one package, release or
//                   architecture where these are given; first an event "running" with the ids of
//                   what runs now
//
// A client that does not read is let go when its buffer is full; browsers come again by themselves.
#pragma once

#include "adt/message.h"
#include "web/exchange.h"

#define STREAMS_MAX 500
#define STREAM_BUFFER_MAX ((size_t)256 * 1024)

struct streams;

int streams_new(struct web *web, struct streams **ret, struct error *err);
void streams_free(struct streams *streams);
// Ends all of them: their clients shall not keep a service from stopping.
void streams_end(struct streams *streams);

// Answers with a stream of what fits the query's package, release, arch or id. 503: there are too
// many.
int streams_open(struct streams *streams, struct exchange *x, struct error *err);
// Tells all whom it concerns: a running_listener of running.h, with a struct streams.
void streams_tell(void *userdata, const char *id, const struct test_status *status);
