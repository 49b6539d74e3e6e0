// SPDX-License-Identifier: GPL-3.0-only
#include "web/running.h"

#include "base/clock.h"
#include "base/hash.h"
#include "web/results.h"

struct item {
    struct test_status status;
    char *key, *id;
    uint64_t place; // hash of release and arch
    uint64_t seen_us;
    json_t *row; // what lists say of it; NULL: nobody has asked
};

struct running {
    struct item *items; // by package, release, arch, key
    size_t len, alloc;
    running_listener *listener;
    void *userdata;
};

void running_listen(struct running *running, running_listener *listener, void *userdata)
{
    running->listener = listener;
    running->userdata = userdata;
}

int running_new(struct running **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

static void item_release(struct item *item)
{
    test_status_release(&item->status);
    free(item->key);
    free(item->id);
    json_decref(item->row);
}

void running_free(struct running *running)
{
    if (!running)
        return;
    for (size_t i = 0; i < running->len; i++)
        item_release(&running->items[i]);
    free(running->items);
    free(running);
}

static uint64_t hash_place(const char *release, const char *arch)
{
    return hash_add(hash_add(HASH_START, release, strlen(release) + 1), arch, strlen(arch));
}

static int add_value(struct buf *b, const json_t *value)
{
    size_t i;
    json_t *element;
    int r;

    if (json_is_string(value))
        return buf_add_str(b, json_string_value(value));
    if (!json_is_array(value))
        return json_write(value, b);
    r = buf_add_char(b, '[');
    json_array_foreach (value, i, element) {
        if (r == 0 && json_is_string(element))
            r = buf_addf(b, "%s'%s'", i ? ", " : "", json_string_value(element));
    }
    return r < 0 ? r : buf_add_char(b, ']');
}

int running_key(const json_t *params, struct buf *ret)
{
    _cleanup_strv_ struct strv keys = STRV_INIT;
    const char *key;
    json_t *value;
    int r = 0;

    json_object_foreach ((json_t *)params, key, value) {
        if (strv_add(&keys, key) < 0)
            return -ENOMEM;
    }
    strv_sort(&keys);
    for (size_t i = 0; i < keys.len && r == 0; i++) {
        r = buf_addf(ret, "%s_", keys.items[i]);
        if (r == 0)
            r = add_value(ret, json_object_get(params, keys.items[i]));
        if (r == 0)
            r = buf_add_char(ret, ';');
    }
    return r;
}

// running.h: running_listener.
static char *id_of(const struct test_status *s, const char *key)
{
    const char *texts[] = {s->package, s->release, s->arch, key};
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        hash = hash_add(hash, texts[i], strlen(texts[i]) + 1);
    return str_format("%016llx", (unsigned long long)hash);
}

static int compare(const struct test_status *a, const char *a_key, const struct test_status *b,
                   const char *b_key)
{
    int c = strcmp(a->package, b->package);

    if (c == 0)
        c = strcmp(a->release, b->release);
    if (c == 0)
        c = strcmp(a->arch, b->arch);
    return c ? c : strcmp(a_key, b_key);
}

// Where it is (*ret_found) or belongs.
static size_t find(const struct running *running, const struct test_status *status, const char *key,
                   bool *ret_found)
{
    size_t low = 0, high = running->len;

    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = compare(&running->items[middle].status, running->items[middle].key, status, key);

        if (c == 0)
            *ret_found = true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_item(struct running *running, size_t at)
{
    item_release(&running->items[at]);
    running->len--;
    memmove(running->items + at, running->items + at + 1,
            (running->len - at) * sizeof(*running->items));
}

static int make_room(struct running *running, size_t at)
{
    if (running->len >= RUNNING_MAX)
        return -E2BIG;
    if (running->len == running->alloc) {
        size_t alloc = running->alloc ? running->alloc * 2 : 16;
        struct item *items = reallocarray(running->items, alloc, sizeof(*items));

        if (!items)
            return -ENOMEM;
        running->items = items;
        running->alloc = alloc;
    }
    memmove(running->items + at + 1, running->items + at,
            (running->len - at) * sizeof(*running->items));
    running->len++;
    running->items[at] = (struct item){0};
    return 0;
}

int running_update(struct running *running, struct test_status *status, uint64_t now_us)
{
    _cleanup_buf_ struct buf text = BUF_INIT(REQUEST_BODY_MAX);
    int r = running_key(status->params, &text);
    _cleanup_free_ char *key = buf_take(&text), *id = key ? id_of(status, key) : NULL;
    struct item *item;
    bool found;
    size_t at;

    if (r < 0 || !id)
        return r < 0 ? r : -ENOMEM;
    if (running->listener)
        running->listener(running->userdata, id, status);
    at = find(running, status, key, &found);
    if (!status->running) {
        if (found)
            remove_item(running, at);
        return 0;
    }
    if (!found) {
        r = make_room(running, at);
        if (r < 0)
            return r;
    }
    item = &running->items[at];
    item_release(item);
    *item = (struct item){.status = *status,
                          .key = TAKE_PTR(key),
                          .id = TAKE_PTR(id),
                          .place = hash_place(status->release, status->arch),
                          .seen_us = now_us};
    *status = (struct test_status){0};
    return 0;
}

void running_expire(struct running *running, uint64_t now_us)
{
    for (size_t i = running->len; i-- > 0;)
        if (now_us - running->items[i].seen_us > RUNNING_FORGET_US)
            remove_item(running, i);
}

static json_t *object_in(json_t *object, const char *key)
{
    json_t *inner = json_object_get(object, key);

    if (!inner) {
        inner = json_object();
        if (!inner || json_object_set_new(object, key, inner) < 0)
            return NULL;
    }
    return inner;
}

json_t *running_json(const struct running *running)
{
    json_t *all = json_object();

    for (size_t i = 0; all && i < running->len; i++) {
        const struct item *item = &running->items[i];
        const struct test_status *s = &item->status;
        json_t *package = object_in(all, s->package);
        json_t *run = package ? object_in(package, item->key) : NULL;
        json_t *release = run ? object_in(run, s->release) : NULL;

        if (!release || json_object_set_new(release, s->arch,
                                            json_pack("[O, I, s]", s->params,
                                                      (json_int_t)s->duration_s, s->logtail)) < 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static bool wanted(const char *filter, const char *value)
{
    return !filter || strcmp(filter, value) == 0;
}

// What tells nearly all that is elsewhere, as pages count place after place. 0: anywhere.
static uint64_t wanted_place(const struct running_filter *f)
{
    return f->release && f->arch ? hash_place(f->release, f->arch) : 0;
}

static bool is_wanted(const struct test_status *s, const struct running_filter *f)
{
    return wanted(f->release, s->release) && wanted(f->arch, s->arch) &&
           wanted(f->package, s->package) &&
           (!f->requester || wanted(f->requester, json_text(s->params, "requester")));
}

static inline bool fits(const struct item *item, const struct running_filter *f, uint64_t place)
{
    return (place == 0 || item->place == place) && is_wanted(&item->status, f);
}

static json_t *list_row(const struct item *item)
{
    const struct test_status *s = &item->status;
    bool is_private = strcmp(s->package, "private-test") == 0;
    _cleanup_free_ char *url =
        is_private ? NULL : results_url(s->package, s->release, s->arch, NULL);
    _cleanup_free_ char *took = clock_format_duration(s->duration_s);
    _cleanup_json_ json_t *row = json_object();

    if ((!url && !is_private) || !took)
        return NULL;
    // The text came as JSON: that it is UTF-8 has been seen.
    if (json_put_string(row, "id", item->id) < 0 ||
        json_put_string(row, "package", s->package) < 0 ||
        json_put_string(row, "release", s->release) < 0 ||
        json_put_string(row, "arch", s->arch) < 0 ||
        json_put(row, "params", json_incref(s->params)) < 0 ||
        json_put_int(row, "duration", (int64_t)s->duration_s) < 0 ||
        json_put_string(row, "duration_text", took) < 0 || json_put_string(row, "url", url) < 0 ||
        json_put(row, "logtail", json_string_nocheck(s->logtail)) < 0)
        return NULL;
    return TAKE_PTR(row);
}

json_t *running_ids(const struct running *running, const struct running_filter *filter)
{
    json_t *ids = json_array();
    uint64_t place = wanted_place(filter);

    for (size_t i = 0; ids && i < running->len; i++)
        if (fits(&running->items[i], filter, place) &&
            json_array_append_new(ids, json_string_nocheck(running->items[i].id)) < 0) {
            json_decref(ids);
            return NULL;
        }
    return ids;
}

json_t *running_list(const struct running *running, const struct running_filter *filter)
{
    json_t *list = json_array();
    uint64_t place = wanted_place(filter);
    size_t skip = filter->offset;

    for (size_t i = 0; list && i < running->len && json_array_size(list) < filter->limit; i++) {
        struct item *item = &running->items[i];

        if (!fits(item, filter, place) || (skip > 0 && skip--))
            continue;
        if (!item->row)
            item->row = list_row(item);
        if (json_array_append(list, item->row) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

size_t running_count(const struct running *running, const struct running_filter *filter)
{
    uint64_t place = wanted_place(filter);
    size_t n = 0;

    for (size_t i = 0; i < running->len; i++)
        n += fits(&running->items[i], filter, place);
    return n;
}

// The number of the place a test is at; `len`: none of them.
static size_t find_place(const uint64_t *places, size_t len, const struct strv *releases,
                         const struct strv *archs, const struct item *item)
{
    const struct test_status *s = &item->status;

    for (size_t i = 0; i < len; i++)
        if (places[i] == item->place && strcmp(releases->items[i / archs->len], s->release) == 0 &&
            strcmp(archs->items[i % archs->len], s->arch) == 0)
            return i;
    return len;
}

int running_count_places(const struct running *running, const struct strv *releases,
                         const struct strv *archs, size_t *ret)
{
    size_t len = releases->len * archs->len;
    _cleanup_free_ uint64_t *places = calloc(len + 1, sizeof(*places));

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < len; i++)
        places[i] = hash_place(releases->items[i / archs->len], archs->items[i % archs->len]);
    for (size_t i = 0; i < running->len; i++) {
        size_t at = find_place(places, len, releases, archs, &running->items[i]);

        if (at < len)
            ret[at]++;
    }
    return 0;
}
