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
