// SPDX-License-Identifier: GPL-3.0-only
// From method and path to a row of the table of routes (routes.c).
//
// A pattern is a path whose segments may be `{name}` (one segment that is not empty) or, last,
// `{name...}` (all that is left, may be empty). Segments are percent-decoded one by one, so that
// %2F does not split; what `{name...}` catches is decoded as a whole. A slash at the end of a path
// changes nothing, unless it belongs to `{name...}`. The first row that fits wins.
#pragma once

#include "web/uri.h"

enum method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_DELETE = 16,
    METHOD_OTHER = 32, // of HTTP
    METHOD_UNKNOWN = 64
};

#define METHODS_READ (METHOD_GET | METHOD_HEAD)

enum route_kind {
    ROUTE_PAGE, // the handler fills exchange.data: a template makes HTML of it, or it is the JSON
    ROUTE_DATA, // a machine's interface: answers and errors are JSON
    ROUTE_RAW,  // the handler answers itself, errors are plain text
};

// Whether what a route shows is in the store of results (forward.h).
enum stored { STORED_NOT, STORED, STORED_IN_PART };

struct exchange;

struct route {
    unsigned methods; // of enum method
    const char *pattern;
    enum route_kind kind;
    const char *template; // ROUTE_PAGE: name in the template set
    // Called when the whole request is there; answers, waits or fails (exchange.h).
    int (*handle)(struct exchange *x, struct error *err);
    size_t body_max; // bytes of body kept for the handler; 0: none is accepted
    // Instead of keeping the body: called before it comes (may answer already), and for each piece.
    int (*begin)(struct exchange *x, struct error *err);
    int (*receive)(struct exchange *x, const void *bytes, size_t len, struct error *err);
    enum stored stored;
    bool own_limit; // the handler counts its clients itself (limits.h)
    bool keep;      // changes nothing, and may be a second old (page_cache.h)
};

enum method method_parse(const char *name);

// Whether `path` (raw, still escaped) fits; the values go into *values (emptied before). -EINVAL
// for bad escapes, -ENOMEM; else 1 or 0.
int route_match(const char *pattern, const char *path, struct params *values);

// The route for a request among `n` routes. -ENOENT: no pattern fits; -EOPNOTSUPP: one does, but
// not with this method (*ret_allowed tells which are known); -EINVAL: bad escapes.
int router_find(const struct route *routes, size_t n, enum method method, const char *path,
                struct params *values, const struct route **ret, unsigned *ret_allowed);

// "GET, HEAD" for the header Allow; the caller frees.
char *methods_text(unsigned set);
