// SPDX-License-Identifier: GPL-3.0-only
// The half of stored.h that reads from a Swift; only stored*.c include this.
//
//     stored_swift.c   what an exchange has asked for: objects into files without names, listings
//                      into memory; what is known of the store's health
//     stored_stream.c  objects passed on piece by piece
#pragma once

#include "net/swift_async.h"
#include "web/stored.h"

bool stored_swift_is_readable(const struct web *web, enum stored_reader reader);
int stored_swift_open(struct exchange *x, enum stored_reader reader, const char *container,
                      const char *object, uint64_t max, int *ret_fd, struct error *err);
int stored_swift_list(struct exchange *x, enum stored_reader reader, const char *container,
                      const struct store_query *query, stored_visit *visit, void *userdata,
                      struct error *err);
int stored_swift_send(struct exchange *x, enum stored_reader reader, const char *container,
                      const char *object, struct error *err);

// Reads a listing as `format=json` gives it. -EAGAIN: it is something else.
int stored_listing_read(const char *text, size_t len, stored_visit *visit, void *userdata,
                        struct error *err);

// ---- between the two files

// What an exchange has asked for, until it ends.
struct stored_want {
    struct stored_want *next;
    struct exchange *x;
    char *key, *what; // `what` in messages
    enum stored_reader reader;
    struct swift_async_call *call; // NULL: it is over
    int r;                         // how it went
    struct error why;
    int fd;          // of an object: a file without a name; -1
    struct buf text; // of a listing
};

// The one with this key, or NULL.
struct stored_want *stored_want_find(const struct exchange *x, const char *key);
struct stored_want *stored_want_add(struct exchange *x, enum stored_reader reader, const char *key,
                                    const char *what);

// Starts a request unless the store is known to be out of reach, or too much is on its way.
int stored_swift_start(struct web *web, const struct swift_async_request *request,
                       http_async_done *done, void *userdata, struct swift_async_call **ret,
                       struct error *err);
// To be called once for each that was started, when it is over: what its answer means (0, -ENOENT,
// -EFBIG or -EAGAIN), and what is to be remembered of the store's health. `what` is for messages.
int stored_swift_end(struct web *web, enum stored_reader reader, const char *what, int r,
                     const struct http_response *answer, const struct error *why,
                     struct error *err);
// Instead, when it was cancelled.
void stored_swift_cancel(struct web *web, struct swift_async_call *call);
