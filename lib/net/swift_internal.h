// SPDX-License-Identifier: GPL-3.0-only
// What the parts of the Swift client share; nobody else includes this.
//
//     swift_auth.c   getting a token and the address of the storage: TempAuth, Keystone v3
//     swift.c        the calls
//     swift_checked.c  uploads that are checked by their MD5 sum
//     swift_put.c    uploads of whatever size
//     swift_large.c  what is larger than the store takes at once
//     swift_many.c   many downloads at once
//     swift_delete.c many deletions at once
//     swift_async.c  reading in an event loop (net/swift_async.h)
#pragma once

#include "net/http_pool.h"
#include "net/keystone.h"
#include "net/swift.h"

#include <sys/types.h>

// What the store says of itself at /info.
struct swift_limits {
    uint64_t object_max;   // bytes of one object, and of one segment of a larger one
    uint64_t segments_max; // of one object; 0: the store knows no large objects
    uint64_t deletes_max;  // objects in one bulk delete; 0: the store knows none
};

struct swift {
    struct swift_settings settings; // copies
    unsigned retries;               // of a request, after the first try
    struct http_client *http;
    struct http_pool *pool; // NULL: nothing was downloaded with swift_get_many() so far
    bool anonymous;         // no token is ever asked for
    char *token;            // NULL: to be asked for
    char *storage_url;      // without a slash at its end
    struct swift_limits limits;
    bool limits_known; // they are asked for once
};

#define SWIFT_RETRIES 3
#define SWIFT_ANSWER_MAX ((size_t)64 * 1024)
#define SWIFT_MD5_HEX (2 * 16 + 1)

// ---- swift_auth.c

// Asks for a token. Errors as in swift.h.
int swift_authenticate(struct swift *swift, struct error *err);
void swift_forget_token(struct swift *swift);

// The same in two halves, for who does the request in a way of its own. The question holds the
// password until it is released; the caller owns token and address.
struct swift_question {
    char *tempauth_url; // NULL: it is Keystone's
    struct strv headers;
    struct keystone_question keystone;
};
int swift_auth_ask(const struct swift_settings *settings, struct swift_question *ret,
                   struct error *err);
struct http_request swift_auth_request(const struct swift_question *question); // borrows from it
void swift_question_release(struct swift_question *question);
int swift_auth_take(const struct swift_settings *settings, const struct http_response *answer,
                    char **ret_token, char **ret_storage_url, struct error *err);
// Says where it was that something failed.
int swift_auth_failed(const struct swift_settings *settings, int r, struct error *err);

// The storage URL of `region` (NULL: the only or first one) in a Keystone catalog; -ENOENT when it
// has none, with the regions that have one in the message; -EIO when the answer is not what the
// Identity API v3 says.
int swift_catalog_find(const char *text, size_t len, const char *region, char **ret,
                       struct error *err);

// What a failed transfer means for a caller of this client.
int swift_transfer_error(int r);

// ---- swift.c

struct swift_call {
    const char *method, *container, *object, *query; // object and query may be NULL
    const struct strv *headers;
    const void *body;
    size_t body_len;
    const char *body_file;
    uint64_t body_offset, body_size; // as in struct http_request
    const int *answer_fd;            // the same
};

// Does the call with a valid token: one that is refused is renewed once. Errors as in swift.h.
int swift_call(struct swift *swift, const struct swift_call *call, struct http_response *answer,
               struct error *err);

// The address of what the call is about, below that of the storage. The caller frees.
int swift_call_url(const char *storage_url, const struct swift_call *call, char **ret);
// What the status of its answer means: 0, or an error of swift.h.
int swift_status(const struct swift_call *call, long status, struct error *err);
int swift_settings_copy(const struct swift_settings *from, struct swift_settings *to);

// Adds the names of a listing in JSON, as `format=json` gives it; empty text is an empty listing.
// -EIO when it is something else.
int swift_listing_parse(const char *text, size_t len, const char *container, struct strv *ret,
                        struct error *err);

// ---- swift_checked.c

// Uploads with the ETag that the store has to hold what comes against, and holds its answer against
// it. `object` is the call but for method and headers, of which `extra` (may be NULL) are the
// caller's.
int swift_put_checked(struct swift *swift, const struct swift_call *object, const char *etag,
                      const struct strv *extra, struct http_response *answer, struct error *err);

// MD5 sums of a file, in hexadecimal: of the whole, and, unless `parts` is NULL, of each part of
// `part_size` bytes, appended in order.
int swift_file_md5(const char *path, uint64_t part_size, char whole[static SWIFT_MD5_HEX],
                   struct strv *parts, struct error *err);
int swift_text_md5(const void *text, size_t len, char hex[static SWIFT_MD5_HEX], struct error *err);

// ---- swift_large.c

// What the store takes, asked for the first time that somebody wants to know. A store that does not
// tell has Swift's defaults.
int swift_limits(struct swift *swift, struct swift_limits *ret, struct error *err);
// Reads the answer of /info; what it does not say stays as it is. -EIO: it is no such answer.
int swift_limits_parse(const char *text, size_t len, struct swift_limits *limits,
                       struct error *err);
// Bytes of each segment but the last; 0: the store cannot hold so much.
uint64_t swift_segment_size(uint64_t size, const struct swift_limits *limits);

// Uploads a file of `size` bytes in segments.
int swift_put_large(struct swift *swift, const char *container, const char *object,
                    const char *path, uint64_t size, const struct strv *headers, struct error *err);
// Removes the segments of an object but those whose names begin with `keep` (NULL: all), as far as
// the store lets us: the object does not need them.
void swift_sweep_segments(struct swift *swift, const char *container, const char *object,
                          const char *keep);

// ---- swift_delete.c

// Reads the answer to a bulk delete (`Accept: application/json`). -EAGAIN, -EACCES or -EIO with the
// first object that was not deleted, or when it is no such answer. Absent objects are fine.
int swift_bulk_answer_parse(const char *text, size_t len, struct error *err);
