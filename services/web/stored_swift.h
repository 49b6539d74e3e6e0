// SPDX-License-Identifier: GPL-3.0-only
// The half of stored.h that reads from a Swift; only stored*.c include this.
//
//     stored_swift.c   what an exchange has asked for: objects, and listings into memory
//     stored_health.c  questions to the store, and what their answers say of it
//     stored_file.c    objects that come into files without names, and are read meanwhile
//     stored_stream.c  objects passed on piece by piece
#pragma once

#include "net/swift_async.h"
#include "web/stored.h"

bool stored_swift_is_readable(const struct web *web, enum stored_reader reader);
int stored_swift_open(struct exchange *x, const struct stored_object *object, int *ret_fd,
                      char **ret_etag, struct error *err);
int stored_swift_etag(struct exchange *x, const struct stored_object *object, char **ret_etag,
                      struct error *err);
int stored_swift_follow(struct exchange *x, const struct stored_object *object, int *ret_fd,
                        struct stored_file **ret_file, struct error *err);
int stored_swift_list(struct exchange *x, enum stored_reader reader, const char *container,
                      const struct store_query *query, stored_visit *visit, void *userdata,
                      struct error *err);
int stored_swift_send(struct exchange *x, enum stored_reader reader, const char *container,
                      const char *object, struct error *err);

// Reads a listing as `format=json` gives it. -EAGAIN: it is something else.
int stored_listing_read(const char *text, size_t len, stored_visit *visit, void *userdata,
                        struct error *err);

// ---- between these files

// What the last answer to a reader says of the store.
enum stored_state { STATE_UNKNOWN, STATE_UP, STATE_SILENT, STATE_REFUSES };

struct stored_health {
    enum stored_state state;
    uint64_t heard_us;              // when that was, by clock_monotonic_us()
    uint64_t down_until_us;         // until then nobody asks; 0: all do
    struct swift_async_call *probe; // on its way (stored_is_up()); or NULL
    struct web *web;
};

struct stored_swift {
    struct swift_async *swift;
    bool wanted, has_account; // by the settings as they are now
    unsigned calls;           // on their way
    struct stored_cache *cache;
    struct stored_health health[2]; // by reader
};

// Another store, or another account: nothing is known of it.
void stored_health_reset(struct web *web);

#define STORED_CALLS_MAX 300
#define STORED_STREAMS_MAX 250 // so many of them at most may be streams, whose readers can be slow

// What an exchange has asked for, until it ends.
struct stored_want {
    struct stored_want *next;
    struct exchange *x;
    char *key, *what; // `what` in messages
    enum stored_reader reader;
    struct stored_file *file;      // of an object
    struct swift_async_call *call; // of a listing or a tag; NULL: it is over
    int r;                         // how it went
    struct error why;
    struct buf text; // the same
};

// The one with this key, or NULL.
struct stored_want *stored_want_find(const struct exchange *x, const char *key);
struct stored_want *stored_want_add(struct exchange *x, enum stored_reader reader, const char *key,
                                    const char *what);

// Starts a request unless the store is known to be out of reach, or `most` are on their way.
int stored_swift_start(struct web *web, const struct swift_async_request *request, unsigned most,
                       http_async_done *done, void *userdata, struct swift_async_call **ret,
                       struct error *err);
// To be called once for each that was started, when it is over: what its answer means (0, -ENOENT,
// -EFBIG or -EAGAIN), and what is to be remembered of the store's health. `what` is for messages.
int stored_swift_end(struct web *web, enum stored_reader reader, const char *what, int r,
                     const struct http_response *answer, const struct error *why,
                     struct error *err);
// Instead, when it was cancelled.
void stored_swift_cancel(struct web *web, struct swift_async_call *call);
struct stored_cache *stored_swift_cache(const struct web *web);
