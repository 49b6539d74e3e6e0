// SPDX-License-Identifier: GPL-3.0-only
// What programs ask: health, queues, running tests.
#include "adt/names.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/results.h"
#include "web/web.h"

// In queues.json, in place of requests.
#define UNANSWERED "this queue does not answer"
#define CLOSED "request in a queue that is not a classic one"

static int put_check(json_t *checks, const char *name, int r, const struct error *err)
{
    return json_put_string(checks, name, r == 0 ? "ok" : error_message(err));
}

static int check_database(struct exchange *x, struct error *err)
{
    struct database *db = NULL;
    bool any;
    int r = web_database(x->web, &db, err);

    return r < 0 ? r : results_any(db, &any, err);
}

// The built-in one is this unit's to have; one elsewhere is told, but takes no unit away.
static int check_store(const struct web *web, struct error *err)
{
    const char *trouble = stored_trouble(web);

    if (web->store)
        return store_check(web->store, err);
    return trouble ? error_set(err, -EAGAIN, "%s", trouble) : 0;
}

int page_health(struct exchange *x, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT, store_why = ERROR_INIT;
    _cleanup_json_ json_t *answer = json_object();
    json_t *checks = json_object();
    const char *reason = "ok";
    int db = check_database(x, &why), store = check_store(x->web, &store_why);
    bool store_failed = store < 0 && x->web->store, failing = db < 0 || store_failed;

    (void)broker_is_up(x->web->broker, &reason);
    if (put_check(checks, "database", db, &why) < 0 ||
        put_check(checks, "store", store, &store_why) < 0 ||
        json_put_string(checks, "broker", reason) < 0 || json_put(answer, "checks", checks) < 0 ||
        json_put_string(answer, "status", failing ? "failing" : "ok") < 0 ||
        json_put_string(answer, "version", VERSION) < 0 ||
        exchange_add_header(x, "Cache-Control", "no-store") < 0)
        return error_oom(err);
    if (failing)
        (void)json_put_string(answer, "reason", error_message(store_failed ? &store_why : &why));
    return exchange_answer_json(x, failing ? 503 : 200, answer);
}

static int add_member(struct buf *b, const char *name, const char *between)
{
    _cleanup_json_ json_t *text = json_string(name);
    int r = text ? buf_add_str(b, between) : -ENOMEM;

    if (r == 0)
        r = json_write(text, b);
    return r < 0 ? r : buf_add_char(b, ':');
}

// As long as the queue is: other programs count the entries.
static int add_closed(struct buf *b, int64_t n)
{
    int r = buf_add_char(b, '[');

    for (int64_t i = 0; r == 0 && i < n; i++)
        r = buf_add_str(b, i > 0 ? ",\"" CLOSED "\"" : "\"" CLOSED "\"");
    return r < 0 ? r : buf_add_char(b, ']');
}

// One that does not answer says so behind what was known of it, as "private job" says what it is.
static int add_queue(struct exchange *x, struct buf *b, const json_t *lengths,
                     const struct queue_place *place)
{
    const struct queue_copy *queue = broker_queue(x->web->broker, place);
    const json_t *length = broker_length(lengths, place);
    int r;

    if (length && broker_queue_is_closed(x->web->broker, place))
        return add_closed(b, json_integer_value(length));
    r = queue_copy_write(queue, b);
    if (r < 0 || length)
        return r;
    buf_truncate(b, b->len - 1);
    return buf_add_str(b,
                       queue_copy_len(queue) > 0 ? ",\"" UNANSWERED "\"]" : "\"" UNANSWERED "\"]");
}

static int add_release(struct exchange *x, struct buf *b, const json_t *lengths,
                       struct queue_place place)
{
    const char *between = "{";
    int r = 0;

    STRV_FOREACH (arch, &x->web->settings.architectures) {
        place.arch = arch;
        if (r == 0)
            r = add_member(b, arch, between);
        if (r == 0)
            r = add_queue(x, b, lengths, &place);
        between = ",";
    }
    return r < 0 ? r : buf_add_char(b, '}');
}

// {"ubuntu": {release: {arch: [request, …]}}, …}; each queue's text was made when it was read.
static int write_queues(struct exchange *x, struct buf *b, const json_t *lengths)
{
    int r = 0;

    for (int context = 0; r == 0 && context < CONTEXT_COUNT; context++) {
        struct queue_place place = {.context = (enum queue_context)context};
        const char *between = "{";

        r = add_member(b, queue_context_name(place.context), context == 0 ? "{" : ",");
        STRV_FOREACH (release, &x->web->settings.releases) {
            place.release = release;
            if (r == 0)
                r = add_member(b, release, between);
            if (r == 0)
                r = add_release(x, b, lengths, place);
            between = ",";
        }
        if (r == 0)
            r = buf_add_char(b, '}');
    }
    return r < 0 ? r : buf_add_str(b, "}\n");
}

int page_queues_json(struct exchange *x, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(SIZE_MAX / 2);
    _cleanup_free_ char *why = NULL;
    const json_t *lengths = NULL;
    int r = broker_look(x->web->broker, QUEUE_BODIES, x, &lengths);

    if (r != 0)
        return r < 0 ? error_oom(err) : r;
    if (!lengths) {
        why = broker_absence(x->web->broker, NULL);
        return exchange_fail(x, 503, err, "the broker is away: %s", why ? why : "unknown");
    }
    return write_queues(x, &text, lengths) < 0 ||
                   page_answer_buf(x, MHD_HTTP_OK, TYPE_JSON, &text) < 0
               ? error_oom(err)
               : 0;
}

int page_running_json(struct exchange *x, struct error *err)
{
    _cleanup_json_ json_t *running = running_json(broker_running(x->web->broker));
    _cleanup_buf_ struct buf text = BUF_INIT(SIZE_MAX / 2);

    if (!running || json_write(running, &text) < 0 || buf_add_char(&text, '\n') < 0 ||
        page_answer_buf(x, MHD_HTTP_OK, TYPE_JSON, &text) < 0)
        return error_oom(err);
    return 0;
}
