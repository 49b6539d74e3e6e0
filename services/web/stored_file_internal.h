// SPDX-License-Identifier: GPL-3.0-only
// Objects of a Swift on their way into files without names, behind stored_file.h; only stored_*.c
// include this.
//
//     COMING ──first bytes──▶ (begun) ──▶ OVER, with how it went
//
// Those that others may read, too, are in a list while they come (stored_swift.files).
#pragma once

#include "net/swift_async.h"
#include "web/stored_file.h"
#include "web/stored_object.h"
#include "web/uri.h"

#include <stdbool.h>

#define STORED_LEFT_MAX 4 // so many files that nobody reads at the moment go on to come

struct stored_file {
    struct stored_file *next; // of those on their way
    unsigned references;
    struct web *web;
    enum stored_reader reader;
    char *key, *what;              // of the cache, and in messages
    struct swift_async_call *call; // NULL: it is over
    int fd;                        // for writing
    uint64_t size, max, asked_max; // bytes that are there, that may be, and that were asked for
    uint64_t announced;            // bytes in all; UINT64_MAX: not known
    char *etag;                    // without quotes; NULL: none is known
    struct params headers;         // of the object, for who gets it as it is
    bool kept;                     // for others, when all of it is there; until then they join
    bool to_end, left;             // left: nobody reads it, and it goes on
    bool sized;                    // it is not wanted unless it announces its size
    bool begun;                    // there is an object
    int r;                         // how it went, when it is over
    struct error why;
    struct stored_waiter *waiters;
};

// Finds it among what is kept or comes, or starts to get it. A reference is the caller's.
int stored_file_get(struct web *web, const struct stored_object *object, struct stored_file **ret,
                    struct error *err);
// The entity tag of one that is kept or comes, which the caller frees. False: none is.
bool stored_file_kept_etag(const struct web *web, const struct stored_object *object,
                           char **ret_etag);
// An entity tag as headers have it, without its quotes, and without what marks a weak one. The
// caller frees.
char *stored_etag_bare(const char *header);

// Whether that moment is still to come.
bool stored_file_is_before(const struct stored_file *file, enum stored_moment moment);
// Nobody joins what is on its way now, and it is not kept.
void stored_files_forget(struct web *web);
// A reader's descriptor with an offset of its own, which the caller closes.
int stored_file_reopen(const struct stored_file *file, int *ret_fd, struct error *err);
