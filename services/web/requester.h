// SPDX-License-Identifier: GPL-3.0-only
// Who asks, and whether that one may: API keys, and requests that another site makes in a
// browser's name.
#pragma once

#include "web/exchange.h"

// The user of the request's API key (cookie or header X-Api-Key: `user:key`), NULL when it has
// none and the server is open. Fails with 401 or 403 set. The caller frees.
int requester_identify(struct exchange *x, char **ret_user, struct error *err);

// Whether `given` ("user:key") is one of the keys in an object of user -> key; takes the same time
// whichever user it is. *ret_user is owned by the caller.
bool api_key_valid(const json_t *keys, const char *given, char **ret_user);

// Whether a browser sends this from one of our own pages (or it is no browser).
bool requester_same_origin(const struct exchange *x);
