// SPDX-License-Identifier: GPL-3.0-only
// An object of a Swift, passed on as it comes (relay.h).
#include "web/relay.h"
#include "web/store_http.h"
#include "web/stored_swift.h"
#include "web/web.h"

#define ERROR_BODY_MAX ((size_t)64 * 1024)

struct stored_stream {
    struct relay relay;
    struct exchange *x; // until it is answered
    enum stored_reader reader;
    char *key, *what;
    struct swift_async_call *call; // NULL: it is over
};

static void stream_free(void *userdata)
{
    struct stored_stream *s = userdata;

    if (s->call)
        stored_swift_cancel(s->relay.web, s->call);
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
    r = stored_swift_end(s->relay.web, s->reader, s->what, r, good ? &fine : head, why, &err);
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

int stored_swift_send(struct exchange *x, enum stored_reader reader, const char *container,
                      const char *object, struct error *err)
{
    static const char *const asked_with[] = {
        "Range",         "If-Range",          "If-Match",
        "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"};
    static const struct http_sink sink = {on_begin, on_bytes};
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_free_ char *what = str_format("%s/%s", container, object);
    _cleanup_free_ char *key = what ? str_format("sent %d %s", reader, what) : NULL;
    const struct stored_want *known = key ? stored_want_find(x, key) : NULL;
    struct stored_stream *s;
    struct swift_async_request request = {.method = x->method == METHOD_HEAD ? "HEAD" : "GET",
                                          .container = container,
                                          .object = object,
                                          .headers = &headers,
                                          .as_account = reader == READER_ACCOUNT,
                                          .body_max = ERROR_BODY_MAX,
                                          .sink = &sink};
    int r;

    if (known)
        return error_set(err, known->r, "%s", error_message(&known->why));
    s = key && relay_ask_with(x, asked_with, ARRAY_SIZE(asked_with), &headers) == 0
            ? stream_new(x, reader, key, what)
            : NULL;
    if (!s)
        return error_oom(err);
    r = stored_swift_start(x->web, &request, STORED_STREAMS_MAX, on_end, s, &s->call, err);
    if (r < 0) {
        stream_free(s);
        return r;
    }
    return EXCHANGE_WAIT;
}
