// SPDX-License-Identifier: GPL-3.0-only
// Requests for tests: the form, and /request.cgi, which answers when the broker has confirmed.
#include "web/broker.h"
#include "web/duplicates.h"
#include "web/github.h"
#include "web/limits.h"
#include "web/login.h"
#include "web/origin.h"
#include "web/pages.h"
#include "web/permission.h"
#include "web/request_order.h"
#include "web/requester.h"
#include "web/results.h"
#include "web/submission.h"
#include "web/web.h"

static int answer_requested(struct exchange *x, json_t *accepted, struct error *err)
{
    const json_t *first = json_array_get(accepted, 0);

    x->data = json_object();
    if (json_put_string(x->data, "title", "Test requested") < 0 ||
        json_put_string(x->data, "uuid", json_text(first, "uuid")) < 0 ||
        json_put_string(x->data, "url", json_text(first, "url")) < 0 ||
        json_put(x->data, "requests", json_incref(accepted)) < 0) {
        json_decref(accepted);
        return error_oom(err);
    }
    json_decref(accepted);
    return page_answer(x, MHD_HTTP_OK, "requested", err);
}

// Without a word in Accept that asks for HTML the caller is a program.
static void choose_format(struct exchange *x)
{
    if (!params_get(&x->query, "format"))
        x->wants_json = exchange_accepts(x) != ACCEPTS_HTML;
}

// A link leads to the form, filled in, where the user decides; without a login by way of that.
static int ask_first(struct exchange *x, bool log_in, struct error *err)
{
    _cleanup_free_ char *form = str_format("/request?%s", x->query_text);
    _cleanup_free_ char *login = form && log_in ? login_url(form) : NULL;
    const char *url = log_in ? login : form;

    return url && exchange_redirect(x, MHD_HTTP_SEE_OTHER, url) == 0 ? 0 : error_oom(err);
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
    _cleanup_(requester_release) struct requester requester = {0};
    int r;

    if (github_is_webhook(x))
        return github_webhook(x, err);
    choose_format(x);
    if (!origin_is_ours(x))
        return x->method == METHOD_POST
                   ? exchange_fail(x, 403, err, "the form was sent by another site")
                   : ask_first(x, false, err);
    r = read_params(x, &params, err);
    if (r == 0)
        r = requester_identify(x, &params, &requester, err);
    if ((r == -ENOKEY || r == -EKEYREJECTED) && x->method != METHOD_POST && !x->wants_json)
        return ask_first(x, r == -ENOKEY, err);
    if (r == 0 && requester.proof == PROOF_SESSION)
        r = limits_check_user(x, LIMIT_REQUESTS, requester.user, err);
    if (r == 0)
        r = request_order_read(&params, &limits, &order, err);
    if (r == 0)
        r = permission_to_request(x, &requester, &order, err);
    if (r != 0)
        return r;
    if (exchange_add_header(x, "Cache-Control", "no-store") < 0)
        return error_oom(err);
    return submission_send(
        x, &order, 1,
        &(struct submission_options){.requester = requester.user, .answer = answer_requested}, err);
}

// ---- what is known before

static int put_tested(struct exchange *x, json_t *check, const char *package, const char *release,
                      const char *arch)
{
    const struct results_filter newest_of_test = {.release = release, .arch = arch, .limit = 1};
    _cleanup_json_ json_t *rows = NULL;
    struct database *db = NULL;
    const json_t *newest;

    if (web_database(x->web, &db, NULL) < 0 ||
        results_history(db, package, &newest_of_test, &rows, NULL) < 0 ||
        json_array_size(rows) == 0)
        return json_put_string(check, "state", "new");
    newest = json_array_get(rows, 0);
    if (json_put_string(check, "state", "tested") < 0 ||
        json_put_string(check, "verdict", json_text(newest, "verdict")) < 0 ||
        json_put_string(check, "date", json_text(newest, "date")) < 0)
        return -ENOMEM;
    return json_put_string(check, "url", json_text(newest, "url"));
}

static int put_check(struct exchange *x, json_t *checks, const struct request_order *order,
                     const char *arch)
{
    const struct duplicate_test test = {&order->request, order->release, arch};
    _cleanup_json_ json_t *same = NULL;
    json_t *check = json_pack("{s:s, s:s}", "release", order->release, "arch", arch);
    int r = duplicate_find(x->web, &test, &same);

    if (r > 0) {
        _cleanup_free_ char *url = str_format("/requests/%s", json_text(same, "uuid"));

        r = url ? json_put_string(check, "state", json_text(same, "state")) : -ENOMEM;
        if (r == 0)
            r = json_put_string(check, "url", *json_text(same, "uuid") ? url : "/queues");
    } else if (r == 0) {
        r = put_tested(x, check, order->request.package, order->release, arch);
    }
    if (json_array_append_new(checks, check) < 0)
        r = -ENOMEM;
    return r;
}

// The parameters of the form, not sent yet: for each architecture what would become of it.
int page_request_check(struct exchange *x, struct error *err)
{
    const struct request_limits limits = {.releases = &x->web->settings.releases,
                                          .architectures = &x->web->settings.architectures};
    _cleanup_(request_order_release) struct request_order order = {.request = REQUEST_INIT};
    _cleanup_json_ json_t *answer = json_object();
    json_t *checks = json_array();
    const json_t *lengths = NULL;
    int r = json_put(answer, "checks", checks) < 0
                ? error_oom(err)
                : request_order_read(&x->query, &limits, &order, err);

    if (r < 0)
        return r;
    // Until the form is sent, what is in the queues will have been seen.
    if (broker_look_back(x->web->broker, QUEUE_BODIES, &lengths) < 0)
        return error_oom(err);
    STRV_FOREACH (arch, &order.archs)
        if (r == 0)
            r = put_check(x, checks, &order, arch);
    return r < 0 || exchange_answer_json(x, MHD_HTTP_OK, answer) < 0 ? error_oom(err) : 0;
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

// All values of a parameter that may be repeated, and at least one, which is empty then.
static int put_values(struct exchange *x, const char *key, const char *name)
{
    json_t *list = json_array();
    int r = list ? 0 : -ENOMEM;

    for (size_t i = 0; i < x->query.len && r == 0; i++) {
        const struct param *param = &x->query.items[i];

        if (strcmp(param->name, name) == 0 && *param->value)
            r = json_array_append_new(list, json_string(param->value));
    }
    if (r == 0 && json_array_size(list) == 0)
        r = json_array_append_new(list, json_string(""));
    return json_put(x->data, key, list) < 0 || r < 0 ? -ENOMEM : 0;
}

// Fields that are folded away, unless one is filled in: what is asked for can be seen.
static int put_seldom_used(struct exchange *x)
{
    static const char *const fields[] = {"testname", "readable-by", "test-git", "build-git"};
    bool any = params_get_filled(&x->query, "ppa") || params_get_filled(&x->query, "env");
    bool all_proposed = params_get_filled(&x->query, "all-proposed") != NULL;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const char *value = params_get_filled(&x->query, fields[i]);

        any = any || value;
        if (json_put_string(x->data, fields[i], value ? value : "") < 0)
            return -ENOMEM;
    }
    if (put_values(x, "ppas", "ppa") < 0 || put_values(x, "env", "env") < 0 ||
        json_put_bool(x->data, "all_proposed", all_proposed) < 0)
        return -ENOMEM;
    return json_put_bool(x->data, "unfolded", any || all_proposed);
}

int page_request_form(struct exchange *x, struct error *err)
{
    const struct web_settings *s = &x->web->settings;
    const char *package = params_get(&x->query, "package");
    bool open = strcmp(s->authorization, "open") == 0;
    bool may_log_in = login_is_possible(x->web) && !login_session(x);

    x->secret = login_session(x) != NULL; // the form's token is in it
    x->data = json_object();
    if (!x->data || json_put_string(x->data, "title", "Request a test") < 0 ||
        json_put_bool(x->data, "form", open || login_session(x)) < 0 ||
        json_put_bool(x->data, "may_log_in", may_log_in) < 0 ||
        json_put_string(x->data, "package", package ? package : "") < 0 ||
        put_choices(x->data, "releases", &s->releases, params_get(&x->query, "release")) < 0 ||
        put_choices(x->data, "architectures", &s->architectures, params_get(&x->query, "arch")) <
            0 ||
        put_values(x, "triggers", "trigger") < 0 || put_seldom_used(x) < 0)
        return error_oom(err);
    return 0;
}
