// SPDX-License-Identifier: GPL-3.0-only
// Who is logged in, kept by the browser in a signed cookie: no web unit has to remember anybody,
// and every unit with the same key knows the same people. Nothing here knows HTTP.
//
//     session=1:EXPIRES:ID:USER:TEAM/TEAM:MAC
//
// MAC is HMAC-SHA256 (RFC 2104) in hex over what is before it, under a key of its own for each
// purpose, so that one signed text cannot be passed off as another.
#pragma once

#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

#define SESSION_KEY_BYTES 32
#define SESSION_SECONDS (12 * 60 * 60) // then one has to log in again: teams change
#define SESSION_NAME_MAX 100           // bytes of a user's or team's name

struct session_key {
    unsigned char bytes[SESSION_KEY_BYTES];
};

struct session {
    char *user;
    struct strv teams;  // of those that were asked for at the login
    uint64_t expires_s; // since 1970
    char id[33];        // random, hex
};

// The key that follows from a secret which all units share. -ENOMEM.
int session_key_derive(const char *secret, struct session_key *ret);
// A random one, with which all sessions end when the service does.
int session_key_make(struct session_key *ret, struct error *err);

// The MAC alone. The caller frees; NULL for lack of memory.
char *session_mac(const struct session_key *key, const char *purpose, const char *text);
// `TEXT:MAC`. The caller frees; NULL for lack of memory.
char *session_sign(const struct session_key *key, const char *purpose, const char *text);
// The text of what session_sign() gave for that purpose. -EBADMSG for anything else.
int session_unsign(const struct session_key *key, const char *purpose, const char *signed_text,
                   char **ret_text, struct error *err);

// Letters, digits and `.+_-`, not beginning with a sign, up to SESSION_NAME_MAX.
bool session_name_is_valid(const char *name);
// `bytes` random bytes in hex, into a buffer of twice that and a NUL. -EIO.
int session_random(size_t bytes, char *ret, struct error *err);

// A new session from `now_s`. -EINVAL: the name of the user or a team is not one.
int session_new(const char *user, const struct strv *teams, uint64_t now_s, struct session *ret,
                struct error *err);
// The cookie's value. The caller frees; NULL for lack of memory.
char *session_write(const struct session_key *key, const struct session *session);
// -EBADMSG: not signed by this key, -ESTALE: expired.
int session_read(const struct session_key *key, const char *cookie, uint64_t now_s,
                 struct session *ret, struct error *err);
void session_release(struct session *session);

// Forms of one kind have one token: who finds out that for logging out, which is on every page, can
// send no requests with it.
enum session_form { SESSION_FORM_REQUESTS, SESSION_FORM_LOGOUT };

// What the forms of this session carry, so that no other site can fill them in. The caller frees.
char *session_form_token(const struct session_key *key, const struct session *session,
                         enum session_form form);
bool session_form_token_is(const struct session_key *key, const struct session *session,
                           enum session_form form, const char *token);
