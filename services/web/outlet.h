// SPDX-License-Identifier: GPL-3.0-only
// The way of bytes to a client that come by and by: what it has not taken yet waits here, and while
// there is nothing its connection sleeps.
#pragma once

#include "base/buf.h"

#include <microhttpd.h>

struct outlet {
    struct MHD_Connection *connection;
    struct buf waiting; // for the client; whoever fills it sets its maximum
    bool asleep;
    bool ended;  // nothing more comes
    bool broken; // what was sent until the end is not all
};

// What a response's content reader returns; `bytes` are filled.
ssize_t outlet_read(struct outlet *outlet, char *bytes, size_t max);
// After something was added, or it has ended. Whether the connection slept: web_run_http() is to be
// called then.
bool outlet_wake(struct outlet *outlet);
