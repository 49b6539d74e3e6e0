// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"

#include "base/buf.h"

#include <inttypes.h>
#include <string.h>

#define DATE_LEN 8 // YYYYMMDD

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

struct timespec *clock_left(uint64_t until_us, struct timespec *room)
{
    uint64_t now, us;

    if (until_us == USEC_INFINITY)
        return NULL;
    now = clock_monotonic_us();
    us = until_us > now ? until_us - now : 0;
    room->tv_sec = (time_t)(us / USEC_PER_SEC);
    room->tv_nsec = (long)(us % USEC_PER_SEC * 1000);
    return room;
}

// The header's format attribute has every caller's format checked; here it is a variable.
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
char *clock_format_utc(int64_t seconds, const char *format)
{
    time_t when = (time_t)seconds;
    struct tm tm;
    char text[256];

    if (!gmtime_r(&when, &tm) || strftime(text, sizeof(text), format, &tm) == 0)
        return NULL;
    return str_format("%s", text);
}

static int two_digits(const char *s, int *ret)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return -EINVAL;
    *ret = (s[0] - '0') * 10 + (s[1] - '0');
    return 0;
}

// The start of a day. One is remembered: dates that follow each other often share it, and timegm()
// takes longer than all else of a row of results.
static int day_start(const char date[DATE_LEN], int year, int month, int day, int64_t *ret)
{
    static _Thread_local struct {
        char date[DATE_LEN];
        int64_t start;
    } last;
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

    if (memcmp(last.date, date, DATE_LEN) != 0) {
        int64_t start = (int64_t)timegm(&tm);

        // It normalises: a 31st of February comes back as another day.
        if (tm.tm_mon != month - 1 || tm.tm_mday != day)
            return -EINVAL;
        memcpy(last.date, date, DATE_LEN);
        last.start = start;
    }
    *ret = last.start;
    return 0;
}

int clock_parse_compact(const char *text, int64_t *ret_seconds, struct error *err)
{
    static const size_t at[] = {0, 2, 4, 6, 9, 11, 13};
    int part[ARRAY_SIZE(at)];
    int64_t start;

    if (strlen(text) < 15 || text[8] != '_')
        goto invalid;
    for (size_t i = 0; i < ARRAY_SIZE(at); i++)
        if (two_digits(text + at[i], &part[i]) < 0)
            goto invalid;
    if (part[4] > 23 || part[5] > 59 || part[6] > 59 ||
        day_start(text, part[0] * 100 + part[1], part[2], part[3], &start) < 0)
        goto invalid;
    *ret_seconds = start + part[4] * 3600 + part[5] * 60 + part[6];
    return 0;
invalid:
    return error_set(err, -EINVAL, "expected a date as YYYYMMDD_HHMMSS, got \"%s\"", text);
}

char *clock_format_duration(uint64_t seconds)
{
    uint64_t h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;

    if (h > 0)
        return str_format("%" PRIu64 "h %02" PRIu64 "m", h, m);
    if (m > 0)
        return str_format("%" PRIu64 "m %02" PRIu64 "s", m, s);
    return str_format("%" PRIu64 "s", s);
}
