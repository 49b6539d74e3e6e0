// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_call.h"

#include "base/clock.h"
#include "base/log.h"
#include "web/web.h"

// So long everybody is told at once that a store is out of reach, before it is tried again.
#define DOWN_US (3 * USEC_PER_SEC)
#define FRESH_US (5 * USEC_PER_SEC) // what was heard of it since says how it is
#define PROBE_BODY_MAX ((size_t)64 * 1024)

void stored_call_reset(struct web *web)
{
    for (int i = READER_ANYBODY; i <= READER_ACCOUNT; i++) {
        struct stored_health *health = &web->swift->health[i];

        if (health->probe)
            stored_call_cancel(web, health->probe);
        *health = (struct stored_health){.web = web};
    }
}

// ---- what answers say

static enum stored_state judge(enum stored_reader reader, int r, const struct http_response *answer)
{
    if (r == -EAGAIN && answer->status == 0)
        return STATE_SILENT;
    if (r == -EACCES || answer->status >= 500 ||
        (answer->status == 401 && reader == READER_ACCOUNT))
        return STATE_REFUSES;
    return r == 0 || r == -E2BIG ? STATE_UP : STATE_UNKNOWN; // else it is our own trouble
}

static void log_change(enum stored_state state, long status, const char *why)
{
    if (state == STATE_UP)
        log_info("the object store answers again");
    else if (state == STATE_SILENT)
        log_warning("the object store is out of reach: %s", why);
    else if (status)
        log_warning("the object store refuses with status %ld", status);
    else
        log_warning("the object store refuses: %s", why);
}

static void hear(struct stored_health *health, enum stored_state state,
                 const struct http_response *answer, const struct error *why)
{
    bool first_good = health->state == STATE_UNKNOWN && state == STATE_UP;
    uint64_t now = clock_monotonic_us();

    if (state == STATE_UNKNOWN)
        return;
    if (state != health->state && !first_good)
        log_change(state, answer->status, error_message(why));
    if (state != health->state)
        health->since_us = now;
    health->state = state;
    health->heard_us = now;
    health->down_until_us = state == STATE_SILENT ? now + DOWN_US : 0;
}

static const char *words_of(enum stored_state state)
{
    return state == STATE_SILENT    ? "the object store does not answer"
           : state == STATE_REFUSES ? "the object store refuses to answer"
                                    : NULL;
}

const char *stored_call_trouble(const struct web *web)
{
    const struct stored_swift *swift = web->swift;
    const char *words = NULL;

    for (int i = READER_ANYBODY; swift && swift->wanted && i <= READER_ACCOUNT && !words; i++)
        words = words_of(swift->health[i].state);
    return words;
}

// ---- asking

static int trouble(const struct stored_health *health, struct error *err)
{
    static const char text[] = "the object store does not answer, try again later";
    uint64_t down_us = clock_monotonic_us() - health->since_us;
    _cleanup_free_ char *time = clock_format_duration(down_us / USEC_PER_SEC);

    return words_of(health->state) && time
               ? error_set(err, -EAGAIN, "%s (it has not for %s)", text, time)
               : error_set(err, -EAGAIN, "%s", text);
}

int stored_call_start(struct web *web, const struct swift_async_request *request, unsigned most,
                      http_async_done *done, void *userdata, struct swift_async_call **ret,
                      struct error *err)
{
    struct stored_swift *swift = web->swift;
    const struct stored_health *health = &swift->health[request->as_account];
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (health->down_until_us > clock_monotonic_us())
        return trouble(health, err);
    if (swift->calls >= most)
        return error_set(err, -EAGAIN, "too much is read from the object store, try again later");
    r = swift_async_start(swift->swift, request, done, userdata, ret, &why);
    if (r < 0) {
        log_warning("the object store: %s", error_message(&why));
        return trouble(health, err);
    }
    swift->calls++;
    return 0;
}

int stored_call_end(struct web *web, enum stored_reader reader, const char *what, int r,
                    const struct http_response *answer, const struct error *why, struct error *err)
{
    const struct swift_async_request request = {.container = what};
    enum stored_state state = judge(reader, r, answer);
    _cleanup_error_ struct error meaning = ERROR_INIT;

    web->swift->calls--;
    if (r == -ECANCELED)
        return error_set(err, -EAGAIN, "the web service is stopping");
    hear(&web->swift->health[reader], state, answer, why);
    if (r == -E2BIG)
        return error_set(err, -EFBIG, "%s is larger than can be shown", what);
    if (state == STATE_SILENT)
        return trouble(&web->swift->health[reader], err);
    if (r < 0)
        (void)error_set(&meaning, r, "%s: %s", what, error_message(why));
    else
        r = swift_async_status(&request, answer->status, &meaning);
    if (r == -ENOENT || (r == -EACCES && reader == READER_ANYBODY))
        return error_set(err, -ENOENT, "there is no public %s", what);
    if (r == 0)
        return 0;
    log_warning("the object store: %s", error_message(&meaning));
    return trouble(&web->swift->health[reader], err);
}

void stored_call_cancel(struct web *web, struct swift_async_call *call)
{
    swift_async_cancel(call);
    web->swift->calls--;
}

// ---- asking for nothing else

static void on_probe(int r, const struct http_response *answer, const struct error *why,
                     void *userdata)
{
    struct stored_health *health = userdata;
    struct stored_swift *swift = health->web->swift;
    enum stored_reader reader = (enum stored_reader)(health - swift->health);

    health->probe = NULL;
    swift->calls--;
    if (r != -ECANCELED)
        hear(health, judge(reader, r, answer), answer, why);
}

// As anybody for a container, which there may be or not; the account's own head, which it may see
// or not. The answer to either comes from behind whatever stands before the store.
static void probe(struct web *web, enum stored_reader reader)
{
    const struct strv *releases = &web->settings.releases;
    _cleanup_free_ char *container =
        str_format("autopkgtest-%s", releases->len > 0 ? releases->items[0] : "");
    const bool as_account = reader == READER_ACCOUNT;
    const struct swift_async_request request = {.method = as_account ? "HEAD" : "GET",
                                                .container = as_account ? NULL : container,
                                                .query = as_account ? NULL : "?limit=1",
                                                .as_account = as_account,
                                                .body_max = PROBE_BODY_MAX};
    struct stored_health *health = &web->swift->health[reader];

    if (container)
        (void)stored_call_start(web, &request, STORED_CALLS_MAX, on_probe, health, &health->probe,
                                NULL);
}

int stored_call_is_up(struct web *web, enum stored_reader reader)
{
    const struct stored_health *health = &web->swift->health[reader];

    if (!health->probe && clock_monotonic_us() - health->heard_us >= FRESH_US)
        probe(web, reader);
    return health->state == STATE_UNKNOWN ? -ENODATA : health->state == STATE_UP;
}
