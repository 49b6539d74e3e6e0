// SPDX-License-Identifier: GPL-3.0-only
#include "web/duplicates.h"

#include "base/clock.h"
#include "web/requests.h"
#include "web/web.h"

#define NOTED_US (10 * USEC_PER_SEC) // by then the indexer has it, or nobody will

static void forget_old(struct web *web)
{
    uint64_t now = clock_monotonic_us();

    if (now - web->noted_us < NOTED_US)
        return;
    strv_release(&web->noted_before);
    web->noted_before = web->noted;
    web->noted = (struct strv)STRV_INIT;
    web->noted_us = now;
}

// A digest, and "UUID TIME" with the time as a history has it.
int duplicate_note(struct web *web, const char *uuid, const char *digest)
{
    _cleanup_free_ char *time =
        clock_format_utc((int64_t)(clock_realtime_us() / USEC_PER_SEC), "%Y-%m-%dT%H:%M:%SZ");
    int r;

    forget_old(web);
    r = time ? strv_addf(&web->noted, "%s %s", uuid, time) : -ENOMEM;
    return r == 0 && *digest ? strv_add(&web->noted, digest) : r;
}

// The time at which it was queued; NULL: it is not there.
static const char *find_time(const struct strv *noted, const char *uuid)
{
    size_t len = strlen(uuid);

    STRV_FOREACH (line, noted)
        if (strncmp(line, uuid, len) == 0 && line[len] == ' ')
            return line + len + 1;
    return NULL;
}

int duplicate_find_noted(struct web *web, const char *uuid, json_t **ret)
{
    const char *queued = event_state_name(EVENT_QUEUED), *time;

    forget_old(web);
    time = find_time(&web->noted, uuid);
    if (!time)
        time = find_time(&web->noted_before, uuid);
    if (!time)
        return 0;
    *ret = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "uuid", uuid, "state", queued, "history",
                     "state", queued, "time", time);
    return *ret ? 1 : -ENOMEM;
}

int duplicate_find(struct web *web, const char *digest, json_t **ret)
{
    int64_t since =
        (int64_t)(clock_realtime_us() - (uint64_t)DUPLICATE_DAYS * 86400 * USEC_PER_SEC);
    _cleanup_json_ json_t *same = NULL;
    struct database *db = NULL;

    if (!*digest)
        return 0;
    if (web_database(web, &db, NULL) == 0 &&
        requests_find_same(db, digest, since, &same, NULL) == 0) {
        if (!request_state_is_open(json_text(same, "state")))
            return 0;
        *ret = TAKE_PTR(same);
        return 1;
    }
    forget_old(web);
    if (!strv_contains(&web->noted, digest) && !strv_contains(&web->noted_before, digest))
        return 0;
    *ret = json_pack("{s:s}", "state", event_state_name(EVENT_QUEUED));
    return *ret ? 1 : -ENOMEM;
}
