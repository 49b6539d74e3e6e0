// SPDX-License-Identifier: GPL-3.0-only
// The content of answers: bytes that all connections share which send them, and content that is
// made at the pace at which a client takes it.
#pragma once

#include "base/buf.h"

#include <microhttpd.h>
#include <stdint.h>
#include <sys/types.h>

// ---- in memory

struct body { // of one thread
    size_t refs;
    char *bytes; // owned
    size_t len;
};

// Takes over what is in `text`, which is empty then. NULL for lack of memory.
struct body *body_new(struct buf *text);
struct body *body_ref(struct body *b);
void body_unref(struct body *b);
DEFINE_CLEANUP(struct body *, body_unref)
// The same, compressed by gzip at `level` (data/compress.h).
struct body *body_gzip(const struct body *b, int level);
// What sends it, with a reference of its own. NULL for lack of memory.
struct MHD_Response *body_response(struct body *b);
// The same, compressed at the pace at which a client takes it: compressing megabytes at once would
// keep others waiting. NULL for lack of memory.
struct MHD_Response *body_response_gzip(struct body *b);
// Bytes of all bodies that there are: of what is kept, and of what slow clients have not taken yet.
size_t body_bytes_held(void);

// ---- made while it is sent

struct body_source {
    // Up to `max` bytes; 0 at the end; -EAGAIN: there are none now; else the answer is broken off.
    ssize_t (*read)(void *userdata, char *bytes, size_t max);
    // Suspends the connection until there is more, after -EAGAIN.
    void (*await)(void *userdata);
    void (*release)(void *userdata);
};

// Sends what the source gives, of `size` bytes in all or MHD_SIZE_UNKNOWN, compressed when `gzip`
// says so (then the size is not known beforehand, whatever it is). What was read is not held back
// while the source waits. The source passes to the response; for lack of memory, NULL, it is
// released.
struct MHD_Response *body_stream(const struct body_source *source, void *userdata, uint64_t size,
                                 bool gzip);
