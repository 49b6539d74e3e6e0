// SPDX-License-Identifier: GPL-3.0-only
// Who asks, and whether that one may: API keys, people who are logged in (login.h), and requests
// that another site makes in a browser's name.
#pragma once

#include "web/exchange.h"

enum requester_proof {
    PROOF_NONE,    // the server is open
    PROOF_API_KEY, // of an API key (cookie or header X-Api-Key: `user:key`)
    PROOF_SESSION, // logged in, and the form's token is there
};

struct requester {
    enum requester_proof proof;
    char *user; // NULL when nobody is known
};

// `params` are those of a form, whose `token` must be that of the session; NULL: sessions do not
// count, as for programs. -ENOKEY: nobody is known, who could log in; -EKEYREJECTED: it is not
// sure that the user wants this, the token is missing or another's. Fails with 401 or 403 set.
int requester_identify(struct exchange *x, const struct params *params, struct requester *ret,
                       struct error *err);
void requester_release(struct requester *requester);

// Whether `given` ("user:key") is one of the keys in an object of user -> key; takes the same time
// whichever user it is. *ret_user is owned by the caller.
bool api_key_valid(const json_t *keys, const char *given, char **ret_user);
