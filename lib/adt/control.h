// SPDX-License-Identifier: GPL-3.0-only
// Orders to workers, on the exchange `autopkgtest.control` (fanout, durable), and their answers.
//
// An order goes to every worker; who has the request in hand obeys and answers, through the default
// exchange, to the queue in `reply_to` with the order's `correlation_id`: at once that it begins,
// and again when it is done. Who has it not says nothing.
#pragma once

#include "data/json.h"

#include <stdbool.h>

#define EXCHANGE_CONTROL "autopkgtest.control"
// Answers go only to queues that the broker has named: their names begin like this.
#define CONTROL_REPLY_PREFIX "amq.gen-"

// {"command":"kill","uuid":"…","requeue":false}, and with "requester" only if that one asked for it
struct control_kill {
    char *uuid;
    char *requester; // NULL: whoever
    bool requeue;    // whether the request goes back into its queue
};

int control_kill_format(const struct control_kill *kill, struct buf *ret, struct error *err);
// -EBADMSG: malformed; -EOPNOTSUPP: another command.
int control_kill_parse(const char *body, size_t len, struct control_kill *ret, struct error *err);
void control_kill_release(struct control_kill *kill);

enum control_outcome {
    CONTROL_ENDING,   // the test gets its SIGTERM now
    CONTROL_KILLED,   // done: nothing is left of the request
    CONTROL_RETURNED, // done: the request is in its queue again
    CONTROL_FINISHED, // too late: the test has ended, its result is on its way
};

// {"outcome":"killed","package":"gzip","uuid":"…","worker":"autopkgtest-cloud/0/local-amd64-1"}
struct control_answer {
    char *worker, *uuid;
    char *package; // "private-test" of a private run
    enum control_outcome outcome;
};

const char *control_outcome_name(enum control_outcome outcome);
int control_answer_format(const struct control_answer *answer, struct buf *ret, struct error *err);
int control_answer_parse(const char *body, size_t len, struct control_answer *ret,
                         struct error *err);
void control_answer_release(struct control_answer *answer);
