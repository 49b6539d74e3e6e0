// SPDX-License-Identifier: GPL-3.0-only
#include "web/session.h"
#include "web/web.h"

#include "base/parse.h"

#include <assert.h>

#define ANSWER_MAX BUF_OWN_MAX

// A proxy may pass on the path of the public address, or take it away.
static int strip_base(struct exchange *x)
{
    const char *base = web_base(x->web);
    size_t len = strlen(base);
    char *rest;

    if (len == 0 || strncmp(x->path, base, len) != 0 ||
        (x->path[len] != '/' && x->path[len] != '\0'))
        return 0;
    rest = strdup(x->path[len] ? x->path + len : "/");
    if (!rest)
        return -ENOMEM;
    free(x->path);
    x->path = rest;
    return 0;
}

struct exchange *exchange_new(struct web *web, const char *uri)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->web = web;
    x->index_fd = -1;
    if (uri_split(uri, &x->path, &x->query_text) < 0 || strip_base(x) < 0) {
        exchange_free(x);
        return NULL;
    }
    return x;
}

void exchange_drop_response(struct exchange *x)
{
    if (x->response && !x->response_shared)
        MHD_destroy_response(x->response);
    x->response = NULL;
    x->response_shared = false;
}

void exchange_at_end(struct exchange *x, void (*end)(struct exchange *x))
{
    size_t i = 0;

    while (i < EXCHANGE_ENDS && x->ends[i] && x->ends[i] != end)
        i++;
    assert(i < EXCHANGE_ENDS);
    x->ends[i] = end;
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    if (x->free_userdata)
        x->free_userdata(x->userdata);
    for (size_t i = 0; i < EXCHANGE_ENDS && x->ends[i]; i++)
        x->ends[i](x);
    close_fd(&x->index_fd);
    free(x->archive_etag);
    exchange_drop_response(x);
    free(x->path);
    free(x->query_text);
    params_release(&x->query);
    params_release(&x->values);
    params_release(&x->headers);
    buf_release(&x->body);
    json_decref(x->data);
    if (x->session)
        session_release(x->session);
    free(x->session);
    free(x);
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

struct last_header {
    const char *name, *value;
};

static enum MHD_Result note_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct last_header *last = userdata;

    (void)kind;
    if (strcasecmp(name, last->name) == 0)
        last->value = value;
    return MHD_YES;
}

const char *exchange_last_header(const struct exchange *x, const char *name)
{
    struct last_header last = {.name = name};

    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, note_header, &last);
    return last.value;
}

const char *exchange_value(const struct exchange *x, const char *name)
{
    const char *value = params_get(&x->values, name);

    return value ? value : "";
}

uint64_t exchange_content_length(const struct exchange *x)
{
    const char *header = exchange_header(x, "Content-Length");
    uint64_t length = UINT64_MAX;

    if (!header)
        return exchange_header(x, "Transfer-Encoding") ? UINT64_MAX : 0;
    return parse_uint(header, 0, UINT64_MAX, &length, NULL) == 0 ? length : UINT64_MAX;
}

bool exchange_is_tls(const struct exchange *x)
{
    const char *proto = exchange_header(x, "X-Forwarded-Proto");

    return proto && strcmp(proto, "https") == 0;
}

char *exchange_origin(const struct exchange *x)
{
    const char *host = exchange_header(x, "Host");

    if (!host || !*host ||
        host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_")])
        host = x->web->settings.hostname;
    return str_format("%s://%s", exchange_is_tls(x) ? "https" : "http", host);
}

char *exchange_site(const struct exchange *x)
{
    const char *url = x->web->settings.public_url;

    return url ? strdup(url) : exchange_origin(x);
}

int exchange_add_header(struct exchange *x, const char *name, const char *value)
{
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return -EINVAL;
    return params_add(&x->headers, name, value);
}

int exchange_answer(struct exchange *x, unsigned status, struct MHD_Response *response)
{
    if (!response)
        return -ENOMEM;
    exchange_drop_response(x);
    x->response = response;
    x->status = status;
    for (size_t i = 0; i < x->headers.len; i++)
        if (MHD_add_response_header(response, x->headers.items[i].name,
                                    x->headers.items[i].value) != MHD_YES)
            return -ENOMEM;
    return 0;
}

int exchange_answer_empty(struct exchange *x, unsigned status)
{
    return exchange_answer(x, status,
                           MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

int exchange_answer_buf(struct exchange *x, unsigned status, const char *type, struct buf *body)
{
    size_t len = body->len;
    char *text = buf_take(body);
    struct MHD_Response *response;
    int r;

    if (!text)
        return -ENOMEM;
    response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        return -ENOMEM;
    }
    r = exchange_answer(x, status, response);
    if (r == 0 && MHD_add_response_header(response, "Content-Type", type) != MHD_YES)
        r = -ENOMEM;
    return r;
}

int exchange_answer_text(struct exchange *x, unsigned status, const char *text)
{
    _cleanup_buf_ struct buf body = BUF_INIT(ANSWER_MAX);

    if (buf_addf(&body, "%s\n", text) < 0)
        return -ENOMEM;
    return exchange_answer_buf(x, status, "text/plain; charset=utf-8", &body);
}

int exchange_answer_json(struct exchange *x, unsigned status, const json_t *value)
{
    _cleanup_buf_ struct buf body = BUF_INIT(ANSWER_MAX);
    int r = json_write(value, &body);

    if (r == 0)
        r = buf_add_char(&body, '\n');
    return r < 0 ? r : exchange_answer_buf(x, status, "application/json", &body);
}

int exchange_redirect(struct exchange *x, unsigned status, const char *location)
{
    const char *base = location[0] == '/' ? web_base(x->web) : "";
    _cleanup_free_ char *full = str_format("%s%s", base, location);
    int r = full ? exchange_add_header(x, "Location", full) : -ENOMEM;

    return r < 0 ? r : exchange_answer_empty(x, status);
}

int exchange_fail(struct exchange *x, unsigned status, struct error *err, const char *format, ...)
{
    va_list args;
    int r;

    x->status = status;
    va_start(args, format);
    r = error_setv(err, -EINVAL, format, args);
    va_end(args);
    return r;
}

static unsigned status_of(int r)
{
    switch (r) {
    case -EINVAL:
    case -EBADMSG:
        return 400;
    case -EACCES:
        return 403;
    case -ENOENT:
        return 404;
    case -EOPNOTSUPP:
        return 405;
    case -E2BIG:
    case -EFBIG:
        return 413;
    case -EAGAIN:
    case -ENOTCONN:
    case -ETIMEDOUT:
        return 503;
    case -ENOSPC:
    case -EDQUOT:
        return 507;
    default:
        return 500;
    }
}

static int answer_error_json(struct exchange *x, unsigned status, const char *message)
{
    _cleanup_json_ json_t *value = json_object();

    if (!value || json_put_string(value, "error", message) < 0)
        return -ENOMEM;
    return exchange_answer_json(x, status, value);
}

// Programs that say nothing of HTML get errors they can read.
static bool asks_for_html(const struct exchange *x)
{
    const char *accept = exchange_header(x, "Accept");

    return accept && strstr(accept, "text/html");
}

void exchange_answer_error(struct exchange *x, int r, struct error *err)
{
    unsigned status = x->status >= 400 ? x->status : status_of(r);
    const char *message = error_message(err);
    enum route_kind kind = x->route ? x->route->kind : ROUTE_PAGE;
    bool done;

    if (kind == ROUTE_PAGE && !x->wants_json && asks_for_html(x))
        done = x->web->answer_error_page && x->web->answer_error_page(x, status, message);
    else if (kind == ROUTE_RAW)
        done = exchange_answer_text(x, status, message) == 0;
    else
        done = answer_error_json(x, status, message) == 0;
    if (!done && exchange_answer_text(x, status, message) < 0)
        (void)exchange_answer_empty(x, status); // no memory: the connection is closed
}

void exchange_resume(struct exchange *x)
{
    if (x->state != EXCHANGE_WAITING)
        return;
    x->state = EXCHANGE_HANDLING;
    MHD_resume_connection(x->connection);
    web_run_http(x->web);
}

void exchange_again(struct exchange *x)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    x->again = x->web->broker != NULL;
    if (!x->again)
        exchange_answer_error(x, error_set(&err, -ENOTCONN, "the web service is stopping"), &err);
    exchange_resume(x);
}
