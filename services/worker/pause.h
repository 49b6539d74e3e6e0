// SPDX-License-Identifier: GPL-3.0-only
// A worker that sees testbed failures in a row, whichever requests they are of, is likely to be the
// cause: it pauses, and lets others have the requests. After a time that grows it takes one request
// as a probe; when that finds no testbed either, the request goes back at once, with its count of
// attempts, and the pause goes on. Any other outcome ends it, and so does SIGHUP, after which
// nothing is remembered.
#pragma once

#include "worker/worker.h"

#define PAUSE_AFTER 3U

// A test has ended.
void pause_count(struct worker *w, bool testbed_failure);
// Whether it has seen too many; until w->pause_until_us nothing is taken.
bool pause_is_on(const struct worker *w);

// The length of pause number `pauses` (0, 1, …): the delay of retries, doubling up to an hour.
uint64_t pause_length_s(uint64_t retry_delay_s, unsigned pauses);
