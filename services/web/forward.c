// SPDX-License-Identifier: GPL-3.0-only
#include "web/forward.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "net/http_async.h"
#include "web/limits.h"
#include "web/web.h"

#include <ctype.h>
#include <sys/stat.h>

// A request with this header has been forwarded once: two units that take each other for the one
// that keeps the results must not play ball with it.
#define FORWARDED "X-Autopkgtest-Forwarded"
#define ANSWER_MAX ((size_t)8 * 1024 * 1024 * 1024) // the largest files are artifacts
#define CONNECT_TIMEOUT_US (3 * USEC_PER_SEC)

struct forward {
    struct exchange *x;
    int fd; // what comes with status 200, a file without a name
    struct strv headers;
};

static void forward_free(struct forward *f)
{
    close_fd(&f->fd);
    strv_release(&f->headers);
    free(f);
}

bool forward_wanted(const struct exchange *x)
{
    return x->route->stored != STORED_NOT && x->web->settings.store_peer && !x->forwarded &&
           (x->method & METHODS_READ);
}

// ---- the question

static int add_header(struct forward *f, const char *name, const char *value)
{
    return str_empty(value) ? 0 : strv_addf(&f->headers, "%s: %s", name, value);
}

// No ranges: a whole file is an answer to those, too.
static int add_headers(struct forward *f)
{
    static const char *const names[] = {"Host",         "Accept",           "Cookie",
                                        "User-Agent",   "If-None-Match",    "If-Modified-Since",
                                        "X-Auth-Token", "X-Forwarded-Proto"};
    _cleanup_free_ char *client = limits_client(f->x);
    int r = client ? 0 : -ENOMEM;

    for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
        r = add_header(f, names[i], exchange_header(f->x, names[i]));
    if (r == 0)
        r = add_header(f, "X-Forwarded-For", client);
    return r < 0 ? r : add_header(f, FORWARDED, "1");
}

// ---- the answer

static int copy_headers(struct exchange *x, const struct http_response *response)
{
    static const char *const names[] = {"Content-Type",
                                        "Content-Encoding",
                                        "Content-Disposition",
                                        "ETag",
                                        "Last-Modified",
                                        "Cache-Control",
                                        "Content-Security-Policy",
                                        "X-Content-Type-Options",
                                        "Retry-After",
                                        "Referrer-Policy",
                                        "Location"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char lower[32] = "";
        const char *value;

        for (size_t c = 0; names[i][c] && c < sizeof(lower) - 1; c++)
            lower[c] = (char)tolower((unsigned char)names[i][c]);
        value = http_response_header(response, lower);
        if (value && exchange_add_header(x, names[i], value) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int pass_on(struct forward *f, const struct http_response *response)
{
    struct exchange *x = f->x;
    struct MHD_Response *answer;
    struct stat st;

    if (copy_headers(x, response) < 0)
        return -ENOMEM;
    if (response->status != MHD_HTTP_OK)
        return exchange_answer(x, (unsigned)response->status,
                               MHD_create_response_from_buffer(
                                   response->body.len, (void *)(uintptr_t)buf_str(&response->body),
                                   MHD_RESPMEM_MUST_COPY));
    if (fstat(f->fd, &st) < 0)
        return -EIO;
    answer = MHD_create_response_from_fd64((uint64_t)st.st_size, f->fd);
    if (!answer)
        return -ENOMEM;
    (void)take_fd(&f->fd);
    return exchange_answer(x, MHD_HTTP_OK, answer);
}

static void on_answer(int r, const struct http_response *response, const struct error *why,
                      void *userdata)
{
    struct forward *f = userdata;
    struct exchange *x = f->x;
    _cleanup_error_ struct error err = ERROR_INIT;

    if (r < 0)
        log_warning("the unit that keeps the results: %s", error_message(why));
    if (r < 0 && r != -ECANCELED && x->route->stored == STORED_IN_PART) {
        forward_free(f);
        exchange_again(x);
        return;
    }
    if (r < 0)
        r = exchange_fail(x, MHD_HTTP_SERVICE_UNAVAILABLE, &err,
                          "the unit that keeps the results is out of reach, try again later");
    else if (pass_on(f, response) < 0)
        r = error_oom(&err);
    if (r < 0)
        exchange_answer_error(x, r, &err);
    forward_free(f);
    exchange_resume(x);
}

int forward_request(struct exchange *x, struct error *err)
{
    struct forward *f = calloc(1, sizeof(*f));
    bool query = *x->query_text;
    _cleanup_free_ char *url = str_format("%s%s%s%s", x->web->settings.store_peer, x->path,
                                          query ? "?" : "", query ? x->query_text : "");
    struct http_request request = {
        .url = url, .connect_timeout_us = CONNECT_TIMEOUT_US, .direct = true};
    int r;

    x->forwarded = true;
    if (!f || !url) {
        free(f);
        return error_oom(err);
    }
    if (exchange_header(x, FORWARDED)) {
        free(f);
        return exchange_fail(x, MHD_HTTP_SERVICE_UNAVAILABLE, err,
                             "which unit keeps the results is changing, try again later");
    }
    *f = (struct forward){.x = x, .fd = -1};
    r = f->fd = web_unnamed_file(x->web, err);
    if (r >= 0 && (r = add_headers(f)) < 0)
        r = error_oom(err);
    if (r >= 0) {
        request.headers = &f->headers;
        request.answer_fd = &f->fd;
        r = http_async_start(x->web->http, &request, ANSWER_MAX, on_answer, f, err);
    }
    if (r < 0) {
        forward_free(f);
        return r;
    }
    return EXCHANGE_WAIT;
}
