// SPDX-License-Identifier: GPL-3.0-only
// Taking back a request, by `autopkgtest-cloud cancel` (command.h).
#pragma once

#include "web/exchange.h"

struct cancel_options {
    const char *uuid;
    const char *requester;      // only if that one has asked for it
    const char *release, *arch; // where to look; NULL: everywhere
    // Makes the answer (a handler's return value) when it is taken back.
    int (*answer)(struct exchange *x, struct error *err);
};

// EXCHANGE_WAIT, or an error. What is not there (any more), or of somebody else, becomes 409.
int cancel_request(struct exchange *x, const struct cancel_options *options, struct error *err);
