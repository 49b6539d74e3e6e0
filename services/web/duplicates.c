// SPDX-License-Identifier: GPL-3.0-only
#include "web/duplicates.h"

#include "base/clock.h"
#include "web/broker.h"
#include "web/requests.h"
#include "web/web.h"

#define NOTED_US (10 * USEC_PER_SEC) // by then the indexer has it, or nobody will
#define SEEN_US (120 * USEC_PER_SEC) // what was in a queue longer ago may have run since

// Lines "UUID TIME", with the time as a history has it, and "DIGEST UUID".
int duplicate_note(struct web *web, const char *uuid, const char *digest)
{
    _cleanup_free_ char *time =
        clock_format_utc((int64_t)(clock_realtime_us() / USEC_PER_SEC), "%Y-%m-%dT%H:%M:%SZ");
    int r;

    remembered_turn(&web->noted, NOTED_US);
    r = time ? strv_addf(&web->noted.now, "%s %s", uuid, time) : -ENOMEM;
    return r == 0 && *digest ? strv_addf(&web->noted.now, "%s %s", digest, uuid) : r;
}

// What stands behind this in the last line that begins with it; NULL: there is none.
static const char *find_last(const struct strv *lines, const char *key)
{
    size_t len = strlen(key);

    for (size_t i = lines->len; i-- > 0;)
        if (strncmp(lines->items[i], key, len) == 0 && lines->items[i][len] == ' ')
            return lines->items[i] + len + 1;
    return NULL;
}

static const char *find_noted(struct web *web, const char *key)
{
    const char *found;

    remembered_turn(&web->noted, NOTED_US);
    found = find_last(&web->noted.now, key);
    return found ? found : find_last(&web->noted.before, key);
}

int duplicate_find_noted(struct web *web, const char *uuid, json_t **ret)
{
    const char *queued = event_state_name(EVENT_QUEUED), *time = find_noted(web, uuid);

    if (!time)
        return 0;
    *ret = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "uuid", uuid, "state", queued, "history",
                     "state", queued, "time", time);
    return *ret ? 1 : -ENOMEM;
}

// What the indexer has written of the newest with this digest; NULL: nothing.
static json_t *find_told(struct web *web, const char *digest)
{
    int64_t since =
        (int64_t)(clock_realtime_us() - (uint64_t)DUPLICATE_DAYS * 86400 * USEC_PER_SEC);
    struct database *db = NULL;
    json_t *same = NULL;

    return web_database(web, &db, NULL) == 0 &&
                   requests_find_same(db, digest, since, &same, NULL) == 0
               ? same
               : NULL;
}

// ---- in the queues, and at the workers

// Whether the indexer knows that it has been done, or taken out, since it was seen.
static bool is_over(struct web *web, const char *uuid)
{
    _cleanup_json_ json_t *known = NULL;
    struct database *db = NULL;

    return uuid && web_database(web, &db, NULL) == 0 &&
           requests_find(db, uuid, &known, NULL) == 0 &&
           !request_state_is_open(json_text(known, "state"));
}

// Whether the text of a request that was seen in this state is the same; *ret then says where it
// is.
static int compare(struct web *web, const char *text, enum event_state state,
                   const struct duplicate_test *test, const char *digest, json_t **ret)
{
    _cleanup_(request_release) struct request other = REQUEST_INIT;
    _cleanup_free_ char *other_digest = NULL;
    // Most others are told apart without being read.
    const char *trigger = test->request->triggers.len > 0 ? test->request->triggers.items[0] : "/";

    if (!text || !strstr(text, strchr(trigger, '/') + 1) ||
        request_parse(text, strlen(text), &other, NULL) < 0)
        return 0;
    other_digest = request_digest(&other, test->release, test->arch);
    if (!other_digest)
        return -ENOMEM;
    if (strcmp(other_digest, digest) != 0 || is_over(web, other.uuid))
        return 0;
    *ret = json_pack("{s:s, s:s*}", "state", event_state_name(state), "uuid", other.uuid);
    return *ret ? 1 : -ENOMEM;
}

static int find_in_queue(struct web *web, const struct queue_copy *queue,
                         const struct duplicate_test *test, const char *digest, json_t **ret)
{
    const char *package = test->request->package;
    size_t len = queue_copy_len(queue);
    int r = 0;

    for (size_t at = queue_copy_find(queue, package, 0); at < len && r == 0;
         at = queue_copy_find(queue, package, at + 1)) {
        _cleanup_json_ json_t *text = queue_copy_get(queue, at);

        r = compare(web, json_string_value(text), EVENT_QUEUED, test, digest, ret);
    }
    return r;
}

// What other workers than ours tell of is their tests' status only.
static int find_running(struct web *web, const struct duplicate_test *test, const char *digest,
                        json_t **ret)
{
    const char *package = test->request->package;
    const struct running_filter filter = {
        .package = package, .release = test->release, .arch = test->arch, .limit = RUNNING_MAX};
    _cleanup_json_ json_t *list = running_list(broker_running(web->broker), &filter);
    int r = list ? 0 : -ENOMEM;

    for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
        const json_t *params = json_object_get(json_array_get(list, i), "params");
        _cleanup_free_ char *json = json_dumps(params, JSON_COMPACT);
        _cleanup_free_ char *text = json ? str_format("%s\n%s", package, json) : NULL;

        r = text ? compare(web, text, EVENT_RUNNING, test, digest, ret) : -ENOMEM;
    }
    return r;
}

// Who puts requests into queues without this service tells nobody of them: they are looked for in
// what was seen of the queues for the pages; not for this: requests would be taken out of their
// queue for each that is put in. In huge the same may wait for when there is nothing else to do.
static int find_in_queues(struct web *web, const struct duplicate_test *test, const char *digest,
                          json_t **ret)
{
    bool seen = broker_has_looked(web->broker, QUEUE_BODIES, SEEN_US);
    int r = 0;

    for (int c = 0; seen && r == 0 && c < CONTEXT_COUNT; c++) {
        const struct queue_place place = {(enum queue_context)c, test->release, test->arch};
        const struct queue_copy *queue =
            c == CONTEXT_HUGE ? NULL : broker_queue(web->broker, &place);

        if (queue)
            r = find_in_queue(web, queue, test, digest, ret);
    }
    return r;
}

int duplicate_find(struct web *web, const struct duplicate_test *test, json_t **ret)
{
    _cleanup_free_ char *digest = request_digest(test->request, test->release, test->arch);
    _cleanup_json_ json_t *told = NULL;
    const char *noted;
    int r;

    if (!digest)
        return -ENOMEM;
    if (!*digest)
        return 0;
    told = find_told(web, digest);
    if (told && request_state_is_open(json_text(told, "state"))) {
        *ret = TAKE_PTR(told);
        return 1;
    }
    noted = find_noted(web, digest);
    if (noted && (!told || strcmp(noted, json_text(told, "uuid")) != 0)) {
        *ret = json_pack("{s:s}", "state", event_state_name(EVENT_QUEUED));
        return *ret ? 1 : -ENOMEM;
    }
    r = find_running(web, test, digest, ret);
    return r == 0 ? find_in_queues(web, test, digest, ret) : r;
}
