// SPDX-License-Identifier: GPL-3.0-only
// HTTP requests by libcurl: time limits, size limits, retries, proxies from the environment
// (http_proxy, https_proxy, no_proxy). Only http and https; a redirect is an answer like any other
// unless the request allows some.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct http_request {
    const char *method; // NULL: GET
    const char *url;
    const struct strv *headers; // "Name: value" lines, may be NULL; an empty value is sent as such
    const void *body;           // from memory …
    size_t body_len;
    const char *body_file; // … or streamed from this file (rewound for a retry); NULL: none
    uint64_t body_offset;  // of body_file: what is before it is not sent
    uint64_t body_size;    // and how much of it is; 0: to its end
    const int *answer_fd;  // where the body of an answer with status 200 goes (emptied first,
                           // up to response->body.max bytes); NULL: to response->body
    const char *ca_file;   // NULL: the system's
    bool ca_is_server;     // ca_file is the server's own certificate, whatever names it has
    const char *cert_file; // who we are, PEM; NULL: we do not say
    const char *key_file;  // its private key
    // For a first meeting: the server's certificate goes there, PEM, and is not verified. NULL: it
    // has to be one that ca_file vouches for.
    struct buf *peer;
    uint64_t connect_timeout_us; // 0: 10 s
    uint64_t idle_timeout_us;    // no byte for this long; 0: 60 s
    // Of connection failures, 408, 429, 498 and 5xx, after a growing random time or what
    // Retry-After says (longer than a minute: not at all); only for idempotent methods, or when the
    // request is `repeatable`.
    unsigned retries;
    bool repeatable;
    unsigned redirects; // how many may be followed
    bool direct;        // whatever the environment says of proxies
};

struct http_response {
    long status;         // HTTP status; 0: no answer
    struct strv headers; // "name: value", names in lower case
    struct buf body;     // up to body.max
};

// body.max must be set by the caller: `struct http_response answer = HTTP_RESPONSE_INIT(1 << 20)`.
#define HTTP_RESPONSE_INIT(body_max)                                                               \
    {                                                                                              \
        .body = BUF_INIT(body_max)                                                                 \
    }

struct http_client; // keeps connections open between requests; for one thread

int http_client_new(const char *user_agent, struct http_client **ret, struct error *err);
void http_client_free(struct http_client *client);

// Does the request to its end; what was in `response` is replaced. An HTTP status of any kind is
// success here; -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET, -EHOSTUNREACH, -EPROTO (TLS, or no HTTP),
// -E2BIG (body larger than allowed), -EINVAL (URL, header), or what opening body_file gave else.
// Messages name method and URL without user, password or query.
int http_perform(struct http_client *client, const struct http_request *request,
                 struct http_response *response, struct error *err);

// The URL without user, password and query, for messages. The caller frees; NULL for lack of
// memory.
char *http_printable_url(const char *url);

// The value of a header (name in lower case), NULL when absent. Borrowed.
const char *http_response_header(const struct http_response *response, const char *name);
void http_response_release(struct http_response *response);

// Percent-encodes all but unreserved characters and, when `keep_slash`, '/'. The caller frees.
char *http_escape(const char *s, bool keep_slash);
// Appends the same.
int http_add_escaped(struct buf *out, const char *s, bool keep_slash);
// Decodes %XX (and '+' as a blank when `form`) in place; -EINVAL for a bad escape or a NUL.
int http_unescape(char *s, bool form);

DEFINE_CLEANUP(struct http_client *, http_client_free)
