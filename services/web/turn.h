// SPDX-License-Identifier: GPL-3.0-only
// For a handler with more work than others shall wait for: it does a part, and is called again from
// its beginning at the next turn of the loop, when whatever else there is has had its turn.
#pragma once

#include "web/exchange.h"

// EXCHANGE_WAIT, which the handler passes on; or an error.
int turn_wait(struct exchange *x, struct error *err);
// The service ends: all that wait for their turn are answered.
void turns_end(const struct web *web);
