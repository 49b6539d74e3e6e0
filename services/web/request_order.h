// SPDX-License-Identifier: GPL-3.0-only
// What somebody asks for by the parameters of /request.cgi, checked in full before anything is
// queued. Names and formats of the parameters: docs/reference/requests.md.
#pragma once

#include "adt/names.h"
#include "adt/request.h"
#include "data/json.h"
#include "web/uri.h"

struct request_order {
    struct request request;
    char *release;
    struct strv archs;
    enum queue_context context;
};

// What the server takes requests for.
struct request_limits {
    const struct strv *releases, *architectures;
};

// 0; -EINVAL: malformed; -ENOENT: a release or architecture that is not known here. Messages begin
// with the parameter.
int request_order_read(const struct params *params, const struct request_limits *limits,
                       struct request_order *ret, struct error *err);
// The same of an object like Request of static/openapi.json: one string for each parameter, or a
// list of them where it may be given more than once; a boolean for all-proposed. -E2BIG: more than
// PARAMS_MAX values.
int request_order_read_json(const json_t *object, const struct request_limits *limits,
                            struct request_order *ret, struct error *err);
void request_order_release(struct request_order *order);
