// SPDX-License-Identifier: GPL-3.0-only
#include "web/forward.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/http_async.h"
#include "web/client.h"
#include "web/relay.h"
#include "web/web.h"

// A request with this header has been forwarded once: two units that take each other for the one
// that keeps the results must not play ball with it.
#define FORWARDED "X-Autopkgtest-Forwarded"
#define OTHER_ANSWER_MAX ((size_t)1024 * 1024) // with another status than 200 and 206
#define CONNECT_TIMEOUT_US (3 * USEC_PER_SEC)

struct forward {
    struct relay relay;
    struct exchange *x;     // until it is answered
    struct http_call *call; // NULL: it is over
    struct strv headers;
};

static void forward_free(void *userdata)
{
    struct forward *f = userdata;

    if (f->call)
        http_call_cancel(f->call);
    relay_release(&f->relay);
    strv_release(&f->headers);
    free(f);
}

static void go_on(void *userdata)
{
    const struct forward *f = userdata;

    http_call_continue(f->call);
}

bool forward_wanted(const struct exchange *x)
{
    return x->route->stored != STORED_NOT && x->web->settings.store_peer && !x->forwarded &&
           (x->method & METHODS_READ);
}

// ---- the question

static int add_headers(struct forward *f)
{
    static const char *const names[] = {"Host",
                                        "Accept",
                                        "Accept-Encoding",
                                        "Cookie",
                                        "User-Agent",
                                        "Range",
                                        "If-Range",
                                        "If-Match",
                                        "If-None-Match",
                                        "If-Modified-Since",
                                        "If-Unmodified-Since",
                                        "X-Auth-Token"};
    _cleanup_free_ char *client = client_address(f->x);

    return !client || relay_ask_with(f->x, names, ARRAY_SIZE(names), &f->headers) < 0 ||
                   strv_addf(&f->headers, "X-Forwarded-For: %s", client) < 0 ||
                   (exchange_is_tls(f->x) && strv_add(&f->headers, "X-Forwarded-Proto: https") < 0)
               ? -ENOMEM
               : strv_add(&f->headers, FORWARDED ": 1");
}

// ---- the answer

static int copy_headers(struct exchange *x, const struct http_response *response)
{
    static const char *const names[] = {"Content-Type",
                                        "Content-Encoding",
                                        "Content-Disposition",
                                        "Content-Range",
                                        "Accept-Ranges",
                                        "ETag",
                                        "Last-Modified",
                                        "X-Timestamp",
                                        "Cache-Control",
                                        "Content-Security-Policy",
                                        "X-Content-Type-Options",
                                        "Retry-After",
                                        "Referrer-Policy",
                                        "Location",
                                        "Vary",
                                        "Strict-Transport-Security",
                                        "WWW-Authenticate",
                                        "X-Container-Read"};

    return relay_copy_headers(x, response, names, ARRAY_SIZE(names));
}

static int on_begin(const struct http_response *head, void *userdata)
{
    struct forward *f = userdata;
    struct exchange *x = f->x;

    outage_end(&x->web->peer_outage);
    if (copy_headers(x, head) < 0 || relay_answer(&f->relay, x, head) < 0)
        return -ENOMEM;
    f->x = NULL;
    exchange_resume(x);
    return 0;
}

static int on_bytes(const void *bytes, size_t len, void *userdata)
{
    struct forward *f = userdata;

    return relay_take(&f->relay, bytes, len);
}

// What has no body, or comes with another status than the sink is for.
static int answer_whole(struct forward *f, const struct http_response *response)
{
    struct exchange *x = f->x;

    if (copy_headers(x, response) < 0)
        return -ENOMEM;
    if (response->status != MHD_HTTP_OK && response->status != MHD_HTTP_PARTIAL_CONTENT)
        return exchange_answer(x, (unsigned)response->status,
                               MHD_create_response_from_buffer(
                                   response->body.len, (void *)(uintptr_t)buf_str(&response->body),
                                   MHD_RESPMEM_MUST_COPY));
    if (relay_answer(&f->relay, x, response) < 0)
        return -ENOMEM;
    relay_end(&f->relay, false);
    return 0;
}

static void answer_failure(struct exchange *x, int r)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (r == -ENOMEM) {
        r = error_oom(&err);
    } else {
        r = outage_fail(&x->web->peer_outage, FORWARD_PEER_AWAY, &err);
        x->status = MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    exchange_answer_error(x, r, &err);
}

static void on_end(int r, const struct http_response *response, const struct error *why,
                   void *userdata)
{
    struct forward *f = userdata;
    struct exchange *x = f->x;

    f->call = NULL;
    if (r < 0)
        log_warning("the unit that keeps the results: %s", error_message(why));
    if (!x) {
        relay_end(&f->relay, r < 0);
        return;
    }
    if (r < 0 && r != -ECANCELED && x->route->stored == STORED_IN_PART) {
        forward_free(f);
        exchange_again(x);
        return;
    }
    if (r == 0) {
        outage_end(&x->web->peer_outage);
        r = answer_whole(f, response);
    }
    if (r < 0)
        answer_failure(x, r);
    if (!f->relay.answered)
        forward_free(f);
    exchange_resume(x);
}

static int start(struct forward *f, struct error *err)
{
    static const struct http_sink sink = {on_begin, on_bytes};
    struct exchange *x = f->x;
    bool query = *x->query_text;
    _cleanup_free_ char *url = str_format("%s%s%s%s", x->web->settings.store_peer, x->path,
                                          query ? "?" : "", query ? x->query_text : "");
    const struct http_request request = {.method = x->method == METHOD_HEAD ? "HEAD" : "GET",
                                         .url = url,
                                         .headers = &f->headers,
                                         .connect_timeout_us = CONNECT_TIMEOUT_US,
                                         .direct = true};

    if (!url || add_headers(f) < 0)
        return error_oom(err);
    return http_async_stream(x->web->http, &request, OTHER_ANSWER_MAX, &sink, on_end, f, &f->call,
                             err);
}

int forward_request(struct exchange *x, struct error *err)
{
    struct forward *f;
    int r;

    x->forwarded = true;
    if (exchange_header(x, FORWARDED))
        return exchange_fail(x, MHD_HTTP_SERVICE_UNAVAILABLE, err,
                             "which unit keeps the results is changing, try again later");
    f = calloc(1, sizeof(*f));
    if (!f)
        return error_oom(err);
    f->x = x;
    relay_init(&f->relay, x, go_on, forward_free, f);
    r = start(f, err);
    if (r < 0) {
        forward_free(f);
        return r;
    }
    return EXCHANGE_WAIT;
}
