// SPDX-License-Identifier: GPL-3.0-only
// Time: monotonic for intervals, UTC for dates.
#pragma once

#include "base/error.h"

#include <stdint.h>
#include <time.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

// Microseconds of CLOCK_MONOTONIC.
uint64_t clock_monotonic_us(void);
// Microseconds since 1970, UTC.
uint64_t clock_realtime_us(void);

// How long it is until `until_us` (of clock_monotonic_us(); past: 0), for ppoll(). Gives `room`
// with the time in it, or NULL, which is no limit, for USEC_INFINITY.
struct timespec *clock_left(uint64_t until_us, struct timespec *room);

// A date by strftime()'s format, in UTC; seconds since 1970. The caller frees; NULL for lack of
// memory or a date no calendar has.
char *clock_format_utc(int64_t seconds, const char *format) __attribute__((format(strftime, 2, 0)));

// `YYYYMMDD_HHMMSS` (the first 15 bytes of `text`, what follows is not looked at), UTC, into
// seconds since 1970. -EINVAL.
int clock_parse_compact(const char *text, int64_t *ret_seconds, struct error *err);

// A duration for people: "45s", "3m 20s", "2h 05m". The caller frees.
char *clock_format_duration(uint64_t seconds);
