// SPDX-License-Identifier: GPL-3.0-only
// One code path for pages: the same data as HTML by a template, or as JSON.
#include "base/file.h"
#include "web/login.h"
#include "web/page_cache.h"
#include "web/web.h"

#define PAGE_MAX ((size_t)32 * 1024 * 1024)
#define PAGE_ROOM ((size_t)8 * 1024) // for what it has more than the one before
#define PAGE_USUAL_MAX ((size_t)512 * 1024)
#define CSP                                                                                        \
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "              \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

int page_add_headers(struct exchange *x)
{
    if (exchange_add_header(x, "Content-Security-Policy", CSP) < 0 ||
        exchange_add_header(x, "Referrer-Policy", "same-origin") < 0 ||
        (!params_get(&x->headers, "Vary") && exchange_add_header(x, "Vary", VARY_PAGE) < 0))
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

// The token of a kind of forms.
static int add_token(struct exchange *x, json_t *layout, const char *name, enum session_form form)
{
    _cleanup_free_ char *token = session_form_token(&x->web->session_key, login_session(x), form);

    return json_put_string(layout, name, token);
}

// Who is logged in, the tokens of that one's forms, or where to log in.
static int add_user(struct exchange *x, json_t *layout)
{
    const struct session *session = login_session(x);
    _cleanup_free_ char *here = NULL, *url = NULL;

    if (!login_is_possible(x->web))
        return 0;
    if (!session) {
        here = str_format("%s%s%s", x->path, *x->query_text ? "?" : "", x->query_text);
        url = here ? login_url(x->method & METHODS_READ ? here : "/request") : NULL;
        return json_put_string(layout, "login_url", url);
    }
    if (json_put_string(layout, "user", session->user) < 0 ||
        add_token(x, layout, "logout_token", SESSION_FORM_LOGOUT) < 0)
        return -ENOMEM;
    // What has forms for requests says so: no other page has their token in it.
    return x->secret ? add_token(x, layout, "token", SESSION_FORM_REQUESTS) : 0;
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
        json_put_string(layout, "query", x->method & METHODS_READ ? x->query_text : "") < 0 ||
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

#define MARK "\x01here\x01" // no template and no JSON string that is shown has it

int page_render_around(struct exchange *x, const char *template, const char *name, struct buf *head,
                       struct buf *tail, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const char *mark;
    size_t before;
    int r = json_put_string(x->data, name, MARK);

    if (r == 0)
        r = page_render(x, template, x->data, &text, err);
    if (r < 0)
        return r;
    mark = strstr(buf_str(&text), MARK);
    before = mark ? (size_t)(mark - text.data) : text.len;
    r = buf_add(head, text.data, before);
    if (r == 0 && mark)
        r = buf_add_str(tail, mark + strlen(MARK));
    if (r == 0)
        r = page_add_headers(x);
    return r < 0 ? error_oom(err) : 0;
}

int page_answer_buf(struct exchange *x, unsigned status, const char *type, struct buf *body)
{
    int r = status == MHD_HTTP_OK ? page_cache_keep(x->web->page_cache, x, type, body) : 0;

    return r == 0 ? exchange_answer_buf(x, status, type, body) : r < 0 ? r : 0;
}

int page_answer(struct exchange *x, unsigned status, const char *template, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(PAGE_MAX);
    size_t *usual = &x->web->page_lengths[x->route - web_routes];
    int r;

    if (!x->data)
        return error_oom(err);
    if (page_add_headers(x) < 0 || buf_reserve(&text, *usual + PAGE_ROOM) < 0)
        return error_oom(err);
    r = x->wants_json ? json_write(x->data, &text) : page_render(x, template, x->data, &text, err);
    if (r == 0 && x->wants_json)
        r = buf_add_char(&text, '\n');
    if (r < 0)
        return r;
    *usual = text.len < PAGE_USUAL_MAX ? text.len : PAGE_USUAL_MAX;
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
        json_put_string(data, "message", message) < 0 ||
        json_put_bool(data, "missing", status == MHD_HTTP_NOT_FOUND) < 0)
        return false;
    if (page_render(x, "error", data, &text, NULL) < 0 || page_add_headers(x) < 0)
        return false;
    return exchange_answer_buf(x, status, TYPE_HTML, &text) == 0;
}
