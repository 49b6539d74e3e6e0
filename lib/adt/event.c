// SPDX-License-Identifier: GPL-3.0-only
#include "adt/event.h"

#include "data/json.h"

#define UUID_MAX 100

static const char *const names[EVENT_COUNT] = {
    [EVENT_QUEUED] = "queued",   [EVENT_TAKEN] = "taken",         [EVENT_RUNNING] = "running",
    [EVENT_WAITING] = "waiting", [EVENT_RETURNED] = "returned",   [EVENT_STORING] = "storing",
    [EVENT_DONE] = "done",       [EVENT_CANCELLED] = "cancelled",
};

const char *event_state_name(enum event_state state)
{
    return names[state];
}

static int put_commit(const struct request_event *event, json_t *message)
{
    if (str_empty(event->statuses_url))
        return 0;
    if (json_put_string(message, "statuses-url", event->statuses_url) < 0)
        return -ENOMEM;
    return json_put_string(message, "testname", event->testname);
}

int event_format(const struct request_event *event, struct buf *body, struct error *err)
{
    _cleanup_json_ json_t *message = json_object();

    if (json_put_string(message, "uuid", event->uuid) < 0 ||
        json_put_string(message, "state", names[event->state]) < 0 ||
        json_put_int(message, "time", event->time_us) < 0 ||
        json_put_string(message, "worker", event->worker) < 0 ||
        json_put_string(message, "reason", event->reason) < 0 ||
        json_put_string(message, "package", event->package) < 0 ||
        json_put_string(message, "release", event->release) < 0 ||
        json_put_string(message, "architecture", event->arch) < 0 ||
        json_put_string(message, "container", event->container) < 0 ||
        json_put_string(message, "run-id", event->run_id) < 0 ||
        json_put_string(message, "digest", event->digest) < 0 || put_commit(event, message) < 0 ||
        json_write(message, body) < 0)
        return error_oom(err);
    return 0;
}

static int parse_state(const json_t *message, enum event_state *ret, struct error *err)
{
    const char *state = NULL;
    int r = json_get_string(message, "state", &state, err);

    for (int i = 0; r == 0 && i < EVENT_COUNT; i++)
        if (str_equal(names[i], state)) {
            *ret = (enum event_state)i;
            return 0;
        }
    return r < 0 ? r : error_set(err, -EBADMSG, "state: \"%.40s\" is not known", state);
}

static int read_members(const json_t *message, struct request_event *event, struct error *err)
{
    int r;

    if ((r = json_copy_string(message, "uuid", &event->uuid, err)) < 0 ||
        (r = parse_state(message, &event->state, err)) < 0 ||
        (r = json_get_optional_int(message, "time", &event->time_us, err)) < 0 ||
        (r = json_copy_optional_string(message, "worker", "", &event->worker, err)) < 0 ||
        (r = json_copy_optional_string(message, "reason", "", &event->reason, err)) < 0 ||
        (r = json_copy_optional_string(message, "package", "", &event->package, err)) < 0 ||
        (r = json_copy_optional_string(message, "release", "", &event->release, err)) < 0 ||
        (r = json_copy_optional_string(message, "architecture", "", &event->arch, err)) < 0 ||
        (r = json_copy_optional_string(message, "container", "", &event->container, err)) < 0)
        return r;
    r = json_copy_optional_string(message, "run-id", "", &event->run_id, err);
    if (r < 0 || (r = json_copy_optional_string(message, "digest", "", &event->digest, err)) < 0 ||
        (r = json_copy_optional_string(message, "statuses-url", "", &event->statuses_url, err)) < 0)
        return r;
    return json_copy_optional_string(message, "testname", "", &event->testname, err);
}

int event_parse(const char *body, size_t len, struct request_event *ret, struct error *err)
{
    _cleanup_(event_release) struct request_event event = {0};
    _cleanup_json_ json_t *message = NULL;
    int r = json_parse(body, len, "event", &message, err);

    if (r < 0)
        return r;
    if (!json_is_object(message))
        return error_set(err, -EBADMSG, "event: expected an object, got %s",
                         json_type_name(message));
    r = read_members(message, &event, err);
    if (r < 0)
        return error_prefix(err, r, "event");
    if (str_empty(event.uuid) || strlen(event.uuid) > UUID_MAX)
        return error_set(err, -EBADMSG, "event: uuid: expected 1 to %d characters", UUID_MAX);
    if (event.time_us <= 0)
        return error_set(err, -EBADMSG, "event: time: expected microseconds since 1970");
    *ret = event;
    event = (struct request_event){0};
    return 0;
}

void event_release(struct request_event *event)
{
    free(event->uuid);
    free(event->worker);
    free(event->reason);
    free(event->package);
    free(event->release);
    free(event->arch);
    free(event->container);
    free(event->run_id);
    free(event->digest);
    free(event->statuses_url);
    free(event->testname);
    *event = (struct request_event){0};
}
