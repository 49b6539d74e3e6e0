// SPDX-License-Identifier: GPL-3.0-only
// Statuses of commits that are still to be told to GitHub, each with the message of the broker that
// asked for it. Statuses of one commit are sent one at a time, and of one context only the newest.
// Nothing here knows brokers or HTTP. Times are microseconds since 1970.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox_status {
    char *url;            // of the commit's statuses
    char *context, *body; // what is posted there
    int64_t made_us;
    uint64_t tag; // of the message; 0: the broker has it back
};

struct outbox_entry {
    struct outbox_status status;
    int64_t taken_us; // when it came
    int64_t due_us;
    unsigned attempts; // so far
    bool sending;
};

struct outbox;

struct outbox *outbox_new(void);
void outbox_free(struct outbox *outbox);

// Takes the status's content, also on failure. One of the same commit and context that still waits
// is replaced: *ret_old_tag is its message's (0: there was none). One that is being sent and whose
// message the broker had back is not sent again. -ENOMEM.
int outbox_add(struct outbox *outbox, struct outbox_status *status, int64_t now_us,
               uint64_t *ret_old_tag);
// The one that is to be sent now: due, and of a commit of which none is being sent. NULL: none,
// *ret_next_us says when there may be (INT64_MAX: when something else happens). Borrowed.
struct outbox_entry *outbox_next(struct outbox *outbox, int64_t now_us, int64_t *ret_next_us);
// Whether a newer one of its commit and context waits.
bool outbox_is_superseded(const struct outbox *outbox, const struct outbox_entry *entry);
// One that waits and came before that time; NULL: none.
struct outbox_entry *outbox_older(struct outbox *outbox, int64_t before_us);
void outbox_remove(struct outbox *outbox, struct outbox_entry *entry);
// The broker has all messages back: what waits is forgotten, what is being sent has no message.
void outbox_forget(struct outbox *outbox);

void outbox_status_release(struct outbox_status *status);
DEFINE_CLEANUP(struct outbox *, outbox_free)
