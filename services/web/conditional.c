// SPDX-License-Identifier: GPL-3.0-only
#include "web/conditional.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/parse.h"

// Digits at *text, which moves behind them. -ENOENT: there are none.
static int take_number(const char **text, uint64_t *ret)
{
    size_t len = strspn(*text, "0123456789");
    _cleanup_free_ char *digits = NULL;

    if (len == 0)
        return -ENOENT;
    digits = strndup(*text, len);
    *text += len;
    return digits ? parse_uint(digits, 0, UINT64_MAX, ret, NULL) : -ENOMEM;
}

// FIRST-LAST, either of which may be missing, but not both; a missing *ret_last stays as it was.
static int take_bounds(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                       bool *ret_has_first)
{
    int has_first = take_number(&text, ret_first), has_last;

    if ((has_first < 0 && has_first != -ENOENT) || *text++ != '-')
        return -EINVAL;
    has_last = take_number(&text, ret_last);
    if ((has_last < 0 && has_last != -ENOENT) || *text || (has_first < 0 && has_last < 0))
        return -EINVAL;
    *ret_has_first = has_first == 0;
    return 0;
}

enum range range_parse(const char *header, uint64_t size, uint64_t *ret_first, uint64_t *ret_len)
{
    uint64_t first = 0, last = UINT64_MAX;
    bool has_first = false;

    if (!header || strncasecmp(header, "bytes=", 6) != 0 ||
        take_bounds(header + 6, &first, &last, &has_first) < 0)
        return RANGE_WHOLE;
    if (!has_first) { // the last N bytes
        if (last == 0 || size == 0)
            return RANGE_UNSATISFIABLE;
        *ret_len = last < size ? last : size;
        *ret_first = size - *ret_len;
        return RANGE_PART;
    }
    if (last < first)
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    if (last > size - 1)
        last = size - 1;
    *ret_first = first;
    *ret_len = last - first + 1;
    return RANGE_PART;
}

bool etag_listed(const char *list, const char *etag)
{
    size_t want = strlen(etag);

    while (*list) {
        size_t len;

        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (str_starts_with(list, "W/"))
            list += 2;
        if (*list == '"')
            list++;
        len = strcspn(list, "\", \t");
        if (len > 0 && len == want && memcmp(list, etag, len) == 0)
            return true;
        list += len;
        list += strspn(list, "\"");
    }
    return false;
}

bool if_range_holds(const char *header, const char *etag, const char *date)
{
    return !header || (date && strcmp(header, date) == 0) ||
           (etag && !strchr(header, '*') && !str_starts_with(header, "W/") &&
            etag_listed(header, etag));
}

enum precondition conditions_check(const struct conditions *c, const char *etag, int64_t mtime)
{
    int64_t when;

    if (c->if_match) {
        if (!etag_listed(c->if_match, etag))
            return PRECONDITION_FAILED;
    } else if (c->if_unmodified_since && http_date_parse(c->if_unmodified_since, &when) == 0 &&
               mtime > when)
        return PRECONDITION_FAILED;
    if (c->if_none_match)
        return etag_listed(c->if_none_match, etag) ? PRECONDITION_NOT_MODIFIED : PRECONDITION_SEND;
    if (c->if_modified_since && http_date_parse(c->if_modified_since, &when) == 0 && mtime <= when)
        return PRECONDITION_NOT_MODIFIED;
    return PRECONDITION_SEND;
}

char *http_date_format(int64_t seconds)
{
    return clock_format_utc(seconds, "%a, %d %b %Y %H:%M:%S GMT");
}

// RFC 850 has a year of two digits: one more than 50 years ahead is in the past.
static void place_century(struct tm *tm)
{
    time_t now = time(NULL);
    struct tm today;

    if (gmtime_r(&now, &today) && tm->tm_year > today.tm_year + 50)
        tm->tm_year -= 100;
}

int http_date_parse(const char *text, int64_t *ret)
{
    static const char *const formats[] = {
        "%a, %d %b %Y %H:%M:%S GMT", // the one that is sent
        "%a %b %d %H:%M:%S %Y",      // asctime()
        "%a, %d-%b-%y %H:%M:%S GMT", // RFC 850; strptime() takes long names of days, too
    };

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);

        if (!end || *end)
            continue;
        if (i == 2)
            place_century(&tm);
        *ret = (int64_t)timegm(&tm);
        return 0;
    }
    return -EINVAL;
}
