// SPDX-License-Identifier: GPL-3.0-only
// RabbitMQ's management API (https://www.rabbitmq.com/docs/management#http-api), as an
// administrator: the users that this system makes for others, and what they may do.
//
// A user of ours is marked by the tag RABBIT_MARK, which gives no right to anything; others are
// never changed.
#pragma once

#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define RABBIT_MARK "autopkgtest-cloud"

// Patterns of names (regular expressions) in one vhost; "" is none. Borrowed.
struct rabbit_permissions {
    const char *vhost;
    const char *configure, *write, *read;
};

struct rabbit_api;

// `admin` is an object: hosts (of the broker's nodes: the next is tried where one does not answer),
// user, password, port (default 15672). -EBADMSG: something in it is missing or wrong.
int rabbit_api_new(const json_t *admin, struct rabbit_api **ret, struct error *err);
void rabbit_api_free(struct rabbit_api *api);

// -EPERM: there is such a user, and it is not ours. *ret_exists (may be NULL) tells whether there
// is one.
int rabbit_api_check_ours(struct rabbit_api *api, const char *user, bool *ret_exists,
                          struct error *err);
// Makes the user, or gives it another password, and sets what it may do in that vhost. Errors as
// rabbit_api_check_ours(); -EBADMSG: there is no such vhost, or a pattern is none.
int rabbit_api_put_user(struct rabbit_api *api, const char *user, const char *password,
                        const struct rabbit_permissions *permissions, struct error *err);
// -EBADMSG: there is no such user.
int rabbit_api_delete_user(struct rabbit_api *api, const char *user, struct error *err);
// Our users, by name: an object of name -> array of {"vhost", "configure", "write", "read"}. The
// caller owns it.
int rabbit_api_list(struct rabbit_api *api, json_t **ret, struct error *err);

DEFINE_CLEANUP(struct rabbit_api *, rabbit_api_free)
