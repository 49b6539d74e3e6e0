// SPDX-License-Identifier: GPL-3.0-only
// The pieces of a request's address: raw path, and the parameters of a query or of a form.
// Nothing here knows routes or sockets.
#pragma once

#include "base/buf.h"

#include <stdbool.h>

#define PARAMS_MAX 512 // more in one request are refused

struct param {
    char *name, *value;
};

// An ordered list of names and values; names may repeat.
struct params {
    struct param *items; // owned
    size_t len, alloc;
};

// Adds a copy. -E2BIG beyond PARAMS_MAX, -ENOMEM.
int params_add(struct params *params, const char *name, const char *value);
// Reads `a=1&b=2` (application/x-www-form-urlencoded: '+' is a blank) and appends. -EINVAL for a
// bad escape or a NUL, with a message; empty pieces are left out.
int params_parse(struct params *params, const char *text, size_t len, struct error *err);
// The first value of that name; NULL when absent. Borrowed.
const char *params_get(const struct params *params, const char *name);
// The first value of that name, "" counts as absent.
const char *params_get_filled(const struct params *params, const char *name);
void params_release(struct params *params);
#define _cleanup_params_ _cleanup_(params_release)

// Cuts `uri` at '?': *ret_path and *ret_query ("" when there is none) are copies; an absolute
// address ("http://host/path") loses scheme and host.
int uri_split(const char *uri, char **ret_path, char **ret_query);
