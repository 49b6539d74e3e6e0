// SPDX-License-Identifier: GPL-3.0-only
// The half of stored.h that reads from a Swift; only stored*.c include this.
//
//     stored_stream.c    objects passed on piece by piece
//     stored_shared.c    files of stored_file.c as answers
//     stored_swift.c     what an exchange has asked for: objects, and listings into memory
//     stored_file.c      objects that come into files without names, and are read meanwhile
//     stored_call.c      questions to the store, and what their answers say of it
//
// Each knows those below it only.
#pragma once

#include "net/swift_async.h"
#include "web/exchange.h"
#include "web/store.h"
#include "web/stored_file.h"
#include "web/stored_object.h"

int stored_swift_configure(struct web *web, struct error *err);
void stored_swift_free(struct web *web);
bool stored_swift_is_readable(const struct web *web, enum stored_reader reader);
int stored_swift_open(struct exchange *x, const struct stored_object *object, int *ret_fd,
                      char **ret_etag, struct error *err);
int stored_swift_etag(struct exchange *x, const struct stored_object *object, char **ret_etag,
                      struct error *err);
int stored_swift_follow(struct exchange *x, const struct stored_object *object, int *ret_fd,
                        char **ret_etag, struct stored_file **ret_file, struct error *err);
int stored_swift_list(struct exchange *x, enum stored_reader reader, const char *container,
                      const struct store_query *query, stored_visit *visit, void *userdata,
                      struct error *err);
// Answers with all of an object, if it is not larger than it may be and than the disk has room for,
// and its size is known: -EFBIG.
int stored_swift_share(struct exchange *x, const struct stored_object *object, struct error *err);
int stored_swift_send(struct exchange *x, enum stored_reader reader, const char *container,
                      const char *object, struct error *err);

// Reads a listing as `format=json` gives it. -EAGAIN: it is something else.
int stored_listing_read(const char *text, size_t len, stored_visit *visit, void *userdata,
                        struct error *err);

// ---- for stored_stream.c

// What an exchange has asked for, until it ends.
struct stored_want {
    struct stored_want *next;
    struct exchange *x;
    char *key, *what; // `what` in messages
    enum stored_reader reader;
    struct stored_file *file;      // of an object
    struct stored_waiter waiter;   // for it
    struct swift_async_call *call; // of a listing or a tag; NULL: it is over
    int r;                         // how it went
    struct error why;
    struct buf text; // the same
};

// The one with this key, or NULL.
struct stored_want *stored_want_find(const struct exchange *x, const char *key);
struct stored_want *stored_want_add(struct exchange *x, enum stored_reader reader, const char *key,
                                    const char *what);
