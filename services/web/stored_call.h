// SPDX-License-Identifier: GPL-3.0-only
// Questions to the Swift that keeps results: each is started and ended here, and what the answers
// say of the store's health is remembered. Only stored_*.c include this.
#pragma once

#include "net/swift_async.h"
#include "web/stored_object.h"

struct web;

// What the last answer to a reader says of the store.
enum stored_state { STATE_UNKNOWN, STATE_UP, STATE_SILENT, STATE_REFUSES };

struct stored_health {
    enum stored_state state;
    uint64_t since_us;              // when the first answer said so, by clock_monotonic_us()
    uint64_t heard_us;              // when the last one did
    uint64_t down_until_us;         // until then nobody asks; 0: all do
    struct swift_async_call *probe; // on its way (stored_call_is_up()); or NULL
    struct web *web;
};

// web->swift.
struct stored_swift {
    struct swift_async *swift;
    bool wanted, has_account;       // by the settings as they are now
    unsigned calls;                 // on their way
    struct stored_health health[2]; // by reader
    // Of stored_file.c:
    unsigned left; // files on their way that nobody reads
    struct stored_file *files;
    struct stored_cache *cache;
    struct stored_stream *streams; // of stored_stream.c: whole objects
};

#define STORED_CALLS_MAX 300
#define STORED_STREAMS_MAX 250 // so many of them at most may be streams, whose readers can be slow

// Starts a request unless the store is known to be out of reach, or `most` are on their way.
int stored_call_start(struct web *web, const struct swift_async_request *request, unsigned most,
                      http_async_done *done, void *userdata, struct swift_async_call **ret,
                      struct error *err);
// To be called once for each that was started, when it is over: what its answer means (0, -ENOENT,
// -EFBIG or -EAGAIN), and what is to be remembered of the store's health. `what` is for messages.
int stored_call_end(struct web *web, enum stored_reader reader, const char *what, int r,
                    const struct http_response *answer, const struct error *why, struct error *err);
// Instead, when it was cancelled.
void stored_call_cancel(struct web *web, struct swift_async_call *call);

// Another store, or another account: nothing is known of it.
void stored_call_reset(struct web *web);
// As stored_trouble() and stored_is_up() of stored.h, of a Swift that this reader reads.
const char *stored_call_trouble(const struct web *web);
int stored_call_is_up(struct web *web, enum stored_reader reader);
