// SPDX-License-Identifier: GPL-3.0-only
// Since when something that answers need is away, so that they can say for how long.
#pragma once

#include "base/error.h"

#include <stdint.h>

struct outage {
    uint64_t since_us; // of the monotonic clock; 0: none
};

// -EAGAIN with "WHAT, try again later (it has been for 5s)"; begins the outage unless one is on.
int outage_fail(struct outage *outage, const char *what, struct error *err);
void outage_end(struct outage *outage);
