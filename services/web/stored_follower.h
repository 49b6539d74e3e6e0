// SPDX-License-Identifier: GPL-3.0-only
// Whoever passes an object on while it comes (stored_file.h), and has passed on all that has come:
// it waits until there is more.
#pragma once

#include "web/exchange.h"
#include "web/stored_file.h"

struct stored_follower {
    struct stored_file *file; // owned; NULL: all of it is there
    struct stored_waiter waiter;
    const struct web *web; // of stored_follower_begin()
    struct MHD_Connection *connection;
};

// For an answer of `x`. Takes over `file`, which may be NULL.
void stored_follower_begin(struct stored_follower *follower, const struct exchange *x,
                           struct stored_file *file);
// Lets the answer's connection sleep until there is more (an `await` of body.h).
void stored_follower_sleep(struct stored_follower *follower);
// The same for what is no answer: `call` is called once, as stored_file_await() does it.
void stored_follower_await(struct stored_follower *follower, void (*call)(void *userdata),
                           void *userdata);
// It does not wait any more, and gives the file back.
void stored_follower_end(struct stored_follower *follower);
