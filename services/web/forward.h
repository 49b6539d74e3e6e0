// SPDX-License-Identifier: GPL-3.0-only
// Requests for stored results, at a unit that does not keep them: the unit of the same application
// that does answers them, and we pass its answer on (web.conf: store-peer). It knows the same
// logins, so it decides itself who may see what.
#pragma once

#include "web/exchange.h"

#define FORWARD_PEER_AWAY "the unit that keeps the results is out of reach"

// Whether a request is for the other unit.
bool forward_wanted(const struct exchange *x);
// Asks it: EXCHANGE_WAIT, then the exchange is answered, or its handler is called after all when
// the other unit is out of reach and the route has something to show without it.
int forward_request(struct exchange *x, struct error *err);
