// SPDX-License-Identifier: GPL-3.0-only
#include "web/submission.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "web/broker.h"
#include "web/duplicates.h"
#include "web/requests.h"
#include "web/results.h"
#include "web/web.h"

#include <openssl/evp.h>

struct submission {
    struct exchange *x;
    char *requester, *key, *statuses_url, *testname;
    int (*answer)(struct exchange *x, json_t *accepted, struct error *err);
    size_t number;   // of the next message
    bool known;      // the key was seen before: nothing is queued
    size_t waiting;  // confirms to come
    bool publishing; // the loop that publishes has not ended: do not answer yet
    int result;
    struct error why;
    json_t *accepted;
    struct strv digests; // request_digest() of each that is accepted
};

static void submission_free(void *userdata)
{
    struct submission *s = userdata;

    error_clear(&s->why);
    json_decref(s->accepted);
    strv_release(&s->digests);
    free(s->requester);
    free(s->key);
    free(s->statuses_url);
    free(s->testname);
    free(s);
}

// ---- uuids of submissions with a key

// A UUID of version 8 (RFC 9562): the first bytes of a digest of requester, key and number.
static char *uuid_of(const struct submission *s, size_t number)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    unsigned len = 0;

    if (buf_addf(&text, "%s\n%s\n%zu", s->requester ? s->requester : "", s->key, number) < 0 ||
        EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL) != 1)
        return NULL;
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x80);
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80);
    hex_encode(digest, 16, hex);
    return str_format("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

// Whether this unit has just queued the first of them, or the database knows it. While that cannot
// be read nobody knows, and the requests are not queued a second time: 503. (Before there is one,
// nothing was.)
static int look_up(struct submission *s, struct error *err)
{
    _cleanup_free_ char *first = s->key ? uuid_of(s, 0) : NULL;
    _cleanup_json_ json_t *request = NULL;
    struct database *db = NULL;
    int r;

    if (!first)
        return s->key ? error_oom(err) : 0;
    s->known = strv_contains(&s->x->web->keyed, first);
    if (s->known)
        return 0;
    r = web_database(s->x->web, &db, NULL);
    if (r == 0)
        r = requests_find(db, first, &request, NULL);
    s->known = r == 0;
    return r == 0 || r == -ENOENT
               ? 0
               : exchange_fail(s->x, 503, err,
                               "what was requested before cannot be read right now, and so not "
                               "whether this key was used: try again soon");
}

// Until the database has it.
static void remember(struct submission *s)
{
    struct strv *keyed = &s->x->web->keyed;
    char *first = s->key ? uuid_of(s, 0) : NULL;

    if (!first)
        return;
    if (keyed->len >= WEB_KEYED_MAX)
        strv_release(keyed);
    (void)strv_add(keyed, first);
    free(first);
}

// ---- the answer

static void announce(struct submission *s)
{
    size_t i;
    json_t *one;

    json_array_foreach (s->accepted, i, one) {
        const char *digest = i < s->digests.len ? s->digests.items[i] : "";
        json_t *event = json_pack("{s:s, s:s, s:I, s:s}", "uuid", json_text(one, "uuid"), "state",
                                  event_state_name(EVENT_QUEUED), "time",
                                  (json_int_t)clock_realtime_us(), "digest", digest);

        // Of a private request nothing else is told.
        if (*digest && (json_put_string(event, "package", json_text(one, "package")) < 0 ||
                        json_put_string(event, "release", json_text(one, "release")) < 0 ||
                        json_put_string(event, "architecture", json_text(one, "arch")) < 0 ||
                        json_put_string(event, "statuses-url", s->statuses_url) < 0 ||
                        json_put_string(event, "testname", s->testname) < 0))
            log_warning("no memory to tell of a request");
        broker_tell(s->x->web->broker, event);
        json_decref(event);
        (void)duplicate_note(s->x->web, json_text(one, "uuid"),
                             digest); // at worst it is queued twice
    }
}

static int make_answer(struct submission *s, struct error *err)
{
    struct exchange *x = s->x;

    if (s->result < 0) {
        size_t queued = json_array_size(s->accepted);

        x->status = s->result == -EINVAL ? 400 : 503;
        return error_set(err, s->result, "%s: %s",
                         queued > 1 ? "not all requests were queued" : "the request was not queued",
                         error_message(&s->why));
    }
    if (!s->known) {
        announce(s);
        remember(s);
    }
    return s->answer(x, TAKE_PTR(s->accepted), err);
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

// ---- queueing

// The same test, when it waits or runs already; NULL: it does not.
static int find_same(struct submission *s, const struct request_order *order, const char *arch,
                     json_t **ret, struct error *err)
{
    const struct duplicate_test test = {&order->request, order->release, arch};

    *ret = NULL;
    return duplicate_find(s->x->web, &test, ret) < 0 ? error_oom(err) : 0;
}

static int refuse_duplicate(struct submission *s, const struct request_order *order,
                            const char *arch, struct error *err)
{
    _cleanup_json_ json_t *same = NULL;
    int r = find_same(s, order, arch, &same, err);

    if (r < 0 || !same)
        return r;
    return exchange_fail(s->x, 403, err, "the same test of %s on %s %s is %s already%s%s",
                         order->request.package, order->release, arch, json_text(same, "state"),
                         *json_text(same, "uuid") ? ": see /requests/" : "",
                         json_text(same, "uuid"));
}

static int check_duplicates(struct submission *s, const struct request_order *orders, size_t n,
                            struct error *err)
{
    int r = 0;

    for (size_t i = 0; i < n; i++)
        STRV_FOREACH (arch, &orders[i].archs)
            if (r == 0)
                r = refuse_duplicate(s, &orders[i], arch, err);
    return r;
}

// Leaves only those architectures where the test does not wait or run already. *ret_same: one of
// the others; NULL: something is left to be queued.
static int leave_out_duplicates(struct submission *s, struct request_order *orders, size_t n,
                                json_t **ret_same, struct error *err)
{
    _cleanup_json_ json_t *last = NULL;
    size_t left = 0;
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        _cleanup_strv_ struct strv archs = STRV_INIT;
        struct strv all = orders[i].archs;

        STRV_FOREACH (arch, &all) {
            json_t *same = NULL;

            r = r < 0 ? r : find_same(s, &orders[i], arch, &same, err);
            if (same) {
                json_decref(last);
                last = same;
            } else if (r == 0 && strv_add(&archs, arch) < 0) {
                r = error_oom(err);
            }
        }
        left += archs.len;
        orders[i].archs = archs;
        archs = all;
    }
    *ret_same = r == 0 && left == 0 ? TAKE_PTR(last) : NULL;
    return r;
}

static int add_accepted(struct submission *s, const struct request_order *order, const char *arch)
{
    _cleanup_free_ char *url = results_url(order->request.package, order->release, arch, NULL);
    _cleanup_free_ char *origin = exchange_site(s->x);
    _cleanup_free_ char *full = url && origin ? str_format("%s%s", origin, url) : NULL;
    char *digest = request_digest(&order->request, order->release, arch);

    if (!digest || strv_take(&s->digests, digest) < 0)
        return -1;
    return full ? json_array_append_new(
                      s->accepted, json_pack("{s:s, s:s, s:s, s:s, s:s}", "uuid",
                                             order->request.uuid, "package", order->request.package,
                                             "release", order->release, "arch", arch, "url", full))
                : -1;
}

// Each message has one of its own; without a key request_complete() makes it.
static int renew_uuid(const struct submission *s, struct request *request)
{
    free(request->uuid);
    request->uuid = s->key ? uuid_of(s, s->number) : NULL;
    return s->key && !request->uuid ? -ENOMEM : 0;
}

static int queue_one(struct submission *s, struct request_order *order, const char *arch,
                     struct error *err)
{
    _cleanup_free_ char *queue = queue_name(order->context, order->release, arch);
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    int r;

    if (renew_uuid(s, &order->request) < 0)
        return error_oom(err);
    s->number++;
    r = request_complete(&order->request, err);
    if (r == 0)
        r = request_format(&order->request, &body, err);
    if (r < 0)
        return r;
    if (!queue || add_accepted(s, order, arch) < 0)
        return error_oom(err);
    if (s->known)
        return 0;
    s->waiting++;
    r = broker_publish(s->x->web->broker, queue, body.data, body.len, on_confirmed, s, err);
    if (r < 0)
        s->waiting--;
    return r;
}

static int queue_all(struct submission *s, struct request_order *order, struct error *err)
{
    int r = 0;

    if (s->requester) {
        free(order->request.requester);
        order->request.requester = strdup(s->requester);
        r = order->request.requester ? 0 : error_oom(err);
    }
    STRV_FOREACH (arch, &order->archs)
        if (r == 0)
            r = queue_one(s, order, arch, err);
    return r;
}

static struct submission *submission_new(struct exchange *x,
                                         const struct submission_options *options)
{
    struct submission *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->x = x;
    s->answer = options->answer;
    s->accepted = json_array();
    s->requester = options->requester ? strdup(options->requester) : NULL;
    s->key = options->key ? strdup(options->key) : NULL;
    s->statuses_url = options->statuses_url ? strdup(options->statuses_url) : NULL;
    s->testname = options->testname ? strdup(options->testname) : NULL;
    if (!s->accepted || (options->requester && !s->requester) || (options->key && !s->key) ||
        (options->statuses_url && !s->statuses_url) || (options->testname && !s->testname)) {
        submission_free(s);
        return NULL;
    }
    x->userdata = s;
    x->free_userdata = submission_free;
    return s;
}

static void publish_all(struct submission *s, struct request_order *orders, size_t n,
                        struct error *err)
{
    int r = 0;

    s->publishing = true;
    for (size_t i = 0; i < n && r == 0; i++)
        r = queue_all(s, &orders[i], err);
    s->publishing = false;
    if (r < 0 && s->result == 0)
        s->result = error_set(&s->why, r, "%s", error_message(err));
}

static int fail_without_broker(struct exchange *x, struct error *err)
{
    _cleanup_free_ char *why = broker_absence(x->web->broker, NULL);

    return exchange_fail(x, 503, err, "the broker is away, try again soon: %s", why ? why : "");
}

int submission_send(struct exchange *x, struct request_order *orders, size_t n,
                    const struct submission_options *options, struct error *err)
{
    struct submission *s = submission_new(x, options);
    _cleanup_json_ json_t *same = NULL;
    int r = 0;

    if (!s)
        return error_oom(err);
    r = look_up(s, err);
    if (r < 0)
        return r;
    if (!s->known && !broker_is_up(x->web->broker, NULL))
        return fail_without_broker(x, err);
    if (!s->known && options->same)
        r = leave_out_duplicates(s, orders, n, &same, err);
    else if (!s->known)
        r = check_duplicates(s, orders, n, err);
    if (r < 0 || same)
        return same ? options->same(x, same, err) : r;
    publish_all(s, orders, n, err);
    if (s->waiting > 0)
        return EXCHANGE_WAIT;
    error_clear(err);
    return make_answer(s, err);
}
