// SPDX-License-Identifier: GPL-3.0-only
// Whether a request may be made, with `authorization: launchpad`: the triggers have to be
// published, and the requester needs the right to upload one of the packages, or a team.
#pragma once

#include "web/request_order.h"
#include "web/requester.h"

// 0, EXCHANGE_WAIT while Launchpad is asked (launchpad.h), or an error with the status set: 404 a
// trigger that is not published, 403 not allowed, 503 Launchpad cannot be asked. With another
// authorization everything may be requested by whom requester_identify() lets through.
int permission_to_request(struct exchange *x, const struct requester *requester,
                          const struct request_order *order, struct error *err);

// Whether somebody who is logged in is `name`, or in a team of that name: *ret. 0, EXCHANGE_WAIT,
// or an error.
int permission_is_one_of(struct exchange *x, const struct strv *names, bool *ret,
                         struct error *err);
