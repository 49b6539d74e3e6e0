// SPDX-License-Identifier: GPL-3.0-only
// An object of a Swift, passed on as it comes (relay.h): what cannot be shared (stored_shared.c).
#include "web/relay.h"
#include "web/store_http.h"
#include "web/stored_cache.h"
#include "web/stored_call.h"
#include "web/stored_swift.h"
#include "web/web.h"

#define ERROR_BODY_MAX ((size_t)64 * 1024)

// A larger object is passed on to one who reads it alone, which takes half of the processor's time
// that a file takes, and nothing of the disk. While he reads, all others share one file.
#define ALONE_MAX STORED_CACHE_FILE
#define SHARED_MAX (UINT64_MAX - 1) // the disk is what bounds it

struct stored_stream {
    struct stored_stream *next; // of whole objects: web->swift->streams
    struct relay relay;
    struct exchange *x; // until it is answered
    enum stored_reader reader;
    char *key, *what;
    struct swift_async_call *call; // NULL: it is over
};

static void stream_free(void *userdata)
{
    struct stored_stream *s = userdata, **at = &s->relay.web->swift->streams;

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    if (s->call)
        stored_call_cancel(s->relay.web, s->call);
    relay_release(&s->relay);
    free(s->key);
    free(s->what);
    free(s);
}

static void go_on(void *userdata)
{
    const struct stored_stream *s = userdata;

    swift_async_continue(s->call);
}

// ---- the answer

static int answer(struct stored_stream *s, const struct http_response *head)
{
    static const char *const names[] = {"Content-Type",  "Content-Encoding", "Content-Disposition",
                                        "Content-Range", "Accept-Ranges",    "ETag",
                                        "Last-Modified", "X-Timestamp"};
    struct exchange *x = s->x;

    if (relay_copy_headers(x, head, names, ARRAY_SIZE(names)) < 0 || store_add_guards(x) < 0 ||
        relay_answer(&s->relay, x, head) < 0)
        return -ENOMEM;
    s->x = NULL;
    return 0;
}

static int on_begin(const struct http_response *head, void *userdata)
{
    struct stored_stream *s = userdata;
    struct exchange *x = s->x;
    int r = answer(s, head);

    if (r == 0)
        exchange_resume(x);
    return r;
}

static int on_bytes(const void *bytes, size_t len, void *userdata)
{
    struct stored_stream *s = userdata;

    return relay_take(&s->relay, bytes, len);
}

// Conditions and ranges that are not met are answers, too.
static bool is_answer(long status)
{
    return status == 200 || status == 206 || status == 304 || status == 412 || status == 416;
}

// The handler is told by its next call.
static void tell_handler(struct stored_stream *s, int r, const struct error *why)
{
    struct exchange *x = s->x;
    struct stored_want *want = stored_want_add(x, s->reader, s->key, s->what);

    if (want) {
        want->r = r;
        (void)error_set(&want->why, r, "%s", error_message(why));
    }
    stream_free(s);
    exchange_again(x);
}

static void on_end(int r, const struct http_response *head, const struct error *why, void *userdata)
{
    struct stored_stream *s = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct exchange *x = s->x;
    bool good = r == 0 && is_answer(head->status);
    const struct http_response fine = {.status = 200};

    s->call = NULL;
    r = stored_call_end(s->relay.web, s->reader, s->what, r, good ? &fine : head, why, &err);
    if (x && r == 0 && answer(s, head) < 0) // it has no body
        r = error_oom(&err);
    if (s->x) {
        tell_handler(s, r, &err);
        return;
    }
    relay_end(&s->relay, r < 0);
    if (x)
        exchange_resume(x);
}

// ---- the question

static char *stream_key(const struct stored_object *object)
{
    return str_format("sent %d %s/%s", object->reader, object->container, object->name);
}

static struct stored_stream *stream_new(struct exchange *x, enum stored_reader reader,
                                        const char *key, const char *what)
{
    struct stored_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    relay_init(&s->relay, x, go_on, stream_free, s);
    s->x = x;
    s->reader = reader;
    s->key = strdup(key);
    s->what = strdup(what);
    if (s->key && s->what)
        return s;
    stream_free(s);
    return NULL;
}

// What of the client's question is the store's to answer.
static int ask_with(struct exchange *x, struct strv *headers)
{
    static const char *const names[] = {
        "Range",         "If-Range",          "If-Match",
        "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"};

    return relay_ask_with(x, names, ARRAY_SIZE(names), headers);
}

// `whole`: all of it, without conditions.
static int pass_on(struct exchange *x, const struct stored_object *object,
                   const struct strv *headers, bool whole, struct error *err)
{
    static const struct http_sink sink = {on_begin, on_bytes};
    _cleanup_free_ char *what = str_format("%s/%s", object->container, object->name);
    _cleanup_free_ char *key = what ? stream_key(object) : NULL;
    const struct stored_want *known = key ? stored_want_find(x, key) : NULL;
    struct swift_async_request request = {.method = x->method == METHOD_HEAD ? "HEAD" : "GET",
                                          .container = object->container,
                                          .object = object->name,
                                          .headers = headers,
                                          .as_account = object->reader == READER_ACCOUNT,
                                          .body_max = ERROR_BODY_MAX,
                                          .sink = &sink};
    struct stored_stream *s;
    int r;

    if (known)
        return error_set(err, known->r, "%s", error_message(&known->why));
    s = key ? stream_new(x, object->reader, key, what) : NULL;
    if (!s)
        return error_oom(err);
    r = stored_call_start(x->web, &request, STORED_STREAMS_MAX, on_end, s, &s->call, err);
    if (r < 0) {
        stream_free(s);
        return r;
    }
    if (whole) {
        s->next = x->web->swift->streams;
        x->web->swift->streams = s;
    }
    return EXCHANGE_WAIT;
}

static bool is_streamed(const struct web *web, const struct stored_object *object)
{
    const struct stored_stream *s = web->swift->streams;
    _cleanup_free_ char *key = stream_key(object);

    while (s && key && strcmp(s->key, key) != 0)
        s = s->next;
    return s != NULL;
}

int stored_swift_send(struct exchange *x, enum stored_reader reader, const char *container,
                      const char *object, struct error *err)
{
    struct stored_object wanted = {.reader = reader, .container = container, .name = object};
    _cleanup_strv_ struct strv headers = STRV_INIT;
    int r = ask_with(x, &headers) < 0 ? error_oom(err) : -EFBIG;
    bool whole = r == -EFBIG && x->method == METHOD_GET && headers.len == 0;

    wanted.max = is_streamed(x->web, &wanted) ? SHARED_MAX : ALONE_MAX;
    if (whole)
        r = stored_swift_share(x, &wanted, err);
    if (r != -EFBIG)
        return r;
    error_clear(err);
    return pass_on(x, &wanted, &headers, whole, err);
}
