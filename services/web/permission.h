// SPDX-License-Identifier: GPL-3.0-only
// Whether a request may be made. What is asked for has to be there: the package, unless it is built
// from a tree, in the release or in one of the PPAs. With `authorization: launchpad` Launchpad is
// asked for it, and the triggers have to be published, the PPAs have to exist, and the requester
// needs the right to upload one of the packages, or a team. Else the package is looked for among
// those with results and in the archive's indices (current_version), where these are read.
#pragma once

#include "web/request_order.h"
#include "web/requester.h"

// 0, EXCHANGE_WAIT while Launchpad is asked (launchpad.h), or an error with the status set: 404 a
// package, PPA or trigger that is not there, 403 not allowed, 503 Launchpad cannot be asked.
int permission_to_request(struct exchange *x, const struct requester *requester,
                          const struct request_order *order, struct error *err);

// Whether somebody who is logged in is `name`, or in a team of that name: *ret. 0, EXCHANGE_WAIT,
// or an error.
int permission_is_one_of(struct exchange *x, const struct strv *names, bool *ret,
                         struct error *err);
