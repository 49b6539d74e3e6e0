// SPDX-License-Identifier: GPL-3.0-only
// What waits: all queues, and the requests of one with their positions.
#include "adt/names.h"
#include "base/parse.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/queued.h"
#include "web/web.h"

#define ROWS 100 // requests on a page

// How many requests such a queue has is not known.
static int put_unanswered(json_t *row)
{
    return json_put(row, "queued", json_null()) < 0 ? -ENOMEM
                                                    : json_put_bool(row, "unanswered", true);
}

// ---- all queues

static int add_queue(struct exchange *x, json_t *rows, const json_t *lengths,
                     const struct queue_place *place)
{
    const struct running_filter here = {.release = place->release, .arch = place->arch};
    int64_t queued = queue_length(lengths, place);
    struct queue_pace pace;
    json_t *row;

    if (queued == 0 && broker_length(lengths, place))
        return 0;
    pace = queue_pace(x, lengths, place);
    row = json_pack("{s:s, s:s, s:s, s:I, s:I}", "context", queue_context_name(place->context),
                    "release", place->release, "arch", place->arch, "queued", (json_int_t)queued,
                    "running", (json_int_t)running_count(broker_running(x->web->broker), &here));
    if (queue_put_wait(row, &pace, queued) < 0 ||
        (!broker_length(lengths, place) && put_unanswered(row) < 0)) {
        json_decref(row);
        return -ENOMEM;
    }
    return json_array_append_new(rows, row) < 0 ? -ENOMEM : 0;
}

// Those of a release, of an architecture, or all.
static int put_queues(struct exchange *x, const json_t *lengths, const struct queue_place *only)
{
    const struct web_settings *s = &x->web->settings;
    json_t *rows = json_array();
    int r = 0;

    for (int c = 0; c < CONTEXT_COUNT; c++)
        STRV_FOREACH (release, &s->releases)
            STRV_FOREACH (arch, &s->architectures) {
                const struct queue_place place = {(enum queue_context)c, release, arch};

                if (r == 0 && (!only->release || str_equal(only->release, release)) &&
                    (!only->arch || str_equal(only->arch, arch)))
                    r = add_queue(x, rows, lengths, &place);
            }
    if (json_put_string(x->data, "release", only->release) < 0 ||
        json_put_string(x->data, "arch", only->arch) < 0 ||
        json_put_bool(x->data, "place", only->release || only->arch) < 0)
        r = -ENOMEM;
    return page_put_rows(x->data, "queues", rows) < 0 ? -ENOMEM : r;
}

// ---- one queue

// Links to the pages before and behind.
static int put_pages(struct exchange *x, size_t from, size_t len)
{
    int r = 0;

    if (from > 0)
        r = json_put_string(x->data, "first_page", "yes");
    if (r == 0 && from > 0)
        r = json_put_int(x->data, "previous", (int64_t)(from > ROWS ? from - ROWS : 0));
    if (r == 0 && len - from > ROWS)
        r = json_put_int(x->data, "next", (int64_t)(from + ROWS));
    if (r == 0 && len - from > ROWS)
        r = json_put_int(x->data, "last", (int64_t)((len - 1) / ROWS * ROWS));
    return r < 0 ? r : json_put_int(x->data, "queued", (int64_t)len);
}

// How many wait is all that is known.
static int put_closed(struct exchange *x, const json_t *lengths, const struct queue_place *place)
{
    return json_put_int(x->data, "queued", queue_length(lengths, place)) < 0
               ? -ENOMEM
               : json_put_bool(x->data, "closed", true);
}

static int put_requests(struct exchange *x, const json_t *lengths, const struct queue_place *place,
                        size_t from)
{
    const struct queue_copy *queue = broker_queue(x->web->broker, place);
    struct queue_pace pace = queue_pace(x, lengths, place);
    size_t len = queue_copy_len(queue);
    json_t *rows = json_array();
    int r = 0;

    if (from > len)
        from = len;
    for (size_t i = from; r == 0 && i < len && i < from + ROWS; i++)
        if (json_array_append_new(rows, queue_row(queue, &pace, i)) < 0)
            r = -ENOMEM;
    if (page_put_rows(x->data, "requests", rows) < 0 || r < 0 || put_pages(x, from, len) < 0 ||
        (broker_queue_is_closed(x->web->broker, place) && put_closed(x, lengths, place) < 0) ||
        json_put_string(x->data, "context", queue_context_name(place->context)) < 0 ||
        json_put_string(x->data, "release", place->release) < 0 ||
        (!broker_length(lengths, place) && json_put_bool(x->data, "unanswered", true) < 0))
        return -ENOMEM;
    return json_put_string(x->data, "arch", place->arch);
}

// 1: one queue is asked for; 0: those of all contexts, of a release or an architecture if such is
// given. All that is given is checked.
static int read_place(struct exchange *x, struct queue_place *ret, struct error *err)
{
    const struct web_settings *s = &x->web->settings;
    const char *context = params_get_filled(&x->query, "context");
    bool known;

    ret->release = params_get_filled(&x->query, "release");
    ret->arch = params_get_filled(&x->query, "arch");
    known = (!ret->release || strv_contains(&s->releases, ret->release)) &&
            (!ret->arch || strv_contains(&s->architectures, ret->arch));
    if (!context && known)
        return 0;
    for (int c = 0; known && ret->release && ret->arch && c < CONTEXT_COUNT; c++)
        if (str_equal(queue_context_name((enum queue_context)c), context)) {
            ret->context = (enum queue_context)c;
            return 1;
        }
    return exchange_fail(x, 404, err,
                         "there is no queue of context %s, release %s, architecture %s",
                         context ? context : "(none)", ret->release ? ret->release : "(none)",
                         ret->arch ? ret->arch : "(none)");
}

static int read_from(struct exchange *x, uint64_t *ret, struct error *err)
{
    const char *text = params_get_filled(&x->query, "from");

    return text && parse_uint(text, 0, INT32_MAX, ret, err) < 0 ? error_prefix(err, -EINVAL, "from")
                                                                : 0;
}

int page_queues(struct exchange *x, struct error *err)
{
    struct queue_place place = {0};
    const json_t *lengths = NULL;
    uint64_t from = 0;
    int one = read_place(x, &place, err), r;

    if (one < 0 || (r = read_from(x, &from, err)) < 0)
        return one < 0 ? one : r;
    r = broker_look(x->web->broker, one ? QUEUE_BODIES : QUEUE_LENGTHS, x, &lengths);
    if (r == EXCHANGE_WAIT)
        return r;
    r = r < 0 ? error_oom(err) : page_start(x, "Queues", err);
    if (r == 0)
        r = page_put_broker(x);
    if (r == 0 && lengths)
        r = one ? put_requests(x, lengths, &place, from) : put_queues(x, lengths, &place);
    if (r == 0)
        r = json_put_bool(x->data, one ? "one_queue" : "all_queues", true);
    return r < 0 ? error_oom(err) : 0;
}
