// SPDX-License-Identifier: GPL-3.0-only
// Where a browser has a request from, by what it says itself (Fetch Metadata, RFC 6454): other
// sites shall not make our users do what they do not know of.
#pragma once

#include "web/exchange.h"

// Whether a browser sends this from one of our own pages (or it is no browser).
bool origin_is_ours(const struct exchange *x);
