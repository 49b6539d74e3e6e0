// SPDX-License-Identifier: GPL-3.0-only
// One HTTP request and its answer, as handlers see it.
//
//     NEW ──begin──▶ RECEIVING ──whole──▶ HANDLING ──▶ ANSWERED (handed to libmicrohttpd)
//      │                 │                    │  ▲
//      └── early answer ─┴─▶ DRAINING ──▶ … ──┤  │ exchange_resume()
//          (a short body is read first,       ▼  │
//          so that the client hears us)     WAITING (connection suspended)
//
// A handler ends in one of three ways: it has answered and returns 0; it returns EXCHANGE_WAIT and
// sees to it that exchange_resume() or exchange_again() is called once; or it returns a negative
// errno with a message, which becomes an error page, JSON or text, with the status that
// exchange_fail() set or the one that goes with the errno.
#pragma once

#include "data/json.h"
#include "web/accept.h"
#include "web/router.h"

#include <microhttpd.h>

#define EXCHANGE_WAIT 1
#define EXCHANGE_ENDS 4

enum exchange_state {
    EXCHANGE_NEW,
    EXCHANGE_RECEIVING,
    EXCHANGE_DRAINING,
    EXCHANGE_HANDLING,
    EXCHANGE_WAITING,
    EXCHANGE_ANSWERED
};

// How page_archive.c and page_member.c read an archive.
enum archive_way { ARCHIVE_UNDECIDED, ARCHIVE_AS_IT_COMES, ARCHIVE_WHOLE };

struct body_source;
struct reading;
struct session;
struct stored_want;
struct turn;
struct web;

struct exchange {
    struct web *web;
    struct MHD_Connection *connection;
    enum exchange_state state;
    enum method method;
    char *path, *query_text; // raw
    struct params query;     // decoded
    struct params values;    // what the route's pattern has caught
    const struct route *route;
    uint64_t received; // bytes of body so far
    struct buf body;   // when route->body_max allows one
    bool wants_json;   // ?format=json, or Accept
    bool again;        // the handler is to be called once more
    bool counted;      // limits_check_user() has: not each time that it waits for others
    bool forwarded;    // another unit was asked (forward.h)
    // The answer has something that only this client may see: it is not compressed and nobody keeps
    // it (docs/reference/web.md says why).
    bool secret;
    bool gzip; // exchange_encode() has chosen that

    json_t *data; // ROUTE_PAGE: what the page shows
    unsigned status;
    struct params headers; // of the answer
    char *tag;             // of its content without a coding, unquoted; NULL: none
    struct MHD_Response *response;
    bool response_shared; // belongs to the cache of pages

    struct session *session; // of login.c: who is logged in
    bool session_looked;     // for it

    struct turn *turn;       // of turn.h: it waits for the next one
    struct reading *reading; // of reading.h: what is looked at inside a file
    int index_fd;            // of page_archive.c: an index that is written for it; -1: none
    char *archive_etag;      // of the archive that is looked into
    enum archive_way archive_way;
    struct stored_want *wanted; // of stored.c: what was asked of a store elsewhere

    void (*ends[EXCHANGE_ENDS])(struct exchange *x); // exchange_at_end()

    void *userdata; // of the route's handlers, freed by free_userdata
    void (*free_userdata)(void *userdata);
};

// A request header, NULL when absent. Borrowed.
const char *exchange_header(const struct exchange *x, const char *name);
// The last of several of this name: what a proxy adds stands behind what its client has sent.
const char *exchange_last_header(const struct exchange *x, const char *name);
// What the pattern has caught under this name; never NULL for a name of the pattern.
const char *exchange_value(const struct exchange *x, const char *name);
// Which form of a page the client wants, by its Accept headers.
enum accepted exchange_accepts(const struct exchange *x);
// How many bytes of body the client announces; UINT64_MAX when it does not say (chunked).
uint64_t exchange_content_length(const struct exchange *x);
// Whether the client speaks TLS, with a proxy in front of us (X-Forwarded-Proto).
bool exchange_is_tls(const struct exchange *x);
// The same, or everybody comes by way of a public address that is https: what must not go without
// TLS is marked so.
bool exchange_is_secure(const struct exchange *x);
// `http://HOST[:PORT]` as the client sees us (Host header; X-Forwarded-Proto from a proxy). The
// caller frees.
char *exchange_origin(const struct exchange *x);

// The same for what is kept or passed on: the public address when a proxy has told it.
char *exchange_site(const struct exchange *x);

// `end` is called when the exchange is freed: once, however often it is asked for. For at most
// EXCHANGE_ENDS different ones, each of a part of the server that keeps something for the exchange.
void exchange_at_end(struct exchange *x, void (*end)(struct exchange *x));

// What a page depends on: HTML or JSON, its coding, and who looks at it.
#define VARY_PAGE "Accept, Accept-Encoding, Cookie"

// Of what nobody else may see, or has to come as it is sent: no proxy compresses it either
// (RFC 9110 §7.7), whose length would tell of it.
#define CACHE_SECRET "no-store, no-transform"

// Adds a header to the answer to come. Characters that would break out of the header make it fail.
int exchange_add_header(struct exchange *x, const char *name, const char *value);

// Chooses the content coding of an answer of this type and size (encoding.h), which is then in
// x->gzip. Answers in memory do it themselves; whoever looks at entity tags has to do it before.
void exchange_encode(struct exchange *x, const char *type, uint64_t size);
// Says that what has this type depends on Accept-Encoding, unless a handler has said more. -ENOMEM.
int exchange_add_vary(struct exchange *x, const char *type);
// Says who may keep the answer, unless a handler has. exchange_answer() does that. -ENOMEM.
int exchange_add_cache_control(struct exchange *x);
// Says what browsers are to hold to for any answer: its type is what it is said to be, and without
// TLS they do not come again where we are behind it. exchange_answer() does that. -ENOMEM.
int exchange_add_guards(struct exchange *x);
// Gives the answer an entity tag (a hash, unquoted); with a coding it gets one of its own. -ENOMEM.
int exchange_set_tag(struct exchange *x, const char *tag);
// Whether the client has what this tag stands for (If-None-Match), with the coding that was chosen
// or without one: then no coding is chosen.
bool exchange_is_known(struct exchange *x);

// Answers; the response (the content) passes to the exchange. 0 or -ENOMEM.
int exchange_answer(struct exchange *x, unsigned status, struct MHD_Response *response);
// Puts headers and the entity tag onto a response of this status, as exchange_answer() does.
int exchange_describe(struct MHD_Response *response, unsigned status, const struct params *headers,
                      const char *tag, bool gzip);
int exchange_answer_empty(struct exchange *x, unsigned status);
int exchange_answer_buf(struct exchange *x, unsigned status, const char *type, struct buf *body);
// Sends what `source` gives (body.h); it is taken over. Content-Type was added as a header.
int exchange_answer_stream(struct exchange *x, unsigned status, const struct body_source *source,
                           void *userdata, uint64_t size);
int exchange_answer_text(struct exchange *x, unsigned status, const char *text);
int exchange_answer_json(struct exchange *x, unsigned status, const json_t *value);
// To a path of ours, below the public address, or to an address.
int exchange_redirect(struct exchange *x, unsigned status, const char *location);

// Ends a handler with an error of this HTTP status: `return exchange_fail(x, 404, err, "…")`.
int exchange_fail(struct exchange *x, unsigned status, struct error *err, const char *format, ...)
    _printf_(4, 5);

// Makes the answer out of what a handler returned (negative errno and message).
void exchange_answer_error(struct exchange *x, int r, struct error *err);

// Continues a waiting exchange: call once, after the answer was made.
void exchange_resume(struct exchange *x);
// Instead: calls the handler of a waiting exchange again, from its beginning. Without a broker,
// that is when the service ends, it is answered here.
void exchange_again(struct exchange *x);

void exchange_drop_response(struct exchange *x);

struct exchange *exchange_new(struct web *web, const char *uri);
void exchange_free(struct exchange *x);
