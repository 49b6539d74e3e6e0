// SPDX-License-Identifier: GPL-3.0-only
// One code path for pages: the same data as HTML by a template, or as JSON.
#include "base/file.h"
#include "web/login.h"
#include "web/page_cache.h"
#include "web/web.h"

#define PAGE_MAX ((size_t)32 * 1024 * 1024)
#define CSP                                                                                        \
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "              \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A year, once the proxy in front speaks TLS (RFC 6797).
#define HSTS "max-age=31536000"

int page_add_headers(struct exchange *x)
{
    if (exchange_is_tls(x) && exchange_add_header(x, "Strict-Transport-Security", HSTS) < 0)
        return -ENOMEM;
    if (exchange_add_header(x, "Content-Security-Policy", CSP) < 0 ||
        exchange_add_header(x, "X-Content-Type-Options", "nosniff") < 0 ||
        exchange_add_header(x, "Referrer-Policy", "same-origin") < 0 ||
        exchange_add_header(x, "Vary", "Accept, Accept-Encoding, Cookie") < 0)
        return -ENOMEM;
    return 0;
}

#define ALERT_MAX ((size_t)16 * 1024)

// What operators want everybody to read: alert.json among the settings, {"level": "info", "warning"
// or "error", "message"}. Read for each page that is made, so that it is there at once; absent or
// unreadable: no banner.
static int add_alert(const struct web *web, json_t *layout)
{
    _cleanup_free_ char *path = path_join(web->config_dir, "alert.json");
    _cleanup_json_ json_t *alert = NULL;

    if (!path)
        return -ENOMEM;
    if (access(path, F_OK) < 0 || json_parse_file(path, ALERT_MAX, &alert, NULL) < 0 ||
        !*json_text(alert, "message"))
        return 0;
    return json_put(layout, "alert", json_incref(alert));
}

// Who is logged in, the token of that one's forms, or where to log in.
static int add_user(struct exchange *x, json_t *layout)
{
    const struct session *session = login_session(x);
    _cleanup_free_ char *token = NULL, *here = NULL, *url = NULL;

    if (!login_is_possible(x->web))
        return 0;
    if (!session) {
        here = str_format("%s%s%s", x->path, *x->query_text ? "?" : "", x->query_text);
        url = here ? login_url(x->method & METHODS_READ ? here : "/request") : NULL;
        return json_put_string(layout, "login_url", url);
    }
    token = session_form_token(&x->web->session_key, session);
    return json_put_string(layout, "user", session->user) < 0
               ? -ENOMEM
               : json_put_string(layout, "token", token);
}

// What every page's layout needs, beside the page's own data.
static int add_layout(struct exchange *x, json_t *data)
{
    const struct web *web = x->web;
    json_t *layout = json_object();
    bool open = strcmp(web->settings.authorization, "open") == 0;

    if (json_put(data, "layout", layout) < 0 || add_alert(web, layout) < 0 ||
        add_user(x, layout) < 0 ||
        json_put_string(layout, "static_version", web->static_version) < 0 ||
        json_put_string(layout, "base", web_base(web)) < 0 ||
        json_put_string(layout, "hostname", web->settings.hostname) < 0 ||
        json_put_bool(layout, "can_request", open || login_is_possible(web)) < 0)
        return -ENOMEM;
    return 0;
}

int page_render(struct exchange *x, const char *template, json_t *data, struct buf *ret,
                struct error *err)
{
    const struct web *web = x->web;
    const struct template_options options = {.partials = web->templates, .strict = false};
    const struct template *t = template_set_find(web->templates, template);

    if (!t)
        return error_set(err, -ENOSYS, "the template %s is missing in %s/html", template,
                         web->settings.templates_dir);
    if (add_layout(x, data) < 0)
        return error_oom(err);
    return template_render(t, data, &options, ret, err);
}

int page_answer_buf(struct exchange *x, unsigned status, const char *type, struct buf *body)
{
    size_t size = body->len;
    int r = exchange_answer_buf(x, status, type, body);

    if (r == 0 && status == MHD_HTTP_OK)
        page_cache_keep(x->web->page_cache, x, size);
    return r;
}

int page_answer(struct exchange *x, unsigned status, const char *template, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(PAGE_MAX);
    int r;

    if (!x->data)
        return error_oom(err);
    if (page_add_headers(x) < 0)
        return error_oom(err);
    r = x->wants_json ? json_write(x->data, &text) : page_render(x, template, x->data, &text, err);
    if (r == 0 && x->wants_json)
        r = buf_add_char(&text, '\n');
    if (r < 0)
        return r;
    r = page_answer_buf(x, status, x->wants_json ? TYPE_JSON : TYPE_HTML, &text);
    return r < 0 ? error_oom(err) : 0;
}

static const char *status_title(unsigned status)
{
    switch (status) {
    case 400:
        return "That request cannot be understood";
    case 401:
    case 403:
        return "That is not allowed";
    case 404:
        return "There is nothing here";
    case 429:
        return "That is too much at once";
    case 503:
        return "Not possible right now";
    default:
        return status >= 500 ? "Something went wrong" : "That did not work";
    }
}

bool page_answer_error(struct exchange *x, unsigned status, const char *message)
{
    _cleanup_json_ json_t *data = json_object();
    _cleanup_buf_ struct buf text = BUF_INIT(PAGE_MAX);

    if (!data || json_put_int(data, "status", status) < 0 ||
        json_put_string(data, "title", status_title(status)) < 0 ||
        json_put_string(data, "message", message) < 0)
        return false;
    if (page_render(x, "error", data, &text, NULL) < 0 || page_add_headers(x) < 0)
        return false;
    return exchange_answer_buf(x, status, TYPE_HTML, &text) == 0;
}
