// SPDX-License-Identifier: GPL-3.0-only
// Requests on their way into queues: all that one client sends at once, one message for each
// architecture, one answer when the broker has confirmed every one.
#pragma once

#include "web/exchange.h"
#include "web/request_order.h"

struct submission_options {
    const char *requester; // NULL: nobody known
    // Two submissions of the same requester with the same key (NULL: none) are one: their requests
    // have the same uuids, and those of the second are not queued.
    const char *key;
    // Where a commit's statuses are told, and of which of its tests (NULL: none), for the event.
    const char *statuses_url, *testname;
    // Answers when the same tests wait or run already ({"uuid", "state"} of one of them); NULL:
    // they are refused.
    int (*same)(struct exchange *x, const json_t *same, struct error *err);
    // Makes the answer (a handler's return value) of the list that was accepted:
    // [{"uuid", "package", "release", "arch", "url"}]. Takes the list.
    int (*answer)(struct exchange *x, json_t *accepted, struct error *err);
};

// Queues all; `orders` are used up. What handlers return: EXCHANGE_WAIT, or 0 when it is answered,
// or an error (a broker that is away: 503). After an error some may have been queued: the message
// says so.
int submission_send(struct exchange *x, struct request_order *orders, size_t n,
                    const struct submission_options *options, struct error *err);
