// SPDX-License-Identifier: GPL-3.0-only
// Logging in at the OpenID provider that the operator names, and who is logged in (session.h).
#pragma once

#include "web/exchange.h"
#include "web/session.h"

// Whether people can log in here (authorization: login or launchpad).
bool login_is_possible(const struct web *web);
// The session of the request's cookie; NULL: nobody is logged in. Borrowed from the exchange.
const struct session *login_session(struct exchange *x);
// The request's cookie of that name, NULL when absent. Borrowed.
const char *login_cookie(const struct exchange *x, const char *name);

// A path of ours with its query, to come back to; "/" for everything else and for the pages of
// logins themselves.
const char *login_safe_next(const char *next);
// `/login?next=NEXT`. The caller frees; NULL for lack of memory.
char *login_url(const char *next);

int page_login(struct exchange *x, struct error *err);
int page_login_return(struct exchange *x, struct error *err);
// Ends the session of a form that has its token; GET has that form.
int page_logout(struct exchange *x, struct error *err);
