// SPDX-License-Identifier: GPL-3.0-only
#include "web/outage.h"

#include "base/clock.h"

int outage_fail(struct outage *outage, const char *what, struct error *err)
{
    uint64_t now_us = clock_monotonic_us();
    _cleanup_free_ char *time = NULL;

    if (outage->since_us == 0)
        outage->since_us = now_us;
    time = clock_format_duration((now_us - outage->since_us) / USEC_PER_SEC);
    return time ? error_set(err, -EAGAIN, "%s, try again later (it has been for %s)", what, time)
                : error_oom(err);
}

void outage_end(struct outage *outage)
{
    outage->since_us = 0;
}
