// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_walk.h"

#include "adt/names.h"
#include "adt/request.h"
#include "base/clock.h"

#define ASKED_AT_ONCE 100 // each in a channel of its own until it has answered
#define ANSWER_US USEC_PER_SEC

struct asked {
    char *name;
    bool waits; // for its answer
    uint32_t messages;
};

struct queue_walk {
    const struct web_settings *settings;
    enum queue_look look;
    struct strv *absent; // borrowed
    json_t *all;
    size_t len; // of all queues: by context, then release, then architecture
    struct asked *queues;
    size_t asked, waiting; // how many of them
    uint64_t deadline_us;
    size_t at;         // which queue is looked at
    unsigned *channel; // borrowed
    uint64_t held_us;  // how long requests were away from their queues, added up
};

struct place {
    enum queue_context context;
    const char *release, *arch;
};

static struct place place_of(const struct queue_walk *w, size_t at)
{
    const struct strv *releases = &w->settings->releases, *archs = &w->settings->architectures;
    size_t each = releases->len * archs->len;

    return (struct place){.context = (enum queue_context)(at / each),
                          .release = releases->items[at % each / archs->len],
                          .arch = archs->items[at % archs->len]};
}

static int name_queues(struct queue_walk *w)
{
    w->len = CONTEXT_COUNT * w->settings->releases.len * w->settings->architectures.len;
    w->queues = calloc(w->len + 1, sizeof(*w->queues));
    for (size_t i = 0; w->queues && i < w->len; i++) {
        struct place place = place_of(w, i);

        w->queues[i].name = queue_name(place.context, place.release, place.arch);
        if (!w->queues[i].name)
            return -ENOMEM;
    }
    return w->queues ? 0 : -ENOMEM;
}

int queue_walk_new(const struct web_settings *settings, enum queue_look look, struct strv *absent,
                   unsigned *channel, struct queue_walk **ret)
{
    struct queue_walk *w = calloc(1, sizeof(*w));

    if (!w)
        return -ENOMEM;
    w->settings = settings;
    w->look = look;
    w->absent = absent;
    w->channel = channel;
    w->all = json_object();
    if (!w->all || name_queues(w) < 0) {
        queue_walk_free(w);
        return -ENOMEM;
    }
    *ret = w;
    return 0;
}

void queue_walk_free(struct queue_walk *w)
{
    if (!w)
        return;
    for (size_t i = 0; w->queues && i < w->len; i++)
        free(w->queues[i].name);
    free(w->queues);
    json_decref(w->all);
    free(w);
}

// ---------------------------------------------------------------- asking

uint64_t queue_walk_deadline(const struct queue_walk *w)
{
    return w->deadline_us;
}

static int set_absent(struct queue_walk *w, const struct asked *queue)
{
    return strv_contains(w->absent, queue->name) ? 0 : strv_add(w->absent, queue->name);
}

int queue_walk_answer(struct queue_walk *w, const struct amqp_queue_answer *answer)
{
    for (size_t i = 0; i < w->asked; i++) {
        struct asked *queue = &w->queues[i];

        if (!queue->waits || !str_equal(queue->name, answer->queue))
            continue;
        queue->waits = false;
        w->waiting--;
        w->deadline_us = clock_monotonic_us() + ANSWER_US;
        queue->messages = answer->messages;
        return answer->result < 0 ? set_absent(w, queue) : 0;
    }
    return 0;
}

static int give_up_waiting(struct queue_walk *w)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->asked; i++) {
        if (w->queues[i].waits)
            r = set_absent(w, &w->queues[i]);
        w->queues[i].waits = false;
    }
    w->waiting = 0;
    return r;
}

// 0: all were asked, and none is waited for.
static int ask(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    int r = 0;

    if (w->waiting > 0 && clock_monotonic_us() >= w->deadline_us)
        r = give_up_waiting(w);
    for (; r == 0 && w->asked < w->len && w->waiting < ASKED_AT_ONCE; w->asked++) {
        struct asked *queue = &w->queues[w->asked];

        if (strv_contains(w->absent, queue->name))
            continue;
        r = amqp_link_ask_queue(link, queue->name, AMQP_PASSIVE, err);
        if (r < 0)
            break;
        queue->waits = true;
        w->waiting++;
        w->deadline_us = clock_monotonic_us() + ANSWER_US;
    }
    return r < 0 || w->waiting == 0 ? r : QUEUE_WALK_WAITS;
}

// ---------------------------------------------------------------- looking

static json_t *object_in(json_t *object, const char *key)
{
    json_t *inner = json_object_get(object, key);

    if (!inner && json_object_set_new(object, key, json_object()) == 0)
        inner = json_object_get(object, key);
    return inner;
}

// Takes over the value and goes to the next queue.
static int put_value(struct queue_walk *w, json_t *value)
{
    struct place place = place_of(w, w->at);
    json_t *context = object_in(w->all, queue_context_name(place.context));
    json_t *release = context ? object_in(context, place.release) : NULL;

    w->at++;
    if (!release) {
        json_decref(value);
        return -ENOMEM;
    }
    return json_put(release, place.arch, value);
}

// The text of a request for everyone's eyes.
static json_t *public_body(const struct buf *body)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r = request_parse(buf_str(body), body->len, &request, NULL);

    if (r < 0 || request_is_private(&request))
        return json_string(r < 0 ? "unreadable request" : "private job");
    return json_stringn(buf_str(body), body->len);
}

// Requests as they were taken; read only after they went back.
struct taken {
    struct buf bodies[QUEUE_WALK_BODIES];
    size_t len;
};

static void taken_release(struct taken *taken)
{
    for (size_t i = 0; i < taken->len; i++)
        buf_release(&taken->bodies[i]);
}

static int take_body(struct amqp_delivery *delivery, void *userdata, struct error *err _unused_)
{
    struct taken *taken = userdata;

    if (taken->len == QUEUE_WALK_BODIES)
        return 0;
    taken->bodies[taken->len++] = delivery->body;
    delivery->body = (struct buf)BUF_INIT(0);
    return 0;
}

// They are away from the queue for a round trip.
static int take_and_give_back(struct queue_walk *w, struct amqp_link *link, unsigned want,
                              struct taken *taken, struct error *err)
{
    uint64_t start = clock_monotonic_us();
    unsigned got;
    int r = amqp_link_get_many(link, *w->channel, w->queues[w->at].name, want, take_body, taken,
                               &got, err);

    if (r == 0)
        r = amqp_link_nack_channel(link, *w->channel, err);
    w->held_us += clock_monotonic_us() - start;
    return r;
}

static int look_into(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    const struct asked *queue = &w->queues[w->at];
    unsigned want = queue->messages < QUEUE_WALK_BODIES ? queue->messages : QUEUE_WALK_BODIES;
    _cleanup_(taken_release) struct taken taken = {.len = 0};
    _cleanup_json_ json_t *bodies = json_array();
    int r = bodies ? 0 : -ENOMEM;

    if (r == 0 && want > 0 && *w->channel == 0)
        r = amqp_link_add_channel(link, w->channel, err);
    if (r == 0 && want > 0)
        r = take_and_give_back(w, link, want, &taken, err);
    if (r == -ENOENT) { // deleted just now
        error_clear(err);
        r = 0;
    }
    for (size_t i = 0; r == 0 && i < taken.len; i++)
        r = json_array_append_new(bodies, public_body(&taken.bodies[i])) < 0 ? -ENOMEM : 0;
    return r < 0 ? r : put_value(w, TAKE_PTR(bodies));
}

static int look(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    int r;

    if (w->at == w->len)
        return 0;
    r = w->look == QUEUE_LENGTHS ? put_value(w, json_integer(w->queues[w->at].messages))
                                 : look_into(w, link, err);
    return r < 0 ? r : QUEUE_WALK_MORE;
}

int queue_walk_step(struct queue_walk *w, struct amqp_link *link, json_t **ret, struct error *err)
{
    int r = w->asked < w->len || w->waiting > 0 ? ask(w, link, err) : 0;

    if (r == 0)
        r = look(w, link, err);
    if (r == -ENOMEM)
        return error_oom(err);
    if (r == 0)
        *ret = TAKE_PTR(w->all);
    return r;
}

uint64_t queue_walk_held_us(const struct queue_walk *w)
{
    return w->held_us;
}
