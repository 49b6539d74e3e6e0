// SPDX-License-Identifier: GPL-3.0-only
// Where results are kept that go to no Swift: the built-in store of one web unit.
//
// One unit of a web application keeps them, the first leader; it stays the one until it is removed,
// whoever leads later. The leader tells the other units by the application's data of the peer
// relation `cluster`, and workers of other applications by relation `results`; they read it on
// their side, `results-store` (interface autopkgtest-results).
//
// Data of the application on `results`:
//
//     url        the store as Swift's API, "http://10.0.0.9:80/swift/v1"
//     auth-url   where it gives tokens for an account, "http://10.0.0.9:80/auth/v1.0"
//     username   the account
//     secret     id of a Juju secret whose key `token` is the account's password
//
// On `cluster` the application's data are store-unit, store-url ("http://10.0.0.9:80") and
// store-secret, and each unit's own are store-url, the one it would have.
#pragma once

#include "charm/model.h"
#include "charm/settings.h"
#include "charm/state.h"
#include "charm/status.h"

enum result_store_place {
    RESULT_STORE_UNKNOWN,   // not yet, or an operator has to do something
    RESULT_STORE_HERE,      // this unit's web service has it
    RESULT_STORE_ELSEWHERE, // another unit's has
    RESULT_STORE_SWIFT
};

struct result_store {
    enum result_store_place place;
    char *url;   // ELSEWHERE: "http://10.0.0.9:80"
    char *token; // password of the account; HERE may be without one: it is this unit's to make
    // UNKNOWN: what to say.
    enum urgency urgency;
    char *trouble;
};

// Finds out; the leader of a web application decides and tells, with `own_token` (of this unit's
// store, in case that the application has none yet). Takes no call of a hook tool in hooks that
// cannot change anything. *ret must be empty.
int result_store_find(const char *root, const struct model *model, const struct settings *settings,
                      struct state *state, const char *own_token, struct result_store *ret,
                      struct error *err);
// Whether, after the last hook, this unit's web service had it. Asks nobody.
bool result_store_was_here(const struct model *model, const struct state *state);
// Nothing can hold the removal of a unit or its storage back; so the log at least says which
// results go, and with what ("its machine").
int result_store_warn(const char *root, const struct model *model, const struct state *state,
                      const char *with, struct error *err);
void result_store_release(struct result_store *store);
