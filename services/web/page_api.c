// SPDX-License-Identifier: GPL-3.0-only
// /api/v1, which static/openapi.json describes: requests, results, changes.
#include "adt/names.h"
#include "adt/verdict.h"
#include "base/parse.h"
#include "web/cancel.h"
#include "web/changes.h"
#include "web/duplicates.h"
#include "web/login.h"
#include "web/origin.h"
#include "web/pages.h"
#include "web/permission.h"
#include "web/reports.h"
#include "web/requester.h"
#include "web/requests.h"
#include "web/results.h"
#include "web/submission.h"
#include "web/web.h"

#include <openssl/evp.h>

#define BATCH_MAX 100 // requests in one submission
#define LIST_MAX 1000
#define LIST_DEFAULT 100
#define KEY_MAX 200
#define PACKAGES_MAX 20 // names that complete a prefix

static int open_database(struct exchange *x, struct database **ret, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;

    if (web_database(x->web, ret, &why) < 0)
        return exchange_fail(x, 503, err, "the results cannot be read right now");
    return 0;
}

// ---- sending requests

static int answer_accepted(struct exchange *x, json_t *accepted, struct error *err)
{
    _cleanup_json_ json_t *answer = json_object();
    int r = json_put(answer, "requests", accepted);

    return r < 0 || exchange_answer_json(x, MHD_HTTP_ACCEPTED, answer) < 0 ? error_oom(err) : 0;
}

static int send_orders(struct exchange *x, const json_t *list, struct request_order *orders,
                       const struct requester *requester, const struct submission_options *options,
                       struct error *err)
{
    const struct request_limits limits = {.releases = &x->web->settings.releases,
                                          .architectures = &x->web->settings.architectures};
    size_t n = json_array_size(list);
    int r = 0;

    // All are checked before the first is queued.
    for (size_t i = 0; i < n && r == 0; i++) {
        r = request_order_read_json(json_array_get(list, i), &limits, &orders[i], err);
        if (r < 0 && n > 1)
            r = error_prefix(err, r, "request %zu", i + 1);
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = permission_to_request(x, requester, &orders[i], err);
    if (r == 0)
        r = submission_send(x, orders, n, options, err);
    for (size_t i = 0; i < n; i++)
        request_order_release(&orders[i]);
    return r;
}

int page_api_submit(struct exchange *x, struct error *err)
{
    _cleanup_json_ json_t *body = NULL, *list = NULL;
    _cleanup_free_ struct request_order *orders = NULL;
    _cleanup_(requester_release) struct requester requester = {0};
    const char *key = exchange_header(x, "Idempotency-Key");
    int r;

    if (!origin_is_ours(x))
        return exchange_fail(x, 403, err, "another site sent this");
    if (key && (!*key || strlen(key) > KEY_MAX))
        return exchange_fail(x, 400, err, "Idempotency-Key: expected 1 to %d characters", KEY_MAX);
    r = requester_identify(x, NULL, &requester, err);
    if (r == 0)
        r = json_parse(x->body.data ? x->body.data : "", x->body.len, "body", &body, err);
    if (r < 0)
        return r;
    list = json_is_array(body) ? json_incref(body) : json_pack("[O]", body);
    if (json_array_size(list) == 0 || json_array_size(list) > BATCH_MAX)
        return exchange_fail(x, 400, err, "expected 1 to %d requests, got %zu", BATCH_MAX,
                             json_array_size(list));
    orders = calloc(json_array_size(list), sizeof(*orders));
    if (!orders)
        return error_oom(err);
    return send_orders(x, list, orders, &requester,
                       &(struct submission_options){
                           .requester = requester.user, .key = key, .answer = answer_accepted},
                       err);
}

// ---- what has become of them

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static int find_request(struct exchange *x, json_t **ret, struct error *err)
{
    const char *uuid = exchange_value(x, "uuid");
    struct database *db = NULL;
    int r;

    if (!is_uuid(uuid))
        return exchange_fail(x, 404, err, "%.100s is not the uuid of a request", uuid);
    r = open_database(x, &db, err);
    if (r == 0)
        r = requests_find(db, uuid, ret, err);
    if (r == -ENOENT &&
        duplicate_find_noted(x->web, uuid, ret) > 0) { // the indexer has yet to hear of it
        error_clear(err);
        r = 0;
    }
    return r;
}

int page_api_request(struct exchange *x, struct error *err)
{
    _cleanup_json_ json_t *request = NULL;
    int r = find_request(x, &request, err);

    if (r < 0)
        return r;
    if (exchange_add_header(x, "Cache-Control", "no-cache") < 0 ||
        exchange_answer_json(x, MHD_HTTP_OK, request) < 0)
        return error_oom(err);
    return 0;
}

// `2026-01-15T10:15:00Z` for people: `2026-01-15 10:15:00`.
static int put_dates(json_t *history)
{
    json_t *event;
    size_t i;

    json_array_foreach (history, i, event) {
        _cleanup_free_ char *date = strdup(json_text(event, "time"));

        if (!date)
            return -ENOMEM;
        date[strcspn(date, "Z")] = '\0';
        if (strchr(date, 'T'))
            *strchr(date, 'T') = ' ';
        if (json_put_string(event, "date", date) < 0)
            return -ENOMEM;
    }
    return 0;
}

int page_request_state(struct exchange *x, struct error *err)
{
    json_t *request = NULL;
    int r = find_request(x, &request, err);

    if (r < 0)
        return r;
    x->data = request;
    x->secret = login_session(x) != NULL; // the form's token is in it
    return put_dates(json_object_get(request, "history")) < 0 ||
                   json_put_string(request, "title", "Request") < 0 ||
                   json_put_bool(request, "may_cancel",
                                 login_session(x) &&
                                     request_state_is_open(json_text(request, "state"))) < 0
               ? error_oom(err)
               : 0;
}

// ---- taking one back

static int answer_cancelled(struct exchange *x, struct error *err)
{
    _cleanup_json_ json_t *answer =
        json_pack("{s:s, s:s}", "uuid", exchange_value(x, "uuid"), "state", "cancelled");

    return !answer || exchange_answer_json(x, MHD_HTTP_OK, answer) < 0 ? error_oom(err) : 0;
}

static int show_cancelled(struct exchange *x, struct error *err)
{
    _cleanup_free_ char *url = str_format("/requests/%s", exchange_value(x, "uuid"));

    return url && exchange_redirect(x, MHD_HTTP_SEE_OTHER, url) == 0 ? 0 : error_oom(err);
}

static int cancel(struct exchange *x, const struct requester *requester,
                  int (*answer)(struct exchange *x, struct error *err), struct error *err)
{
    struct cancel_options options = {
        .uuid = exchange_value(x, "uuid"), .requester = requester->user, .answer = answer};
    _cleanup_json_ json_t *request = NULL;
    int r;

    if (!requester->user)
        return exchange_fail(x, 403, err, "whose request it is cannot be told without an API key");
    r = find_request(x, &request, err);
    // What the database has not heard of, or cannot tell now, may be somewhere all the same.
    if (r < 0 && x->status == 404)
        return r;
    x->status = 0;
    error_clear(err);
    if (r == 0 && !request_state_is_open(json_text(request, "state")))
        return exchange_fail(x, 409, err, "it is too late: the request is %s",
                             json_text(request, "state"));
    if (json_object_get(request, "release")) {
        options.release = json_text(request, "release");
        options.arch = json_text(request, "arch");
    }
    return cancel_request(x, &options, err);
}

int page_api_cancel(struct exchange *x, struct error *err)
{
    _cleanup_(requester_release) struct requester requester = {0};
    int r = origin_is_ours(x) ? requester_identify(x, NULL, &requester, err)
                              : exchange_fail(x, 403, err, "another site sent this");

    return r < 0 ? r : cancel(x, &requester, answer_cancelled, err);
}

int page_request_cancel(struct exchange *x, struct error *err)
{
    _cleanup_(requester_release) struct requester requester = {0};
    _cleanup_params_ struct params params = {0};
    int r = origin_is_ours(x) ? params_parse(&params, buf_str(&x->body), x->body.len, err)
                              : exchange_fail(x, 403, err, "the form was sent by another site");

    if (r == 0)
        r = requester_identify(x, &params, &requester, err);
    return r < 0 ? r : cancel(x, &requester, show_cancelled, err);
}

// /run/UUID: the run's page once there is one.
int page_run_by_uuid(struct exchange *x, struct error *err)
{
    _cleanup_json_ json_t *request = NULL;
    _cleanup_free_ char *url = NULL;
    int r = find_request(x, &request, err);

    if (r < 0)
        return r;
    url = json_object_get(request, "url") ? strdup(json_text(request, "url"))
                                          : str_format("/requests/%s", json_text(request, "uuid"));
    return url ? exchange_redirect(x, MHD_HTTP_FOUND, url) : error_oom(err);
}

// ---- results

// With the validator of its content; 304 when the client has it.
static int answer_with_etag(struct exchange *x, const json_t *value, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;

    if (json_write(value, &text) < 0 || buf_add_char(&text, '\n') < 0 ||
        EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL) != 1)
        return error_oom(err);
    hex_encode(digest, 16, hex);
    exchange_encode(x, TYPE_JSON, text.len);
    if (exchange_set_tag(x, hex) < 0 || exchange_add_vary(x, TYPE_JSON) < 0 ||
        exchange_add_header(x, "Cache-Control", "no-cache") < 0)
        return error_oom(err);
    if (exchange_is_known(x))
        return exchange_answer_empty(x, MHD_HTTP_NOT_MODIFIED) < 0 ? error_oom(err) : 0;
    return exchange_answer_buf(x, MHD_HTTP_OK, TYPE_JSON, &text) < 0 ? error_oom(err) : 0;
}

static int read_limit(struct exchange *x, uint64_t *ret, struct error *err)
{
    const char *limit = params_get(&x->query, "limit");

    *ret = LIST_DEFAULT;
    if (limit && parse_uint(limit, 1, LIST_MAX, ret, err) < 0)
        return error_prefix(err, -EINVAL, "limit");
    return 0;
}

// A cursor is the run id of a page's last result, so that results which come meanwhile move
// nothing; of all tests it may be a number of results as well, as it was once.
static int read_cursor(struct exchange *x, bool of_one_test, struct results_filter *f,
                       struct error *err)
{
    const char *cursor = params_get(&x->query, "cursor");

    if (cursor && name_is_run_id(cursor))
        f->before = cursor;
    else if (cursor && of_one_test)
        return exchange_fail(x, 400, err, "cursor: expected one of an answer for this test");
    else if (cursor && parse_uint(cursor, 0, RESULTS_WINDOW, &f->offset, err) < 0)
        return error_prefix(err, -EINVAL, "cursor");
    return 0;
}

static int read_filter(struct exchange *x, const char *package, struct results_filter *ret,
                       struct error *err)
{
    struct results_filter f = {.release = params_get_filled(&x->query, "release"),
                               .arch = params_get_filled(&x->query, "arch"),
                               .requester = params_get_filled(&x->query, "requester"),
                               .verdict = params_get(&x->query, "verdict")};
    int r = read_limit(x, &f.limit, err);

    if (r < 0)
        return r;
    if (f.verdict && !verdict_known(f.verdict))
        return exchange_fail(x, 400, err, "verdict: there is none that is called %.40s", f.verdict);
    if (package && (!f.release || !f.arch))
        return exchange_fail(x, 400, err, "package: release and arch are needed with it");
    r = read_cursor(x, package != NULL, &f, err);
    if (r == 0)
        *ret = f;
    return r;
}

// Of one test by its history, else the newest of all that fit. *ret_next: where the next page
// begins, NULL: this is the last one.
static int find_results(struct database *db, const char *package, const struct results_filter *f,
                        json_t **ret, char **ret_next, struct error *err)
{
    int r = package ? results_history(db, package, f, ret, err) : results_recent(db, f, ret, err);
    size_t n = json_array_size(*ret);

    if (r < 0)
        return r;
    if (n < f->limit) // what was looked through is at its end, the results perhaps not
        return package ? 0 : results_window_end(db, f, ret_next, err);
    *ret_next = strdup(json_text(json_array_get(*ret, n - 1), "run_id"));
    return *ret_next ? 0 : error_oom(err);
}

int page_api_results(struct exchange *x, struct error *err)
{
    const char *package = params_get_filled(&x->query, "package");
    _cleanup_json_ json_t *answer = json_object(), *rows = NULL;
    _cleanup_free_ char *next = NULL;
    struct results_filter f = {0};
    struct database *db = NULL;
    int r = read_filter(x, package, &f, err);

    if (r < 0 || (r = open_database(x, &db, err)) < 0 ||
        (r = find_results(db, package, &f, &rows, &next, err)) < 0)
        return r;
    if (json_put(answer, "results", json_incref(rows)) < 0 ||
        (next && json_put_string(answer, "cursor", next) < 0))
        return error_oom(err);
    return answer_with_etag(x, answer, err);
}

// Behind the cursor of the address; without one none, and the cursor of now.
static int find_changes(struct exchange *x, struct database *db, uint64_t limit,
                        struct change_cursor *cursor, json_t **ret, struct error *err)
{
    const char *text = params_get(&x->query, "cursor");
    int r;

    if (!text) { // an empty one is a client's mistake, which would skip changes
        *ret = json_array();
        return *ret ? changes_now(db, cursor, err) : error_oom(err);
    }
    r = change_cursor_read(text, cursor, err);
    if (r < 0)
        return error_prefix(err, r, "cursor");
    r = changes_after(db, cursor, limit, ret, err);
    if (r == -ESTALE)
        x->status = 410;
    return r;
}

int page_api_changes(struct exchange *x, struct error *err)
{
    _cleanup_(change_cursor_release) struct change_cursor cursor = {0};
    _cleanup_json_ json_t *answer = json_object();
    _cleanup_free_ char *next = NULL;
    struct database *db = NULL;
    json_t *rows = NULL;
    uint64_t limit;
    int r;

    if ((r = read_limit(x, &limit, err)) < 0 || (r = open_database(x, &db, err)) < 0 ||
        (r = find_changes(x, db, limit, &cursor, &rows, err)) < 0)
        return r;
    next = change_cursor_write(&cursor);
    if (json_put(answer, "results", rows) < 0 || !next ||
        json_put_string(answer, "cursor", next) < 0)
        return error_oom(err);
    return answer_with_etag(x, answer, err);
}

int page_api_test(struct exchange *x, struct error *err)
{
    const char *package = exchange_value(x, "package"), *release = exchange_value(x, "release");
    const char *arch = exchange_value(x, "arch");
    _cleanup_json_ json_t *test = NULL;
    struct database *db = NULL;
    int r;

    if (!name_is_package(package) || !name_is_release(release) || !name_is_arch(arch))
        return exchange_fail(x, 404, err, "there is no such test");
    if ((r = open_database(x, &db, err)) < 0 ||
        (r = report_test(db, package, release, arch, &test, err)) < 0)
        return r;
    if (json_object_size(test) == 0)
        return exchange_fail(x, 404, err, "there are no results of %s on %s %s", package, release,
                             arch);
    return answer_with_etag(x, test, err);
}

int page_api_packages(struct exchange *x, struct error *err)
{
    const char *prefix = params_get(&x->query, "prefix");
    _cleanup_json_ json_t *answer = json_object();
    struct database *db = NULL;
    json_t *names = NULL;
    int r = open_database(x, &db, err);

    if (r == 0)
        r = results_packages(db, prefix ? prefix : "", NULL, PACKAGES_MAX, &names, err);
    if (r < 0)
        return r;
    return json_put(answer, "packages", names) < 0 ? error_oom(err)
                                                   : answer_with_etag(x, answer, err);
}

int page_api_document(struct exchange *x, struct error *err)
{
    return page_static_file(x, "openapi.json", err);
}
