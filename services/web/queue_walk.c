// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_walk.h"

#include "adt/message.h"
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
    struct queue_missing *missing; // borrowed
    struct queue_reader *reader;   // borrowed
    json_t *all;
    size_t len; // of all queues: by context, then release, then architecture
    struct asked *queues;
    size_t asked, waiting; // how many of them
    uint64_t deadline_us;
    bool broker_answers; // since a queue did
    size_t at;           // which queue is looked at
};

size_t queue_walk_queues(const struct web_settings *settings)
{
    return CONTEXT_COUNT * settings->releases.len * settings->architectures.len;
}

static size_t index_in(const struct strv *all, const char *name)
{
    size_t i = 0;

    while (i + 1 < all->len && strcmp(all->items[i], name) != 0)
        i++;
    return i;
}

size_t queue_walk_number(const struct web_settings *settings, const struct queue_place *place)
{
    const struct strv *releases = &settings->releases, *archs = &settings->architectures;

    return ((size_t)place->context * releases->len + index_in(releases, place->release)) *
               archs->len +
           index_in(archs, place->arch);
}

static struct queue_place place_of(const struct queue_walk *w, size_t at)
{
    const struct strv *releases = &w->settings->releases, *archs = &w->settings->architectures;
    size_t each = releases->len * archs->len;

    return (struct queue_place){.context = (enum queue_context)(at / each),
                                .release = releases->items[at % each / archs->len],
                                .arch = archs->items[at % archs->len]};
}

static int name_queues(struct queue_walk *w)
{
    w->len = queue_walk_queues(w->settings);
    w->queues = calloc(w->len + 1, sizeof(*w->queues));
    for (size_t i = 0; w->queues && i < w->len; i++) {
        struct queue_place place = place_of(w, i);

        w->queues[i].name = queue_name(place.context, place.release, place.arch);
        if (!w->queues[i].name)
            return -ENOMEM;
    }
    return w->queues ? 0 : -ENOMEM;
}

void queue_missing_release(struct queue_missing *missing)
{
    strv_release(&missing->absent);
    strv_release(&missing->away);
    strv_release(&missing->why);
}

int queue_walk_new(const struct web_settings *settings, enum queue_look look,
                   struct queue_missing *missing, struct queue_reader *reader,
                   struct queue_walk **ret)
{
    struct queue_walk *w = calloc(1, sizeof(*w));

    if (!w)
        return -ENOMEM;
    w->settings = settings;
    w->look = look;
    w->missing = missing;
    w->reader = reader;
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

static int set_away(struct queue_walk *w, const struct asked *queue, const char *why)
{
    struct queue_missing *missing = w->missing;

    if (strv_contains(&missing->away, queue->name))
        return 0;
    return strv_add(&missing->away, queue->name) < 0 || strv_add(&missing->why, why) < 0 ? -ENOMEM
                                                                                         : 0;
}

// RabbitMQ 3 says NOT_FOUND of a queue whose home is away, too, but not that there is none.
static int set_missing(struct queue_walk *w, const struct asked *queue,
                       const struct amqp_queue_answer *answer)
{
    if (answer->result != -ENOENT || !strstr(answer->why, "no queue '"))
        return set_away(w, queue, answer->why);
    return strv_contains(&w->missing->absent, queue->name)
               ? 0
               : strv_add(&w->missing->absent, queue->name);
}

int queue_walk_answer(struct queue_walk *w, const struct amqp_queue_answer *answer)
{
    for (size_t i = 0; i < w->asked; i++) {
        struct asked *queue = &w->queues[i];

        if (!queue->waits || !str_equal(queue->name, answer->queue))
            continue;
        queue->waits = false;
        w->broker_answers = false;
        w->waiting--;
        w->deadline_us = clock_monotonic_us() + ANSWER_US;
        queue->messages = answer->messages;
        return answer->result < 0 ? set_missing(w, queue, answer) : 0;
    }
    return 0;
}

// A broker that is busy is not one that is away: it has answered what it was asked behind its
// queues before these are given up.
static int give_up_waiting(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    int r = 0;

    if (!w->broker_answers) {
        r = amqp_link_declare_exchange(link, EXCHANGE_STATUS, "fanout", 0, err);
        w->broker_answers = r == 0;
        w->deadline_us = clock_monotonic_us() + ANSWER_US;
        return r;
    }
    for (size_t i = 0; r == 0 && i < w->asked; i++) {
        if (w->queues[i].waits)
            r = set_away(w, &w->queues[i], "no answer, though the broker gives others");
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
        r = give_up_waiting(w, link, err);
    for (; r == 0 && w->asked < w->len && w->waiting < ASKED_AT_ONCE; w->asked++) {
        struct asked *queue = &w->queues[w->asked];

        if (strv_contains(&w->missing->absent, queue->name) ||
            strv_contains(&w->missing->away, queue->name))
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
    struct queue_place place = place_of(w, w->at);
    json_t *context = object_in(w->all, queue_context_name(place.context));
    json_t *release = context ? object_in(context, place.release) : NULL;

    w->at++;
    if (!release) {
        json_decref(value);
        return -ENOMEM;
    }
    return json_put(release, place.arch, value);
}

static int look(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    const struct asked *queue = &w->queues[w->at];
    uint64_t n = queue->messages;
    int r = 0;

    if (w->at == w->len)
        return 0;
    // What was known of it stays: it has that again when it is back.
    if (strv_contains(&w->missing->away, queue->name)) {
        r = put_value(w, json_null());
        return r < 0 ? r : QUEUE_WALK_MORE;
    }
    if (w->look == QUEUE_BODIES) {
        r = queue_reader_step(w->reader, link, w->at, queue->name, queue->messages, err);
        if (!queue_reader_is_closed(w->reader, w->at))
            n = queue_copy_len(queue_reader_copy(w->reader, w->at));
    }
    if (r == QUEUE_READER_PAUSE) {
        w->deadline_us = queue_reader_resume_us(w->reader);
        return QUEUE_WALK_WAITS;
    }
    if (r == 0)
        r = put_value(w, json_integer((json_int_t)n));
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
