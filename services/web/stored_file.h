// SPDX-License-Identifier: GPL-3.0-only
// An object of a Swift on its way into a file without a name; only stored*.c include this. What has
// come can be read at once, and whoever reads it waits for the rest (stored.h).
//
//     COMING ──first bytes──▶ (begun) ──▶ OVER, with how it went
#pragma once

#include "web/stored_swift.h"

struct stored_file {
    unsigned references;
    struct web *web;
    enum stored_reader reader;
    char *key, *what;              // of the cache, and in messages
    struct swift_async_call *call; // NULL: it is over
    int fd;                        // for writing
    uint64_t size, max;            // bytes that are there, and that may be
    char *etag;                    // without quotes; NULL: none is known
    bool kept;                     // for others, when all of it is there
    bool begun;                    // there is an object
    int r;                         // how it went, when it is over
    struct error why;

    // Who has asked for it: told when what is waited for is there, or will not come.
    bool begin_is_enough; // instead of the whole
    void (*tell)(void *userdata);
    void *userdata;
    void (*grown)(void *userdata); // of the reader that waits for more; or NULL
    void *reading;
};

// Finds it among what is kept, or starts to get it. `tell` may be set to NULL when nobody is to be
// told any more. The first reference is the caller's.
int stored_file_get(struct web *web, const struct stored_object *object, struct stored_file **ret,
                    struct error *err);
// The entity tag of one that is kept, which the caller frees. False: none is.
bool stored_file_kept_etag(const struct web *web, const struct stored_object *object,
                           char **ret_etag);
// An entity tag as headers have it, without its quotes, and without what marks a weak one. The
// caller frees.
char *stored_etag_bare(const char *header);

// Whether what is waited for has not come yet.
bool stored_file_is_awaited(const struct stored_file *file);
// A reader's descriptor with an offset of its own, which the caller closes.
int stored_file_reopen(const struct stored_file *file, int *ret_fd, struct error *err);
