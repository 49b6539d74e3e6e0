// SPDX-License-Identifier: GPL-3.0-only
#include "web/queued.h"

#include "adt/request.h"
#include "base/clock.h"
#include "web/broker.h"
#include "web/pages.h"
#include "web/results.h"
#include "web/statistics.h"
#include "web/web.h"

#define QUEUED_ROWS 50 // on a page about something else

// ---- estimates

int64_t queue_length(const json_t *lengths, const struct queue_place *place)
{
    return json_integer_value(broker_length(lengths, place));
}

static size_t nonempty(const struct web_settings *s, const json_t *lengths, const char *arch)
{
    size_t n = 0;

    for (int c = 0; c < CONTEXT_COUNT; c++)
        STRV_FOREACH (release, &s->releases) {
            const struct queue_place place = {(enum queue_context)c, release, arch};

            n += queue_length(lengths, &place) > 0;
        }
    return n;
}

struct queue_pace queue_pace(struct exchange *x, const json_t *lengths,
                             const struct queue_place *place)
{
    const struct running_filter here = {.arch = place->arch};
    const json_t *statistics = NULL;
    struct queue_pace pace = {.running = running_count(broker_running(x->web->broker), &here),
                              .nonempty = nonempty(&x->web->settings, lengths, place->arch)};

    if (statistics_get(x->web, &statistics, NULL) == 0)
        pace.mean_s = statistics_mean_s(statistics, place->release, place->arch);
    return pace;
}

int queue_put_wait(json_t *row, const struct queue_pace *pace, int64_t position)
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

// ---- requests

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

json_t *queue_row(const struct queue_copy *queue, const struct queue_pace *pace, size_t at)
{
    _cleanup_json_ json_t *body = queue_copy_get(queue, at), *row = json_object();
    int64_t position = (int64_t)at + 1;

    if (!body || json_put_int(row, "position", position) < 0 ||
        queue_put_wait(row, pace, position) < 0 || fill_request(row, json_string_value(body)) < 0)
        return NULL;
    return TAKE_PTR(row);
}

// ---- of one package

// What is looked for, and what was found of it.
struct search {
    const char *package;
    json_t *rows;
    int64_t total;
};

static int add_place(json_t *row, const struct queue_place *place)
{
    return json_put_string(row, "context", queue_context_name(place->context)) < 0 ||
                   json_put_string(row, "release", place->release) < 0 ||
                   json_put_string(row, "arch", place->arch) < 0
               ? -ENOMEM
               : 0;
}

static int search_queue(struct exchange *x, const json_t *lengths, const struct queue_place *place,
                        struct search *search)
{
    const struct queue_copy *queue = broker_queue(x->web->broker, place);
    size_t len = queue_copy_len(queue), at = queue_copy_find(queue, search->package, 0);
    struct queue_pace pace;

    if (at == len)
        return 0;
    pace = queue_pace(x, lengths, place);
    for (; at < len; at = queue_copy_find(queue, search->package, at + 1)) {
        json_t *row;

        if (search->total++ >= QUEUED_ROWS)
            continue;
        row = queue_row(queue, &pace, at);
        if (json_array_append(search->rows, row) < 0 || add_place(row, place) < 0) {
            json_decref(row);
            return -ENOMEM;
        }
        json_decref(row);
    }
    return 0;
}

int queued_put(struct exchange *x, const char *package, const char *release, const char *arch)
{
    const struct web_settings *s = &x->web->settings;
    struct search search = {.package = package, .rows = json_array()};
    const json_t *lengths = NULL;
    int r = broker_look_back(x->web->broker, QUEUE_BODIES, &lengths);

    for (int c = 0; lengths && c < CONTEXT_COUNT; c++)
        STRV_FOREACH (series, &s->releases)
            STRV_FOREACH (machine, &s->architectures) {
                const struct queue_place place = {(enum queue_context)c, series, machine};

                if (r == 0 && (!release || strcmp(release, series) == 0) &&
                    (!arch || strcmp(arch, machine) == 0))
                    r = search_queue(x, lengths, &place, &search);
            }
    if (page_put_rows(x->data, "queued", search.rows) < 0 || r < 0 ||
        json_put_int(x->data, "queued_total", search.total) < 0)
        return -ENOMEM;
    return json_put_bool(x->data, "queued_more", search.total > QUEUED_ROWS);
}
