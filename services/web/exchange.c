// SPDX-License-Identifier: GPL-3.0-only
#include "web/body.h"
#include "web/client.h"
#include "web/conditional.h"
#include "web/encoding.h"
#include "web/session.h"
#include "web/web.h"

#include "base/parse.h"
#include "data/compress.h"

#include <assert.h>

#define ANSWER_MAX BUF_OWN_MAX
#define COMPRESSED_AT_ONCE ((size_t)512 * 1024) // some milliseconds; what is longer, by and by

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
    free(x->tag);
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

static enum MHD_Result read_accept(void *userdata, enum MHD_ValueKind kind _unused_,
                                   const char *name, const char *value)
{
    if (value && strcasecmp(name, "Accept") == 0)
        accept_types_read(userdata, value);
    return MHD_YES;
}

enum accepted exchange_accepts(const struct exchange *x)
{
    struct accept_types types = ACCEPT_TYPES_INIT;

    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, read_accept, &types);
    return accept_types_choose(&types);
}

bool exchange_is_tls(const struct exchange *x)
{
    const char *proto = client_proxy_header(x, "X-Forwarded-Proto");

    return proto && strcmp(proto, "https") == 0;
}

bool exchange_is_secure(const struct exchange *x)
{
    const char *url = x->web->settings.public_url;

    return exchange_is_tls(x) || (url && str_starts_with(url, "https://"));
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

// ---- content coding and entity tags

static enum MHD_Result read_accept_encoding(void *userdata, enum MHD_ValueKind kind _unused_,
                                            const char *name, const char *value)
{
    if (value && strcasecmp(name, "Accept-Encoding") == 0)
        accept_encoding_read(userdata, value);
    return MHD_YES;
}

void exchange_encode(struct exchange *x, const char *type, uint64_t size)
{
    struct accept_encoding accepted = ACCEPT_ENCODING_INIT;

    x->gzip = false;
    if (!(x->method & METHODS_READ) || x->secret || !encoding_is_for(type, size))
        return;
    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, read_accept_encoding,
                                    &accepted);
    x->gzip = accept_encoding_is_gzip(&accepted);
}

int exchange_add_vary(struct exchange *x, const char *type)
{
    return params_get(&x->headers, "Vary") || !encoding_is_for(type, ENCODING_SIZE_UNKNOWN)
               ? 0
               : exchange_add_header(x, "Vary", "Accept-Encoding");
}

static char *coded_tag(const char *tag, bool gzip)
{
    return str_format("%s%s", tag, gzip ? "-gzip" : "");
}

int exchange_set_tag(struct exchange *x, const char *tag)
{
    free(x->tag);
    x->tag = strdup(tag);
    return x->tag ? 0 : -ENOMEM;
}

bool exchange_is_known(struct exchange *x)
{
    const char *known = exchange_header(x, "If-None-Match"), *tag = x->tag ? x->tag : "";
    _cleanup_free_ char *coded = known ? coded_tag(tag, x->gzip) : NULL;

    if (!coded)
        return false;
    if (etag_listed(known, coded))
        return true;
    if (!etag_listed(known, tag))
        return false;
    x->gzip = false;
    return true;
}

// ---- answers

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

int exchange_describe(struct MHD_Response *response, unsigned status, const struct params *headers,
                      const char *tag, bool gzip)
{
    bool good = true;

    for (size_t i = 0; i < headers->len && good; i++)
        good = add_header(response, headers->items[i].name, headers->items[i].value);
    if (tag && (status == MHD_HTTP_OK || status == MHD_HTTP_PARTIAL_CONTENT ||
                status == MHD_HTTP_NOT_MODIFIED)) {
        _cleanup_free_ char *text = coded_tag(tag, gzip);
        _cleanup_free_ char *quoted = text ? str_format("\"%s\"", text) : NULL;

        good = good && quoted && add_header(response, MHD_HTTP_HEADER_ETAG, quoted);
    }
    if (gzip && status != MHD_HTTP_NOT_MODIFIED)
        good = good && add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return good ? 0 : -ENOMEM;
}

// What shows the present state is asked for anew each time; what somebody logged in sees is nobody
// else's. What answers itself (stored and static files, feeds) says more.
int exchange_add_cache_control(struct exchange *x)
{
    bool raw = x->route && x->route->kind == ROUTE_RAW;

    if (!(x->method & METHODS_READ) || params_get(&x->headers, "Cache-Control") ||
        (raw && !x->secret))
        return 0;
    return exchange_add_header(x, "Cache-Control",
                               x->secret    ? CACHE_SECRET
                               : x->session ? "private, no-cache"
                                            : "no-cache");
}

static int add_once(struct exchange *x, const char *name, const char *value)
{
    return params_get(&x->headers, name) ? 0 : exchange_add_header(x, name, value);
}

// A year (RFC 6797).
#define HSTS "max-age=31536000"

int exchange_add_guards(struct exchange *x)
{
    if (exchange_is_secure(x) && add_once(x, "Strict-Transport-Security", HSTS) < 0)
        return -ENOMEM;
    return add_once(x, "X-Content-Type-Options", "nosniff");
}

int exchange_answer(struct exchange *x, unsigned status, struct MHD_Response *response)
{
    if (!response)
        return -ENOMEM;
    if ((status != MHD_HTTP_MOVED_PERMANENTLY && exchange_add_cache_control(x) < 0) ||
        exchange_add_guards(x) < 0) {
        MHD_destroy_response(response);
        return -ENOMEM;
    }
    exchange_drop_response(x);
    x->response = response;
    x->status = status;
    return exchange_describe(response, status, &x->headers, x->tag, x->gzip);
}

int exchange_answer_empty(struct exchange *x, unsigned status)
{
    if (status != MHD_HTTP_NOT_MODIFIED)
        x->gzip = false;
    return exchange_answer(x, status,
                           MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

int exchange_answer_buf(struct exchange *x, unsigned status, const char *type, struct buf *body)
{
    _cleanup_(body_unrefp) struct body *plain = NULL, *coded = NULL;
    bool later;
    int r;

    exchange_encode(x, type, body->len);
    plain = body_new(body);
    if (!plain || exchange_add_vary(x, type) < 0)
        return -ENOMEM;
    later = x->gzip && plain->len > COMPRESSED_AT_ONCE;
    if (x->gzip && !later)
        coded = body_gzip(plain, COMPRESS_FAST);
    x->gzip = later || coded;
    r = exchange_answer(x, status,
                        later ? body_response_gzip(plain) : body_response(coded ? coded : plain));
    return r == 0 && !add_header(x->response, "Content-Type", type) ? -ENOMEM : r;
}

int exchange_answer_stream(struct exchange *x, unsigned status, const struct body_source *source,
                           void *userdata, uint64_t size)
{
    const char *type = params_get(&x->headers, "Content-Type");

    if (status != MHD_HTTP_OK)
        x->gzip = false;
    else
        exchange_encode(x, type, size);
    if (type && exchange_add_vary(x, type) < 0) {
        source->release(userdata);
        return -ENOMEM;
    }
    return exchange_answer(x, status, body_stream(source, userdata, size, x->gzip));
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

void exchange_answer_error(struct exchange *x, int r, struct error *err)
{
    unsigned status = x->status >= 400 ? x->status : status_of(r);
    const char *message = error_message(err);
    enum route_kind kind = x->route ? x->route->kind : ROUTE_PAGE;
    bool done;

    x->gzip = false;
    if (status == MHD_HTTP_UNAUTHORIZED) // RFC 9110 §11.6.1: it must be there
        (void)exchange_add_header(x, "WWW-Authenticate", "ApiKey realm=\"autopkgtest\"");
    if (kind == ROUTE_PAGE && !params_get(&x->headers, "Vary"))
        (void)exchange_add_header(x, "Vary", VARY_PAGE);
    // Programs that say nothing of HTML get errors they can read.
    if (kind == ROUTE_PAGE && !x->wants_json && exchange_accepts(x) == ACCEPTS_HTML)
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
