// SPDX-License-Identifier: GPL-3.0-only
// Who may do what in the store, shared by the handlers of containers and of objects.
#pragma once

#include "web/exchange.h"
#include "web/store.h"

// Whether the request carries a token of the account.
bool store_is_account(const struct exchange *x);
// Answers 401 as Swift does.
int store_unauthorized(struct exchange *x);
// When *ret_refused the handler is over and returns what this did.
int store_refuse_unless_account(struct exchange *x, struct error *err, bool *ret_refused);
// Opens the container of the address for reading objects, or its listing, by token or ACL.
int store_open_container(struct exchange *x, bool listing, struct store_container *ret,
                         struct error *err, bool *ret_refused);
// `2024-01-31T12:00:00.000000`, as listings have it; the caller frees.
char *store_date(int64_t microseconds);

// ---- listings

// Whether it is asked for as JSON, else as text.
bool store_listing_is_json(const struct exchange *x);
// What a listing is asked for with: prefix, marker, end_marker, delimiter (borrowed), limit. 412
// for what is not known here.
int store_listing_query(struct exchange *x, struct store_query *ret, struct error *err);
// Answers with lines, or with the beginning of a JSON array, "[…", that is ended here; takes over
// the text.
int store_answer_listing(struct exchange *x, bool json, struct buf *text);
