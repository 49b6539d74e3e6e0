// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#define CONTAINERS_PAGE 1000
#define LISTING_MAX ((size_t)32 * 1024 * 1024)

int swift_list_containers(struct swift *swift, const char *prefix, struct strv *ret,
                          struct error *err)
{
    for (;;) {
        _cleanup_(http_response_release) struct http_response answer =
            HTTP_RESPONSE_INIT(LISTING_MAX);
        const char *last = ret->len > 0 ? ret->items[ret->len - 1] : "";
        _cleanup_free_ char *escaped = http_escape(prefix, false);
        _cleanup_free_ char *marker = http_escape(last, false), *query = NULL;
        struct swift_call call = {.method = "GET", .container = ""};
        size_t before = ret->len;
        int r;

        query = str_format("?format=json&limit=%d&prefix=%s&marker=%s", CONTAINERS_PAGE,
                           escaped ? escaped : "", marker ? marker : "");
        if (!escaped || !marker || !query)
            return error_oom(err);
        call.query = query;
        r = swift_call(swift, &call, &answer, err);
        if (r == 0)
            r = swift_listing_parse(buf_str(&answer.body), answer.body.len, "the account", ret,
                                    err);
        if (r < 0 || ret->len == before)
            return r;
        if (before > 0 && strcmp(ret->items[before], ret->items[before - 1]) <= 0)
            return error_set(err, -EIO, "store: the list of containers does not come to its end");
    }
}

// ---------------------------------------------------------------- many downloads

// One of them, on its way.
struct download {
    struct download *next;
    size_t place;
    char *url;
    struct strv headers;
    struct http_request request;
    struct http_response answer;
};

struct downloads {
    struct swift *swift;
    const char *container;
    const struct strv *objects;
    struct download *first; // on their way
    size_t max, next;
    int (*got)(const struct swift_got *got, void *userdata);
    void *userdata;
};

static void download_free(struct download *d)
{
    free(d->url);
    strv_release(&d->headers);
    http_response_release(&d->answer);
    free(d);
}

DEFINE_CLEANUP(struct download *, download_free)

static int start_next(struct downloads *all, struct error *err)
{
    _cleanup_(download_freep) struct download *d = calloc(1, sizeof(*d));
    struct swift *swift = all->swift;
    struct swift_call call = {.method = "GET", .container = all->container};
    int r;

    if (!d)
        return error_oom(err);
    d->place = all->next++;
    call.object = all->objects->items[d->place];
    if (swift_call_url(swift->storage_url, &call, &d->url) < 0 ||
        (swift->token && strv_addf(&d->headers, "X-Auth-Token: %s", swift->token) < 0))
        return error_oom(err);
    d->request = (struct http_request){.url = d->url, .headers = &d->headers};
    d->answer = (struct http_response)HTTP_RESPONSE_INIT(all->max);
    r = http_pool_start(swift->pool, &d->request, &d->answer, d, err);
    if (r < 0)
        return r;
    d->next = all->first;
    all->first = TAKE_PTR(d);
    return 0;
}

static void unlink_download(struct downloads *all, const struct download *d)
{
    struct download **at = &all->first;

    while (*at && *at != d)
        at = &(*at)->next;
    if (*at)
        *at = d->next;
}

// What one came to. Whatever is not clear at the first try gets the tries, the new token and the
// words of an ordinary call.
static int finish(struct downloads *all, struct download *d, int r)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_buf_ struct buf again = BUF_INIT(all->max);
    struct swift_got got = {.place = d->place, .content = &d->answer.body, .why = &why};

    if (r < 0 || d->answer.status != 200) {
        got.content = &again;
        got.r = swift_get(all->swift, all->container, all->objects->items[d->place], &again, &why);
    }
    return all->got(&got, all->userdata);
}

static int wait_for_one(struct downloads *all, struct error *err)
{
    _cleanup_(download_freep) struct download *d = NULL;
    _cleanup_error_ struct error first = ERROR_INIT;
    void *ended = NULL;
    int failed = 0;
    int r = http_pool_wait(all->swift->pool, &ended, &failed, &first);

    if (r < 0)
        return error_set(err, r, "store: %s", error_message(&first));
    d = ended;
    unlink_download(all, d);
    return finish(all, d, failed);
}

// Ends those that are on their way.
static void drop(struct downloads *all)
{
    http_pool_free(all->swift->pool);
    all->swift->pool = NULL;
    while (all->first) {
        struct download *d = all->first;

        all->first = d->next;
        download_free(d);
    }
}

int swift_get_many(struct swift *swift, const char *container, const struct strv *objects,
                   unsigned parallel, size_t max,
                   int (*got)(const struct swift_got *got, void *userdata), void *userdata,
                   struct error *err)
{
    struct downloads all = {.swift = swift,
                            .container = container,
                            .objects = objects,
                            .max = max,
                            .got = got,
                            .userdata = userdata};
    int r = 0;

    if (!swift->pool)
        r = http_pool_new("autopkgtest-cloud/" VERSION, parallel, &swift->pool, err);
    if (r == 0 && !swift->token && !swift->anonymous)
        r = swift_authenticate(swift, err);
    while (r == 0 && (all.next < objects->len || http_pool_busy(swift->pool) > 0)) {
        if (all.next < objects->len && http_pool_busy(swift->pool) < parallel)
            r = start_next(&all, err);
        else
            r = wait_for_one(&all, err);
    }
    if (r < 0)
        drop(&all);
    return r;
}
