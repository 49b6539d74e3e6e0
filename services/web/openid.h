// SPDX-License-Identifier: GPL-3.0-only
// OpenID Authentication 2.0 as the relying party, with one provider that the operator names: the
// messages, without sending any. Sources: OpenID Authentication 2.0 (final), Simple Registration
// Extension 1.1, and Launchpad's teams extension (namespace
// http://ns.launchpad.net/2007/openid-teams).
//
//     browser ── openid_request_url() ──▶ provider: who are you?
//     browser ◀─ …/login/return?openid.… ─┘
//     service: openid_read_answer()  is it for us, recent, and is all of it signed?
//     service ── openid_check_body() ──▶ provider: did you sign this?   (direct verification,
//     §11.4.2) service ◀─ is_valid:true ── openid_reply_is_valid()
//
// Direct verification needs no key between the two: the provider answers once for each signature.
#pragma once

#include "base/strv.h"
#include "web/uri.h"

#include <stdbool.h>
#include <stdint.h>

struct openid_party {
    const char *endpoint;     // of the provider
    const char *return_to;    // where the browser comes back to
    const char *realm;        // what the provider shows to the user: our origin and "/"
    const struct strv *teams; // memberships to ask for
};

struct openid_answer {
    char *nickname;
    struct strv teams; // of those asked for
    char *nonce;       // differs for every login
};

// Where to send the browser. The caller frees; NULL for lack of memory.
char *openid_request_url(const struct openid_party *party);

// What the browser has brought back, when it is a positive assertion of this provider for this
// return_to, at most five minutes off `now_s`, and everything that is used of it is said to be
// signed. -ECANCELED: the user did not want; -EBADMSG: anything else, with the reason. Only
// openid_reply_is_valid() says whether it is true.
int openid_read_answer(const struct params *query, const struct openid_party *party, int64_t now_s,
                       struct openid_answer *ret, struct error *err);
void openid_answer_release(struct openid_answer *answer);

// The form with which the provider is asked whether it has signed that.
int openid_check_body(const struct params *query, struct buf *ret);
// Its answer, in Key-Value form.
bool openid_reply_is_valid(const char *text);
