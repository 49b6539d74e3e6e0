// SPDX-License-Identifier: GPL-3.0-only
// OpenStack's Identity API v3: a token for an account, and where the region's services are. Format:
// the OpenStack Identity API v3 reference ("Password authentication with scoped authorization",
// "Authenticating with an Application Credential").
#pragma once

#include "net/http.h"

#include <jansson.h>

struct keystone_account {
    const char *auth_url;                          // …/v3, with or without a slash behind it
    const char *username, *user_id, *password;     // a name needs a domain …
    const char *user_domain_name, *user_domain_id; // … which is "Default" when not told
    const char *project_name, *project_id;         // the same
    const char *project_domain_name, *project_domain_id;
    const char *application_id, *application_secret; // in place of all but the address
    const char *ca_file;                             // NULL: the system's authorities
    unsigned retries;                                // of the request, after the first try
};

// Asks for a token. *ret_catalog is the array of services (borrowed by nobody: the caller frees it
// and the token). -EACCES (refused), -EAGAIN (down or out of reach), -EIO (an answer that makes no
// sense), -EINVAL (the account is no UTF-8 text). No message has the password.
int keystone_authenticate(struct http_client *http, const struct keystone_account *account,
                          char **ret_token, json_t **ret_catalog, struct error *err);

// The same in two halves, for who does the request in a way of its own: what to ask (it holds the
// password until it is released), and what the answer says.
#define KEYSTONE_ANSWER_MAX ((size_t)4 * 1024 * 1024)
struct keystone_question {
    char *url;
    struct strv headers;
    struct buf body;
};
int keystone_ask(const struct keystone_account *account, struct keystone_question *ret,
                 struct error *err);
struct http_request keystone_request(const struct keystone_question *question); // borrows from it
void keystone_question_release(struct keystone_question *question);
int keystone_take(const struct keystone_account *account, const struct http_response *answer,
                  char **ret_token, json_t **ret_catalog, struct error *err);

// The catalog in the body of such an answer; -EIO. The caller owns it.
int keystone_parse_catalog(const char *text, size_t len, json_t **ret, struct error *err);

// The address of a service of type `type` in `region` (empty or NULL: the first that has one),
// `what` in messages. -ENOENT: there is none; the message names the regions that have one. The
// caller frees.
int keystone_endpoint(const json_t *catalog, const char *type, const char *what,
                      const char *interface, const char *region, char **ret, struct error *err);

// What an HTTP status means for who asked for a token: 0, -EACCES, -EAGAIN or -EIO.
int keystone_status(const char *user, long status, struct error *err);

// A failed transfer that may go better later is -EAGAIN; others stay.
int keystone_transfer_error(int r);
