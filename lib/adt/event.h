// SPDX-License-Identifier: GPL-3.0-only
// What becomes of a request, told by those who move it, so that whoever asks for its uuid hears
// where it is and was. On an exchange of our own (fanout, durable, persistent messages); a request
// lives and its result arrives whether or not anybody listens.
//
//     queued ──▶ taken ──▶ running ──▶ storing ──▶ done
//       ▲          │         │  ▲ │
//       └─returned─┴─────────┤  └─┴ waiting (testbed failure)
//                            └──▶ cancelled
#pragma once

#include "base/buf.h"

#include <stdint.h>

#define EXCHANGE_EVENT "autopkgtest.events"

enum event_state {
    EVENT_QUEUED,
    EVENT_TAKEN, // a worker has it, and asks others whether they do
    EVENT_RUNNING,
    EVENT_WAITING, // for the next attempt, after a testbed failure
    EVENT_RETURNED,
    EVENT_STORING, // the test has ended, its result is on its way to the store
    EVENT_DONE,
    EVENT_CANCELLED,
    EVENT_COUNT
};

struct request_event {
    char *uuid;
    enum event_state state;
    int64_t time_us;                // since 1970
    char *worker, *reason;          // "" when there is none
    char *package, *release, *arch; // "" of a private request
    char *container, *run_id;       // of EVENT_DONE; else ""
    char *digest;                   // request_digest(), "" when it is not told
    char *statuses_url, *testname;  // of EVENT_CANCELLED, whose commit should hear of it; else ""
};

// "queued", "taken", …
const char *event_state_name(enum event_state state);

int event_format(const struct request_event *event, struct buf *body, struct error *err);
// -EBADMSG: not an event; unknown states are refused.
int event_parse(const char *body, size_t len, struct request_event *ret, struct error *err);
void event_release(struct request_event *event);
