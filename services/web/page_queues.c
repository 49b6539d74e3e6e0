// SPDX-License-Identifier: GPL-3.0-only
// What waits: all queues, and the requests of one with their positions.
#include "adt/names.h"
#include "adt/request.h"
#include "base/clock.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/results.h"
#include "web/statistics.h"
#include "web/web.h"

struct place {
    enum queue_context context;
    const char *release, *arch;
};

// What estimates are made of. Workers take from all queues of their architecture in turn, so that a
// queue has a share of the tests that run there.
struct pace {
    int64_t mean_s;  // of a test there; 0: not known
    size_t running;  // tests on the architecture
    size_t nonempty; // queues of the architecture
};

static int64_t length_of(const json_t *lengths, const struct place *place)
{
    const json_t *context = json_object_get(lengths, queue_context_name(place->context));
    const json_t *n = json_object_get(json_object_get(context, place->release), place->arch);

    return json_is_array(n) ? (int64_t)json_array_size(n) : json_integer_value(n);
}

static size_t nonempty(const struct web_settings *s, const json_t *lengths, const char *arch)
{
    size_t n = 0;

    for (int c = 0; c < CONTEXT_COUNT; c++)
        STRV_FOREACH (release, &s->releases) {
            const struct place place = {(enum queue_context)c, release, arch};

            n += length_of(lengths, &place) > 0;
        }
    return n;
}

static struct pace pace_of(struct exchange *x, const json_t *lengths, const struct place *place)
{
    const struct running_filter here = {.arch = place->arch};
    const json_t *statistics = NULL;
    struct pace pace = {.running = running_count(broker_running(x->web->broker), &here),
                        .nonempty = nonempty(&x->web->settings, lengths, place->arch)};

    if (statistics_get(x->web, &statistics, NULL) == 0)
        pace.mean_s = statistics_mean_s(statistics, place->release, place->arch);
    return pace;
}

// "about 3 h" until the request at this position (from 1) begins; nothing when it cannot be said.
static int put_wait(json_t *row, const struct pace *pace, int64_t position)
{
    int64_t seconds =
        pace->running ? position * pace->mean_s * (int64_t)pace->nonempty / (int64_t)pace->running
                      : 0;
    _cleanup_free_ char *text = NULL;

    if (seconds == 0)
        return 0;
    text = clock_format_duration((uint64_t)seconds);
    if (!text || json_put_int(row, "wait_s", seconds) < 0)
        return -ENOMEM;
    return json_put_string(row, "wait", text);
}

// ---- all queues

static int add_queue(struct exchange *x, json_t *rows, const json_t *lengths,
                     const struct place *place)
{
    const struct running_filter here = {.release = place->release, .arch = place->arch};
    int64_t queued = length_of(lengths, place);
    struct pace pace;
    json_t *row;

    if (queued == 0)
        return 0;
    pace = pace_of(x, lengths, place);
    row = json_pack("{s:s, s:s, s:s, s:I, s:I}", "context", queue_context_name(place->context),
                    "release", place->release, "arch", place->arch, "queued", (json_int_t)queued,
                    "running", (json_int_t)running_count(broker_running(x->web->broker), &here));
    if (put_wait(row, &pace, queued) < 0) {
        json_decref(row);
        return -ENOMEM;
    }
    return json_array_append_new(rows, row) < 0 ? -ENOMEM : 0;
}

static int put_queues(struct exchange *x, const json_t *lengths)
{
    const struct web_settings *s = &x->web->settings;
    json_t *rows = json_array();
    int r = 0;

    for (int c = 0; c < CONTEXT_COUNT; c++)
        STRV_FOREACH (release, &s->releases)
            STRV_FOREACH (arch, &s->architectures) {
                const struct place place = {(enum queue_context)c, release, arch};

                if (r == 0)
                    r = add_queue(x, rows, lengths, &place);
            }
    return page_put_rows(x->data, "queues", rows) < 0 ? -ENOMEM : r;
}

// ---- one queue

static int fill_request(json_t *row, const char *body)
{
    _cleanup_(request_release) struct request request = REQUEST_INIT;
    _cleanup_free_ char *triggers = NULL, *ppas = NULL, *url = NULL;

    if (request_parse(body, strlen(body), &request, NULL) < 0)
        return json_put_string(row, "package", body); // "private job", "unreadable request"
    triggers = strv_join(&request.triggers, " ");
    ppas = strv_join(&request.ppas, " ");
    url = results_url(request.package, NULL, NULL, NULL);
    if (!triggers || !ppas || !url || json_put_string(row, "package", request.package) < 0 ||
        json_put_string(row, "package_url", url) < 0 ||
        json_put_string(row, "triggers", triggers) < 0 || json_put_string(row, "ppas", ppas) < 0 ||
        json_put_string(row, "uuid", request.uuid) < 0)
        return -ENOMEM;
    return json_put_string(row, "requester", request.requester);
}

static int put_requests(struct exchange *x, const json_t *bodies, const struct place *place)
{
    const json_t *context = json_object_get(bodies, queue_context_name(place->context));
    const json_t *list = json_object_get(json_object_get(context, place->release), place->arch);
    struct pace pace = pace_of(x, bodies, place);
    json_t *rows = json_array(), *body;
    size_t i;
    int r = 0;

    json_array_foreach ((json_t *)list, i, body) {
        json_t *row = json_object();

        if (r == 0 && (json_put_int(row, "position", (int64_t)i + 1) < 0 ||
                       put_wait(row, &pace, (int64_t)i + 1) < 0 ||
                       fill_request(row, json_string_value(body)) < 0))
            r = -ENOMEM;
        if (json_array_append_new(rows, row) < 0)
            r = -ENOMEM;
    }
    if (page_put_rows(x->data, "requests", rows) < 0 || r < 0 ||
        json_put_string(x->data, "context", queue_context_name(place->context)) < 0 ||
        json_put_string(x->data, "release", place->release) < 0 ||
        json_put_int(x->data, "shown_max", QUEUE_WALK_BODIES) < 0)
        return -ENOMEM;
    return json_put_string(x->data, "arch", place->arch);
}

// 1: one queue is asked for, 0: none is. All that is given is checked.
static int read_place(struct exchange *x, struct place *ret, struct error *err)
{
    const struct web_settings *s = &x->web->settings;
    const char *context = params_get_filled(&x->query, "context");

    ret->release = params_get_filled(&x->query, "release");
    ret->arch = params_get_filled(&x->query, "arch");
    if (!context && !ret->release && !ret->arch)
        return 0;
    for (int c = 0; context && c < CONTEXT_COUNT; c++)
        if (str_equal(queue_context_name((enum queue_context)c), context) && ret->release &&
            ret->arch && strv_contains(&s->releases, ret->release) &&
            strv_contains(&s->architectures, ret->arch)) {
            ret->context = (enum queue_context)c;
            return 1;
        }
    return exchange_fail(x, 404, err,
                         "there is no queue of context %s, release %s, architecture %s",
                         context ? context : "(none)", ret->release ? ret->release : "(none)",
                         ret->arch ? ret->arch : "(none)");
}

int page_queues(struct exchange *x, struct error *err)
{
    struct place place = {0};
    const json_t *looked = NULL;
    int one = read_place(x, &place, err);
    int r =
        one < 0 ? one : broker_look(x->web->broker, one ? QUEUE_BODIES : QUEUE_LENGTHS, x, &looked);

    if (r == EXCHANGE_WAIT || one < 0)
        return r;
    r = r < 0 ? error_oom(err) : page_start(x, "Queues", err);
    if (r == 0 && json_put_bool(x->data, "broker_away", !looked) < 0)
        r = -ENOMEM;
    if (r == 0 && looked)
        r = one ? put_requests(x, looked, &place) : put_queues(x, looked);
    if (r == 0)
        r = json_put_bool(x->data, one ? "one_queue" : "all_queues", true);
    return r < 0 ? error_oom(err) : 0;
}
