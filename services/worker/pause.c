// SPDX-License-Identifier: GPL-3.0-only
#include "worker/pause.h"

#include "base/log.h"

#include <inttypes.h>

#define PAUSE_MAX_S UINT64_C(3600)

uint64_t pause_length_s(uint64_t retry_delay_s, unsigned pauses)
{
    uint64_t length = pauses < 12 ? (retry_delay_s ? retry_delay_s : 1) << pauses : PAUSE_MAX_S;

    return length < PAUSE_MAX_S ? length : PAUSE_MAX_S;
}

bool pause_is_on(const struct worker *w)
{
    return w->testbed_failures >= PAUSE_AFTER;
}

void pause_count(struct worker *w, bool testbed_failure)
{
    uint64_t length;

    if (!testbed_failure) {
        if (pause_is_on(w))
            log_info("testbeds work again: taking work as before");
        w->testbed_failures = w->pauses = 0;
        w->pause_until_us = 0;
        return;
    }
    w->testbed_failures++;
    if (!pause_is_on(w))
        return;
    length = pause_length_s(w->settings.retry_delay_s, w->pauses++);
    w->pause_until_us = clock_monotonic_us() + length * USEC_PER_SEC;
    log_error(
        "%u testbed failures in a row: pausing for %" PRIu64
        " s, then one request is tried; systemctl reload autopkgtest-worker@%s ends the pause",
        w->testbed_failures, length, w->settings.name);
}
