// SPDX-License-Identifier: GPL-3.0-only
#include "web/queue_walk.h"

#include "adt/names.h"
#include "adt/request.h"

struct queue_walk {
    const struct web_settings *settings;
    enum queue_look look;
    struct strv *absent; // borrowed
    json_t *all;
    size_t at;      // which queue
    char *queue;    // its name, while there is something to do with it
    json_t *bodies; // what was seen of it
    size_t want;    // how many to see
    size_t taken;
    uint64_t tags[QUEUE_WALK_BODIES];
};

int queue_walk_new(const struct web_settings *settings, enum queue_look look, struct strv *absent,
                   struct queue_walk **ret)
{
    struct queue_walk *w = calloc(1, sizeof(*w));

    if (!w || !(w->all = json_object())) {
        free(w);
        return -ENOMEM;
    }
    w->settings = settings;
    w->look = look;
    w->absent = absent;
    *ret = w;
    return 0;
}

void queue_walk_free(struct queue_walk *w)
{
    if (!w)
        return;
    json_decref(w->all);
    json_decref(w->bodies);
    free(w->queue);
    free(w);
}

struct place {
    enum queue_context context;
    const char *release, *arch;
};

static struct place place_of(const struct queue_walk *w)
{
    const struct strv *releases = &w->settings->releases, *archs = &w->settings->architectures;
    size_t each = releases->len * archs->len;

    return (struct place){.context = (enum queue_context)(w->at / each),
                          .release = releases->items[w->at % each / archs->len],
                          .arch = archs->items[w->at % archs->len]};
}

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
    struct place place = place_of(w);
    json_t *context = object_in(w->all, queue_context_name(place.context));
    json_t *release = context ? object_in(context, place.release) : NULL;

    free(TAKE_PTR(w->queue));
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

static int inspect(struct queue_walk *w, struct amqp_link *link, uint32_t *messages,
                   struct error *err)
{
    uint32_t consumers = 0;
    int r;

    if (strv_contains(w->absent, w->queue))
        return 0;
    r = amqp_link_inspect_queue(link, w->queue, messages, &consumers, err);
    if (r != -ENOENT)
        return r;
    if (err)
        error_clear(err);
    return strv_add(w->absent, w->queue);
}

static int begin_queue(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    struct place place = place_of(w);
    uint32_t messages = 0;
    int r;

    w->queue = queue_name(place.context, place.release, place.arch);
    if (!w->queue)
        return -ENOMEM;
    r = inspect(w, link, &messages, err);
    if (r < 0)
        return r;
    if (w->look == QUEUE_LENGTHS)
        return put_value(w, json_integer(messages));
    w->want = messages < QUEUE_WALK_BODIES ? messages : QUEUE_WALK_BODIES;
    w->taken = 0;
    w->bodies = json_array();
    return w->bodies ? 0 : -ENOMEM;
}

static int take_one(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    struct amqp_delivery delivery = {0};
    bool empty = false;
    int r = amqp_link_get(link, w->queue, &delivery, &empty, err);

    if (r == -ENOENT || empty) { // somebody else was faster
        w->want = w->taken;
        if (r < 0 && err)
            error_clear(err);
        return empty ? 0 : r;
    }
    if (r < 0)
        return r;
    w->tags[w->taken++] = delivery.tag;
    r = json_array_append_new(w->bodies, public_body(&delivery.body)) < 0 ? -ENOMEM : 0;
    amqp_delivery_release(&delivery);
    return r;
}

static int end_queue(struct queue_walk *w, struct amqp_link *link, struct error *err)
{
    int r = 0;

    for (size_t i = 0; i < w->taken && r == 0; i++)
        r = amqp_link_nack(link, w->tags[i], true, err);
    return r < 0 ? r : put_value(w, TAKE_PTR(w->bodies));
}

int queue_walk_step(struct queue_walk *w, struct amqp_link *link, json_t **ret, struct error *err)
{
    size_t n = CONTEXT_COUNT * w->settings->releases.len * w->settings->architectures.len;
    int r = 0;

    if (!w->queue && w->at < n)
        r = begin_queue(w, link, err);
    else if (w->queue && w->taken < w->want)
        r = take_one(w, link, err);
    if (r == 0 && w->queue && w->taken == w->want)
        r = end_queue(w, link, err);
    if (r == -ENOMEM)
        return error_oom(err);
    if (r < 0 || w->queue || w->at < n)
        return r < 0 ? r : 1;
    *ret = TAKE_PTR(w->all);
    return 0;
}
