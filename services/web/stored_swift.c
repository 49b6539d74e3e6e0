// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_swift.h"

#include "web/stored_cache.h"
#include "web/stored_call.h"
#include "web/stored_file_internal.h"
#include "web/web.h"

#define LISTING_MAX ((size_t)8 * 1024 * 1024)

bool stored_swift_is_readable(const struct web *web, enum stored_reader reader)
{
    return web->swift && web->swift->wanted &&
           (reader == READER_ANYBODY || web->swift->has_account);
}

int stored_swift_configure(struct web *web, struct error *err)
{
    const struct web_settings *s = &web->settings;
    const struct swift_settings *account = web->store_reader.auth_url ? &web->store_reader : NULL;
    bool wanted = !s->store_dir && !s->store_peer && s->store_url;
    struct stored_swift *swift = web->swift;
    int r;

    if (!wanted && !swift)
        return 0;
    if (!swift) {
        swift = calloc(1, sizeof(*swift));
        if (!swift || !(swift->cache = stored_cache_new(web->event))) {
            free(swift);
            return error_oom(err);
        }
        r = swift_async_new(web->http, s->store_url, account, &swift->swift, err);
    } else {
        // Without a Swift in the settings the one that was goes on until all that is read is read.
        stored_cache_forget(swift->cache);
        stored_files_forget(web);
        r = swift_async_change(swift->swift, s->store_url ? s->store_url : "", account, err);
    }
    if (r < 0) {
        if (!web->swift) {
            stored_cache_free(swift->cache);
            free(swift);
        }
        return r;
    }
    swift->wanted = wanted;
    swift->has_account = account != NULL;
    web->swift = swift;
    stored_call_reset(web);
    return 0;
}

void stored_swift_free(struct web *web)
{
    if (!web->swift)
        return;
    swift_async_free(web->swift->swift);
    stored_cache_free(web->swift->cache);
    free(TAKE_PTR(web->swift));
}

// ---- what an exchange has asked for

struct stored_want *stored_want_find(const struct exchange *x, const char *key)
{
    struct stored_want *want = x->wanted;

    while (want && strcmp(want->key, key) != 0)
        want = want->next;
    return want;
}

static void want_free(struct stored_want *want)
{
    stored_waiter_end(&want->waiter);
    stored_file_unref(want->file);
    buf_release(&want->text);
    error_clear(&want->why);
    free(want->key);
    free(want->what);
    free(want);
}

// What the exchange has asked for is dropped.
static void forget(struct exchange *x)
{
    struct stored_want *want;

    while ((want = x->wanted)) {
        x->wanted = want->next;
        if (want->call)
            stored_call_cancel(x->web, want->call);
        want_free(want);
    }
}

struct stored_want *stored_want_add(struct exchange *x, enum stored_reader reader, const char *key,
                                    const char *what)
{
    struct stored_want *want = calloc(1, sizeof(*want));

    if (!want)
        return NULL;
    want->reader = reader;
    want->key = strdup(key);
    want->what = strdup(what);
    if (!want->key || !want->what) {
        want_free(want);
        return NULL;
    }
    want->text.max = LISTING_MAX;
    want->x = x;
    want->next = x->wanted;
    x->wanted = want;
    exchange_at_end(x, forget);
    return want;
}

static bool is_pending(const struct exchange *x)
{
    for (const struct stored_want *want = x->wanted; want; want = want->next)
        if (want->call || want->waiter.file)
            return true;
    return false;
}

static void go_on(void *userdata)
{
    const struct stored_want *want = userdata;

    if (!is_pending(want->x))
        exchange_again(want->x);
}

// ---- objects

// Finds or starts one: EXCHANGE_WAIT while that moment of it is still to come.
static int get_object(struct exchange *x, const struct stored_object *object,
                      enum stored_moment moment, struct stored_file **ret, struct error *err)
{
    _cleanup_free_ char *key =
        str_format("object %d %s/%s", object->reader, object->container, object->name);
    struct stored_want *want = key ? stored_want_find(x, key) : NULL;
    struct stored_file *file;

    if (!want) {
        want = key ? stored_want_add(x, object->reader, key, object->name) : NULL;
        if (!want)
            return error_oom(err);
        want->r = stored_file_get(x->web, object, &want->file, &want->why);
    }
    file = want->file;
    if (!file)
        return error_set(err, want->r, "%s", error_message(&want->why));
    stored_waiter_end(&want->waiter);
    if (stored_file_is_before(file, moment)) {
        want->waiter = (struct stored_waiter){.moment = moment, .call = go_on, .userdata = want};
        stored_file_await(file, &want->waiter);
        return EXCHANGE_WAIT;
    }
    *ret = file;
    return file->r < 0 ? error_set(err, file->r, "%s", error_message(&file->why)) : 0;
}

static int copy_etag(const char *etag, char **ret, struct error *err)
{
    *ret = str_empty(etag) ? NULL : strdup(etag);
    return *ret || str_empty(etag) ? 0 : error_oom(err);
}

int stored_swift_open(struct exchange *x, const struct stored_object *object, int *ret_fd,
                      char **ret_etag, struct error *err)
{
    struct stored_file *file = NULL;
    int r = get_object(x, object, STORED_OVER, &file, err);

    if (r == 0 && ret_etag)
        r = copy_etag(file->etag, ret_etag, err);
    return r != 0 ? r : stored_file_reopen(file, ret_fd, err);
}

int stored_swift_follow(struct exchange *x, const struct stored_object *object, int *ret_fd,
                        char **ret_etag, struct stored_file **ret_file, struct error *err)
{
    struct stored_file *file = NULL;
    int r = get_object(x, object, STORED_BEGUN, &file, err);

    if (r == 0 && ret_etag)
        r = copy_etag(file->etag, ret_etag, err);
    if (r == 0)
        r = stored_file_reopen(file, ret_fd, err);
    if (r == 0)
        *ret_file = stored_file_ref(file);
    return r;
}

// ---- what comes into memory

static int end_want(struct stored_want *want, int r, const struct http_response *answer,
                    const struct error *why)
{
    want->call = NULL;
    want->r = stored_call_end(want->x->web, want->reader, want->what, r, answer, why, &want->why);
    return want->r;
}

// Finds or starts one: EXCHANGE_WAIT when it is on its way, 0 when it is there.
static int get_text(struct exchange *x, const char *key, const char *what,
                    const struct swift_async_request *request, http_async_done *done,
                    struct stored_want **ret, struct error *err)
{
    enum stored_reader reader = request->as_account ? READER_ACCOUNT : READER_ANYBODY;
    struct stored_want *want = key ? stored_want_find(x, key) : NULL;

    if (!want) {
        want = key && what ? stored_want_add(x, reader, key, what) : NULL;
        if (!want)
            return error_oom(err);
        want->r = stored_call_start(x->web, request, STORED_CALLS_MAX, done, want, &want->call,
                                    &want->why);
    }
    *ret = want;
    if (want->call)
        return EXCHANGE_WAIT;
    return want->r < 0 ? error_set(err, want->r, "%s", error_message(&want->why)) : 0;
}

static void on_tag(int r, const struct http_response *answer, const struct error *why,
                   void *userdata)
{
    struct stored_want *want = userdata;
    const char *etag = http_response_header(answer, "etag");

    if (end_want(want, r, answer, why) == 0 && etag)
        want->r = buf_add_str(&want->text, etag);
    go_on(want);
}

int stored_swift_etag(struct exchange *x, const struct stored_object *object, char **ret_etag,
                      struct error *err)
{
    const struct swift_async_request request = {.method = "HEAD",
                                                .container = object->container,
                                                .object = object->name,
                                                .as_account = object->reader == READER_ACCOUNT,
                                                .body_max = LISTING_MAX};
    _cleanup_free_ char *what = str_format("%s/%s", object->container, object->name);
    _cleanup_free_ char *key = what ? str_format("tag %d %s", object->reader, what) : NULL;
    _cleanup_free_ char *etag = NULL;
    struct stored_want *want = NULL;
    int r;

    if (!object->anew && stored_file_kept_etag(x->web, object, ret_etag))
        return 0;
    r = get_text(x, key, what, &request, on_tag, &want, err);
    if (r != 0)
        return r;
    etag = stored_etag_bare(buf_str(&want->text));
    return etag ? copy_etag(etag, ret_etag, err) : error_oom(err);
}

// ---- listings

// `2026-01-15T10:15:00.123450`, UTC; 0 for what is none.
static int64_t read_date(const char *text)
{
    struct tm tm = {0};

    return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

int stored_listing_read(const char *text, size_t len, stored_visit *visit, void *userdata,
                        struct error *err)
{
    _cleanup_json_ json_t *list = NULL;
    const json_t *item;
    size_t i;
    int r = 0;

    if (len == 0) // status 204
        return 0;
    if (json_parse(text, len, "listing", &list, NULL) < 0 || !json_is_array(list))
        return error_set(err, -EAGAIN, "the object store answers something that is no listing");
    json_array_foreach (list, i, item) {
        const char *subdir = json_string_value(json_object_get(item, "subdir"));
        const char *name = json_string_value(json_object_get(item, "name"));
        json_int_t bytes = json_integer_value(json_object_get(item, "bytes"));
        const struct stored_entry entry = {
            .name = subdir ? subdir : name,
            .is_prefix = subdir != NULL,
            .size = bytes > 0 ? (uint64_t)bytes : 0,
            .modified_s = read_date(json_string_value(json_object_get(item, "last_modified")))};

        if (entry.name && r == 0)
            r = visit(&entry, userdata);
    }
    return r;
}

static void on_listing(int r, const struct http_response *answer, const struct error *why,
                       void *userdata)
{
    struct stored_want *want = userdata;

    if (end_want(want, r, answer, why) == 0 && answer->body.len > 0)
        want->r = buf_add(&want->text, answer->body.data, answer->body.len);
    go_on(want);
}

static int add_query(struct buf *query, const char *name, const char *value)
{
    _cleanup_free_ char *escaped = str_empty(value) ? NULL : http_escape(value, false);

    if (str_empty(value))
        return 0;
    return escaped ? buf_addf(query, "&%s=%s", name, escaped) : -ENOMEM;
}

int stored_swift_list(struct exchange *x, enum stored_reader reader, const char *container,
                      const struct store_query *query, stored_visit *visit, void *userdata,
                      struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *what = str_format("container %s", container), *key = NULL;
    struct swift_async_request request = {
        .container = container, .as_account = reader == READER_ACCOUNT, .body_max = LISTING_MAX};
    struct stored_want *want = NULL;
    int r;

    if (buf_addf(&text, "?format=json&limit=%zu", query->limit) < 0 ||
        add_query(&text, "prefix", query->prefix) < 0 ||
        add_query(&text, "marker", query->marker) < 0 ||
        add_query(&text, "end_marker", query->end_marker) < 0 ||
        add_query(&text, "delimiter", query->delimiter) < 0)
        return error_oom(err);
    request.query = buf_str(&text);
    key = str_format("listing %d %s%s", reader, container, request.query);
    r = get_text(x, key, what, &request, on_listing, &want, err);
    return r != 0 ? r
                  : stored_listing_read(buf_str(&want->text), want->text.len, visit, userdata, err);
}
