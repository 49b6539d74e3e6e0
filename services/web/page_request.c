// SPDX-License-Identifier: GPL-3.0-only
// Requests for tests: the form, and /request.cgi, which answers when the broker has confirmed.
#include "web/broker.h"
#include "web/pages.h"
#include "web/request_order.h"
#include "web/requester.h"
#include "web/results.h"
#include "web/web.h"

// One submission: as many messages as architectures, one answer.
struct submission {
    struct exchange *x;
    size_t waiting;  // confirms to come
    bool publishing; // the loop that publishes has not ended: do not answer yet
    int result;
    struct error why;
    json_t *accepted; // [{"uuid", "package", "release", "arch", "url"}]
};

static void submission_free(void *userdata)
{
    struct submission *s = userdata;

    error_clear(&s->why);
    json_decref(s->accepted);
    free(s);
}

static int make_answer(struct submission *s, struct error *err)
{
    struct exchange *x = s->x;
    json_t *first = json_array_get(s->accepted, 0);

    if (s->result < 0) {
        x->status = s->result == -EINVAL ? 400 : 503;
        return error_set(err, s->result, "the request was not queued: %s", error_message(&s->why));
    }
    x->data = json_object();
    if (!x->data || json_put_string(x->data, "title", "Test requested") < 0 ||
        json_put_string(x->data, "uuid", json_string_value(json_object_get(first, "uuid"))) < 0 ||
        json_put_string(x->data, "url", json_string_value(json_object_get(first, "url"))) < 0 ||
        json_put(x->data, "requests", json_incref(s->accepted)) < 0)
        return error_oom(err);
    return page_answer(x, MHD_HTTP_OK, "requested", err);
}

static void on_confirmed(int r, const char *reason, void *userdata)
{
    struct submission *s = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;

    s->waiting--;
    if (r < 0 && s->result == 0)
        s->result = error_set(&s->why, r, "%s", reason);
    if (s->waiting > 0 || s->publishing)
        return;
    r = make_answer(s, &err);
    if (r < 0)
        exchange_answer_error(s->x, r, &err);
    exchange_resume(s->x);
}

static int add_accepted(struct submission *s, const struct request_order *order, const char *arch)
{
    _cleanup_free_ char *url = results_url(order->request.package, order->release, arch, NULL);
    _cleanup_free_ char *origin = exchange_origin(s->x);
    _cleanup_free_ char *full = url && origin ? str_format("%s%s", origin, url) : NULL;

    return full ? json_array_append_new(
                      s->accepted, json_pack("{s:s, s:s, s:s, s:s, s:s}", "uuid",
                                             order->request.uuid, "package", order->request.package,
                                             "release", order->release, "arch", arch, "url", full))
                : -1;
}

static int publish_one(struct submission *s, struct request_order *order, const char *arch,
                       struct error *err)
{
    _cleanup_free_ char *queue = queue_name(order->context, order->release, arch);
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    int r;

    free(TAKE_PTR(order->request.uuid)); // each message has one of its own
    r = request_complete(&order->request, err);
    if (r == 0)
        r = request_format(&order->request, &body, err);
    if (r < 0)
        return r;
    if (!queue || add_accepted(s, order, arch) < 0)
        return error_oom(err);
    s->waiting++;
    r = broker_publish(s->x->web->broker, queue, body.data, body.len, on_confirmed, s, err);
    if (r < 0)
        s->waiting--;
    return r;
}

static int submit(struct exchange *x, struct request_order *order, struct error *err)
{
    struct submission *s = calloc(1, sizeof(*s));
    int r = 0;

    if (!s)
        return error_oom(err);
    s->x = x;
    s->accepted = json_array();
    s->publishing = true;
    x->userdata = s;
    x->free_userdata = submission_free;
    for (size_t i = 0; i < order->archs.len && r == 0; i++)
        r = publish_one(s, order, order->archs.items[i], err);
    s->publishing = false;
    if (r < 0 && s->result == 0)
        s->result = error_set(&s->why, r, "%s", error_message(err));
    if (s->waiting > 0)
        return EXCHANGE_WAIT;
    error_clear(err);
    return make_answer(s, err);
}

// Without a word in Accept that asks for HTML the caller is a program.
static void choose_format(struct exchange *x)
{
    const char *accept = exchange_header(x, "Accept");

    if (!params_get(&x->query, "format"))
        x->wants_json = !accept || !strstr(accept, "text/html");
}

// A link on another site leads to the form, filled in, where the user decides.
static int ask_first(struct exchange *x, struct error *err)
{
    _cleanup_free_ char *url = str_format("/request?%s", x->query_text);

    if (x->method == METHOD_POST)
        return exchange_fail(x, 403, err, "the form was sent by another site");
    return url ? exchange_redirect(x, MHD_HTTP_SEE_OTHER, url) : error_oom(err);
}

static int read_params(struct exchange *x, struct params *params, struct error *err)
{
    const char *type = exchange_header(x, "Content-Type");
    int r = params_parse(params, x->query_text, strlen(x->query_text), err);

    if (r < 0 || x->method != METHOD_POST || x->body.len == 0)
        return r;
    if (!type || !str_starts_with(type, "application/x-www-form-urlencoded"))
        return exchange_fail(x, 415, err, "Content-Type: expected a form");
    return params_parse(params, x->body.data, x->body.len, err);
}

int page_request(struct exchange *x, struct error *err)
{
    const struct request_limits limits = {.releases = &x->web->settings.releases,
                                          .architectures = &x->web->settings.architectures};
    _cleanup_params_ struct params params = {0};
    _cleanup_(request_order_release) struct request_order order = {.request = REQUEST_INIT};
    _cleanup_free_ char *user = NULL;
    const char *reason = NULL;
    int r;

    choose_format(x);
    if (!requester_same_origin(x))
        return ask_first(x, err);
    r = requester_identify(x, &user, err);
    if (r == 0)
        r = read_params(x, &params, err);
    if (r == 0)
        r = request_order_read(&params, &limits, &order, err);
    if (r < 0)
        return r;
    if (exchange_add_header(x, "Cache-Control", "no-store") < 0)
        return error_oom(err);
    if (!broker_is_up(x->web->broker, &reason))
        return exchange_fail(x, 503, err, "the broker is away, try again soon: %s", reason);
    order.request.requester = TAKE_PTR(user);
    return submit(x, &order, err);
}

// ---- the form

static int put_choices(json_t *data, const char *key, const struct strv *values,
                       const char *selected)
{
    json_t *list = json_array();

    for (size_t i = 0; i < values->len; i++) {
        const char *value = values->items[i];
        bool chosen = selected ? strcmp(selected, value) == 0 : values->len == 1;

        if (json_array_append_new(
                list, json_pack("{s:s, s:b}", "value", value, "selected", chosen)) < 0) {
            json_decref(list);
            return -ENOMEM;
        }
    }
    return json_put(data, key, list);
}

int page_request_form(struct exchange *x, struct error *err)
{
    static const char *const fields[] = {"package", "trigger", "ppa", "env", "testname"};
    const struct web_settings *s = &x->web->settings;
    bool open = strcmp(s->authorization, "open") == 0;

    x->data = json_object();
    if (!x->data || json_put_string(x->data, "title", "Request a test") < 0 ||
        json_put_bool(x->data, "open", open) < 0 ||
        put_choices(x->data, "releases", &s->releases, params_get(&x->query, "release")) < 0 ||
        put_choices(x->data, "architectures", &s->architectures, params_get(&x->query, "arch")) <
            0 ||
        json_put_bool(x->data, "all_proposed", params_get(&x->query, "all-proposed") != NULL) < 0)
        return error_oom(err);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const char *value = params_get(&x->query, fields[i]);

        if (json_put_string(x->data, fields[i], value ? value : "") < 0)
            return error_oom(err);
    }
    return 0;
}
