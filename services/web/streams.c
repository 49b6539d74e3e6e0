// SPDX-License-Identifier: GPL-3.0-only
#include "web/streams.h"

#include "base/clock.h"
#include "web/broker.h"
#include "web/outlet.h"
#include "web/results.h"
#include "web/web.h"

#define KEEPALIVE_US (15 * USEC_PER_SEC) // proxies give up on what is silent for longer
#define READ_BLOCK ((size_t)16 * 1024)

struct stream {
    struct streams *streams;
    struct stream *next;
    struct outlet outlet;
    char *id, *package, *release, *arch; // NULL: any
};

struct streams {
    struct web *web; // borrowed
    struct stream *first;
    size_t len;
    sd_event_source *timer;
};

static void stream_free(void *userdata)
{
    struct stream *s = userdata;

    for (struct stream **at = s->streams ? &s->streams->first : NULL; at && *at;
         at = &(*at)->next) {
        if (*at != s)
            continue;
        *at = s->next;
        s->streams->len--;
        break;
    }
    free(s->id);
    free(s->package);
    free(s->release);
    free(s->arch);
    buf_release(&s->outlet.waiting);
    free(s);
}

static ssize_t read_stream(void *userdata, uint64_t position _unused_, char *bytes, size_t max)
{
    struct stream *s = userdata;

    return outlet_read(&s->outlet, bytes, max);
}

// ---- all of them

static void run_http(const struct streams *streams)
{
    if (streams->first)
        web_run_http(streams->web);
}

static void tell_all(struct streams *streams, const char *text)
{
    for (struct stream *s = streams->first; s; s = s->next) {
        if (buf_add_str(&s->outlet.waiting, text) < 0)
            s->outlet.ended = true;
        (void)outlet_wake(&s->outlet);
    }
    run_http(streams);
}

static int on_keepalive(sd_event_source *source, uint64_t now _unused_, void *userdata)
{
    struct streams *streams = userdata;
    int r;

    tell_all(streams, ":\n\n");
    r = sd_event_source_set_time(source, clock_monotonic_us() + KEEPALIVE_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int streams_new(struct web *web, struct streams **ret, struct error *err)
{
    struct streams *streams = calloc(1, sizeof(*streams));
    int r = streams ? sd_event_add_time_relative(web->event, &streams->timer, CLOCK_MONOTONIC,
                                                 KEEPALIVE_US, 0, on_keepalive, streams)
                    : -ENOMEM;

    if (r < 0) {
        free(streams);
        return error_errno(err, r, "cannot prepare live pages");
    }
    streams->web = web;
    *ret = streams;
    return 0;
}

void streams_free(struct streams *streams)
{
    if (!streams)
        return;
    for (struct stream *s = streams->first; s; s = s->next)
        s->streams = NULL; // their connections free them
    (void)sd_event_source_disable_unref(streams->timer);
    free(streams);
}

void streams_end(struct streams *streams)
{
    for (struct stream *s = streams ? streams->first : NULL; s; s = s->next) {
        s->outlet.ended = true;
        (void)outlet_wake(&s->outlet);
    }
    if (streams)
        run_http(streams);
}

// ---- opening

static int copy_param(const struct exchange *x, const char *name, char **ret)
{
    const char *value = params_get_filled(&x->query, name);

    if (!value)
        return 0;
    *ret = strdup(value);
    return *ret ? 0 : -ENOMEM;
}

static struct stream *stream_new(struct streams *streams, struct exchange *x)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->outlet.connection = x->connection;
    s->outlet.waiting.max = STREAM_BUFFER_MAX;
    if (copy_param(x, "id", &s->id) < 0 || copy_param(x, "package", &s->package) < 0 ||
        copy_param(x, "release", &s->release) < 0 || copy_param(x, "arch", &s->arch) < 0 ||
        buf_add_str(&s->outlet.waiting, "retry: 3000\n\n") <
            0) { // milliseconds until a browser comes again
        stream_free(s);
        return NULL;
    }
    s->streams = streams;
    s->next = streams->first;
    streams->first = s;
    streams->len++;
    return s;
}

// What runs now: whoever missed an end, before or between two connections, learns of it. The name
// of the event is "running", its data {"ids": […]}.
static int add_snapshot(struct stream *s, const struct running *running)
{
    const struct running_filter filter = {
        .package = s->package, .release = s->release, .arch = s->arch};
    _cleanup_json_ json_t *data = json_pack("{s:o}", "ids", running_ids(running, &filter));

    if (!data || buf_add_str(&s->outlet.waiting, "event: running\ndata: ") < 0 ||
        json_write(data, &s->outlet.waiting) < 0)
        return -ENOMEM;
    return buf_add_str(&s->outlet.waiting, "\n\n");
}

int streams_open(struct streams *streams, struct exchange *x, struct error *err)
{
    struct MHD_Response *response;
    struct stream *s;

    if (streams->len >= STREAMS_MAX)
        return exchange_fail(x, 503, err, "%d clients follow what runs already, try again later",
                             STREAMS_MAX);
    if (exchange_add_header(x, "Content-Type", "text/event-stream") < 0 ||
        exchange_add_header(x, "Cache-Control", CACHE_SECRET) < 0 ||
        exchange_add_header(x, "X-Accel-Buffering", "no") <
            0) // nginx and others pass it on at once
        return error_oom(err);
    s = stream_new(streams, x);
    if (!s)
        return error_oom(err);
    if (!s->id && add_snapshot(s, broker_running(x->web->broker)) < 0) {
        stream_free(s);
        return error_oom(err);
    }
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, READ_BLOCK, read_stream, s,
                                                 stream_free);
    if (!response) {
        stream_free(s);
        return error_oom(err);
    }
    return exchange_answer(x, MHD_HTTP_OK, response) < 0 ? error_oom(err) : 0;
}

// ---- telling

static bool concerns(const struct stream *s, const char *id, const struct test_status *t)
{
    if (s->id)
        return strcmp(s->id, id) == 0;
    return (!s->package || strcmp(s->package, t->package) == 0) &&
           (!s->release || strcmp(s->release, t->release) == 0) &&
           (!s->arch || strcmp(s->arch, t->arch) == 0);
}

static int format(const char *id, const struct test_status *t, bool with_log, struct buf *ret)
{
    _cleanup_json_ json_t *data = json_object();
    _cleanup_free_ char *took = clock_format_duration(t->duration_s), *url = NULL;
    int r;

    if (strcmp(t->package, "private-test") != 0)
        url = results_url(t->package, t->release, t->arch, NULL);
    if (!took || json_put_string(data, "id", id) < 0 ||
        json_put_string(data, "package", t->package) < 0 ||
        json_put_string(data, "release", t->release) < 0 ||
        json_put_string(data, "arch", t->arch) < 0 ||
        json_put_bool(data, "running", t->running) < 0 || json_put_string(data, "url", url) < 0 ||
        json_put_string(data, "duration_text", took) < 0 ||
        json_put_int(data, "duration", (int64_t)t->duration_s) < 0 ||
        (with_log && json_put_string(data, "logtail", t->logtail) < 0))
        return -ENOMEM;
    r = buf_add_str(ret, "data: ");
    if (r == 0)
        r = json_write(data, ret); // one line: JSON escapes line ends
    return r < 0 ? r : buf_add_str(ret, "\n\n");
}

void streams_tell(void *userdata, const char *id, const struct test_status *status)
{
    struct streams *streams = userdata;
    // Made when the first wants it: [0] without the log, [1] with it.
    struct buf texts[2] = {BUF_INIT(STREAM_BUFFER_MAX), BUF_INIT(STREAM_BUFFER_MAX)};

    for (struct stream *s = streams->first; s; s = s->next) {
        struct buf *text = &texts[s->id != NULL];

        if (!concerns(s, id, status))
            continue;
        if (text->len == 0 && format(id, status, s->id != NULL, text) < 0)
            break;
        if (buf_add(&s->outlet.waiting, text->data, text->len) < 0)
            s->outlet.ended = true; // it does not read
        (void)outlet_wake(&s->outlet);
    }
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    run_http(streams);
}
