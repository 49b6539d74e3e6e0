// SPDX-License-Identifier: GPL-3.0-only
// The built-in store over HTTP: the part of the Swift v1 API that clients use, with the token
// service of TempAuth. Format: the OpenStack Object Storage API reference.
//
//     GET /auth/v1.0                       X-Auth-User, X-Auth-Key -> X-Auth-Token, X-Storage-Url
//     GET /swift/info                      the largest object and listing, as JSON
//     GET HEAD POST /swift/v1              the account: its containers
//     GET HEAD PUT POST DELETE /swift/v1/CONTAINER
//     GET HEAD PUT POST DELETE /swift/v1/CONTAINER/OBJECT
//
// Without a token everything that is not open answers 401, there or not, as Swift does.
// Objects and bytes are not counted: a container's HEAD has no totals.
#pragma once

#include "web/exchange.h"

int store_auth(struct exchange *x, struct error *err);
int store_info(struct exchange *x, struct error *err);
int store_account(struct exchange *x, struct error *err);
int store_container(struct exchange *x, struct error *err);
int store_container_change(struct exchange *x, struct error *err);
int store_object_read(struct exchange *x, struct error *err);
int store_object_change(struct exchange *x, struct error *err);

// PUT of an object: streamed.
int store_put_begin(struct exchange *x, struct error *err);
int store_put_receive(struct exchange *x, const void *bytes, size_t len, struct error *err);
int store_put_end(struct exchange *x, struct error *err);

// Stored bytes are strangers' bytes: headers by which a browser does not run them in our name.
int store_add_guards(struct exchange *x);
// Sends an object with the headers Swift gives; for the store and for /results.
int store_send_object(struct exchange *x, const char *container, const char *object,
                      struct error *err);
