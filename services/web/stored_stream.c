// SPDX-License-Identifier: GPL-3.0-only
// An object of a Swift, passed on as it comes. What the client does not take waits here, up to
// WAITING_MAX; then the store waits, too.
#include "web/store_http.h"
#include "web/stored_swift.h"
#include "web/web.h"

#include "base/parse.h"

#define WAITING_MAX ((size_t)256 * 1024)
#define BLOCK ((size_t)64 * 1024)
#define ERROR_BODY_MAX ((size_t)64 * 1024)

//     ASKED ──headers──▶ PASSING ──▶ ENDED ──▶ (the connection is done with it)
//       └──no object──▶ (the handler is called again and told)
enum stream_state { STREAM_ASKED, STREAM_PASSING, STREAM_ENDED };

struct stored_stream {
    struct web *web;
    enum stream_state state;
    struct exchange *x; // ASKED
    struct MHD_Connection *connection;
    enum stored_reader reader;
    char *key, *what;
    struct swift_async_call *call; // NULL: it is over
    struct buf waiting;
    bool suspended; // the client waits for the store
    bool paused;    // the store waits for the client
    bool broken;    // what was passed on is not all
};

static void stream_free(void *userdata)
{
    struct stored_stream *s = userdata;

    if (s->call)
        stored_swift_cancel(s->web, s->call);
    buf_release(&s->waiting);
    free(s->key);
    free(s->what);
    free(s);
}

static ssize_t read_stream(void *userdata, uint64_t position _unused_, char *bytes, size_t max)
{
    struct stored_stream *s = userdata;
    size_t n = s->waiting.len < max ? s->waiting.len : max;

    if (n > 0) {
        memcpy(bytes, s->waiting.data, n);
        buf_consume(&s->waiting, n);
        if (s->paused && s->waiting.len <= WAITING_MAX / 2) {
            s->paused = false;
            swift_async_continue(s->call);
        }
        return (ssize_t)n;
    }
    if (s->state == STREAM_ENDED)
        return s->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    s->suspended = true;
    MHD_suspend_connection(s->connection);
    return 0;
}

static void wake(struct stored_stream *s)
{
    if (!s->suspended)
        return;
    s->suspended = false;
    MHD_resume_connection(s->connection);
    web_run_http(s->web);
}

// ---- the answer

static int copy_headers(struct exchange *x, const struct http_response *answer)
{
    static const char *const names[][2] = {{"content-type", "Content-Type"},
                                           {"content-encoding", "Content-Encoding"},
                                           {"content-disposition", "Content-Disposition"},
                                           {"content-range", "Content-Range"},
                                           {"accept-ranges", "Accept-Ranges"},
                                           {"etag", "ETag"},
                                           {"last-modified", "Last-Modified"},
                                           {"x-timestamp", "X-Timestamp"}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = http_response_header(answer, names[i][0]);

        if (value && exchange_add_header(x, names[i][1], value) == -ENOMEM)
            return -ENOMEM;
    }
    return store_add_guards(x);
}

// Takes the stream into the answer's response: whoever drops that frees the stream.
static int answer(struct stored_stream *s, const struct http_response *head)
{
    const char *text = http_response_header(head, "content-length");
    uint64_t size = MHD_SIZE_UNKNOWN;
    struct exchange *x = s->x;
    struct MHD_Response *response;

    if (copy_headers(x, head) < 0)
        return -ENOMEM;
    if (head->status != MHD_HTTP_OK && head->status != MHD_HTTP_PARTIAL_CONTENT)
        size = 0;
    else if (text && parse_uint(text, 0, UINT64_MAX - 1, &size, NULL) < 0)
        size = MHD_SIZE_UNKNOWN;
    response = MHD_create_response_from_callback(size, BLOCK, read_stream, s, stream_free);
    if (!response)
        return -ENOMEM;
    s->state = STREAM_PASSING;
    s->x = NULL;
    s->broken = exchange_answer(x, (unsigned)head->status, response) < 0; // it has it all the same
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
    int r;

    if (s->waiting.len >= WAITING_MAX) {
        s->paused = true;
        return -EAGAIN;
    }
    r = buf_add(&s->waiting, bytes, len);
    if (r == 0)
        wake(s);
    return r;
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
    r = stored_swift_end(s->web, s->reader, s->what, r, good ? &fine : head, why, &err);
    if (s->state == STREAM_ASKED && r < 0) {
        tell_handler(s, r, &err);
        return;
    }
    if (s->state == STREAM_ASKED) { // it has no body
        r = answer(s, head);
        if (r < 0) {
            tell_handler(s, error_oom(&err), &err);
            return;
        }
        s->state = STREAM_ENDED;
        exchange_resume(x);
        return;
    }
    s->broken |= r < 0;
    s->state = STREAM_ENDED;
    wake(s);
}

// ---- the question

static int add_headers(struct exchange *x, struct strv *headers)
{
    static const char *const names[] = {
        "Range",         "If-Range",          "If-Match",
        "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = exchange_header(x, names[i]);

        if (!str_empty(value) && strv_addf(headers, "%s: %s", names[i], value) < 0)
            return -ENOMEM;
    }
    return 0;
}

static struct stored_stream *stream_new(struct exchange *x, enum stored_reader reader,
                                        const char *key, const char *what)
{
    struct stored_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->web = x->web;
    s->x = x;
    s->connection = x->connection;
    s->reader = reader;
    s->waiting.max = BUF_OWN_MAX; // what on_bytes() lets in, and one piece more
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
    s = key && add_headers(x, &headers) == 0 ? stream_new(x, reader, key, what) : NULL;
    if (!s)
        return error_oom(err);
    r = stored_swift_start(x->web, &request, STORED_STREAMS_MAX, on_end, s, &s->call, err);
    if (r < 0) {
        stream_free(s);
        return r;
    }
    return EXCHANGE_WAIT;
}
