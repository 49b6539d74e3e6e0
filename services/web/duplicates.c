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

int duplicate_note(struct web *web, const char *digest)
{
    forget_old(web);
    return *digest ? strv_add(&web->noted, digest) : 0;
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
