// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_async.h"

#include "base/clock.h"
#include "net/swift_internal.h"

#define CONNECT_TIMEOUT_US (5 * USEC_PER_SEC)
#define IDLE_TIMEOUT_US (10 * USEC_PER_SEC)

//     start ──(no token)──▶ WAITING ──token──▶ ASKED ──▶ done
//       └────(a token, or as anybody)─────────▶  │ ▲
//                                      401 once  └─┘ by way of WAITING
enum call_state { CALL_WAITING, CALL_ASKED };

struct swift_async_call {
    struct swift_async_call *next;
    struct swift_async *swift;
    enum call_state state;
    struct swift_async_request request; // its texts are owned
    char *method, *container, *object, *query;
    struct strv headers;
    struct http_call *http; // ASKED
    char *token;            // it was asked with; NULL: as anybody
    bool renewed;           // a token was refused before
    http_async_done *done;
    void *userdata;
};

struct swift_async {
    struct http_async *http; // borrowed
    char *storage_url;
    bool has_account;
    struct swift_settings account;
    char *token;                    // NULL: to be asked for
    struct http_call *asking;       // for a token
    struct swift_async_call *calls; // all that are on their way
};

static void wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(TAKE_PTR(*secret));
}

// ---- calls

static void call_free(struct swift_async_call *call)
{
    wipe(&call->token);
    free(call->method);
    free(call->container);
    free(call->object);
    free(call->query);
    strv_release(&call->headers);
    free(call);
}

static int copy_text(const char *from, char **to, const char **set)
{
    *to = from ? strdup(from) : NULL;
    *set = *to;
    return from && !*to ? -ENOMEM : 0;
}

static struct swift_async_call *call_new(const struct swift_async_request *request)
{
    struct swift_async_call *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    call->request = *request;
    call->request.headers = &call->headers;
    if (copy_text(request->method, &call->method, &call->request.method) < 0 ||
        copy_text(request->container, &call->container, &call->request.container) < 0 ||
        copy_text(request->object, &call->object, &call->request.object) < 0 ||
        copy_text(request->query, &call->query, &call->request.query) < 0 ||
        (request->headers && strv_add_list(&call->headers, request->headers) < 0)) {
        call_free(call);
        return NULL;
    }
    return call;
}

static void unlink_call(const struct swift_async_call *call)
{
    struct swift_async_call **at = &call->swift->calls;

    while (*at && *at != call)
        at = &(*at)->next;
    if (*at)
        *at = call->next;
}

static void end_call(struct swift_async_call *call, int r, const struct http_response *answer,
                     const struct error *why)
{
    unlink_call(call);
    call->done(r, answer, why, call->userdata);
    call_free(call);
}

static void fail_call(struct swift_async_call *call, int r, const struct error *why)
{
    _cleanup_(http_response_release) struct http_response none = {0};

    end_call(call, r, &none, why);
}

static int ask(struct swift_async_call *call, struct error *err);
static int ask_token(struct swift_async *swift, struct error *err);

static void on_answer(int r, const struct http_response *answer, const struct error *why,
                      void *userdata)
{
    struct swift_async_call *call = userdata;
    struct swift_async *swift = call->swift;
    _cleanup_error_ struct error err = ERROR_INIT;

    call->http = NULL;
    if (r < 0 || answer->status != 401 || !call->token || call->renewed) {
        end_call(call, swift_transfer_error(r), answer, why);
        return;
    }
    if (str_equal(swift->token, call->token)) // nobody else was faster
        wipe(&swift->token);
    call->state = CALL_WAITING;
    call->renewed = true;
    r = swift->token ? ask(call, &err) : ask_token(swift, &err);
    if (r < 0)
        fail_call(call, r, &err);
}

// What the store's callbacks get is what the caller has given.
static int on_begin(const struct http_response *response, void *userdata)
{
    const struct swift_async_call *call = userdata;

    return call->request.sink->begin(response, call->userdata);
}

static int on_bytes(const void *bytes, size_t len, void *userdata)
{
    const struct swift_async_call *call = userdata;

    return call->request.sink->take(bytes, len, call->userdata);
}

static int ask(struct swift_async_call *call, struct error *err)
{
    static const struct http_sink sink = {on_begin, on_bytes};
    const struct swift_async *swift = call->swift;
    const struct swift_call what = {.container = call->container ? call->container : "",
                                    .object = call->object,
                                    .query = call->query};
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_free_ char *url = NULL;
    struct http_request request = {.method = call->method,
                                   .headers = &headers,
                                   .answer_fd = call->request.answer_fd,
                                   .connect_timeout_us = CONNECT_TIMEOUT_US,
                                   .idle_timeout_us = IDLE_TIMEOUT_US};

    wipe(&call->token);
    if (swift_call_url(swift->storage_url, &what, &url) < 0 ||
        strv_add_list(&headers, &call->headers) < 0)
        return error_oom(err);
    if (call->request.as_account) {
        call->token = strdup(swift->token);
        if (!call->token || strv_addf(&headers, "X-Auth-Token: %s", call->token) < 0)
            return error_oom(err);
    }
    request.url = url;
    call->state = CALL_ASKED;
    return http_async_stream(swift->http, &request, call->request.body_max,
                             call->request.sink ? &sink : NULL, on_answer, call, &call->http, err);
}

// ---- the token

// All that wait for it are told: it is there, or why not.
static void tell_waiting(struct swift_async *swift, int r, const struct error *why)
{
    struct swift_async_call *call;

    do { // one by one: any of them may change the list
        _cleanup_error_ struct error err = ERROR_INIT;
        int asked = 0;

        for (call = swift->calls; call && call->state != CALL_WAITING;)
            call = call->next;
        if (call && r == 0)
            asked = ask(call, &err);
        if (call && (r < 0 || asked < 0))
            fail_call(call, r < 0 ? r : asked, r < 0 ? why : &err);
    } while (call);
}

static void on_token(int r, const struct http_response *answer, const struct error *why,
                     void *userdata)
{
    struct swift_async *swift = userdata;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *storage_url = NULL; // ours is told by the settings

    swift->asking = NULL;
    if (r < 0)
        r = error_set(&err, swift_transfer_error(r), "%s", error_message(why));
    else {
        wipe(&swift->token);
        r = swift_auth_take(&swift->account, answer, &swift->token, &storage_url, &err);
    }
    if (r < 0)
        (void)swift_auth_failed(&swift->account, r, &err);
    tell_waiting(swift, r, &err);
}

static int ask_token(struct swift_async *swift, struct error *err)
{
    _cleanup_(swift_question_release) struct swift_question question = {0};
    struct http_request request;
    int r;

    if (swift->asking)
        return 0;
    if (!swift->has_account)
        return error_set(err, -EACCES, "the store: no account is known to read it with");
    r = swift_auth_ask(&swift->account, &question, err);
    if (r < 0)
        return r;
    request = swift_auth_request(&question);
    request.connect_timeout_us = CONNECT_TIMEOUT_US;
    request.idle_timeout_us = IDLE_TIMEOUT_US;
    return http_async_stream(swift->http, &request, KEYSTONE_ANSWER_MAX, NULL, on_token, swift,
                             &swift->asking, err);
}

// ---- the whole

int swift_async_change(struct swift_async *swift, const char *storage_url,
                       const struct swift_settings *account, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    struct swift_settings copy = {0};
    char *url = strdup(storage_url);
    bool asking = swift->asking != NULL;
    int r;

    if (!url || (account && swift_settings_copy(account, &copy) < 0)) {
        free(url);
        swift_settings_release(&copy);
        return error_oom(err);
    }
    free(swift->storage_url);
    swift->storage_url = url;
    swift_settings_release(&swift->account);
    swift->account = copy;
    swift->has_account = account != NULL;
    wipe(&swift->token);
    if (!asking)
        return 0;
    http_call_cancel(TAKE_PTR(swift->asking)); // it asks for the account that was
    r = ask_token(swift, &why);
    if (r < 0)
        tell_waiting(swift, r, &why);
    return 0;
}

int swift_async_new(struct http_async *http, const char *storage_url,
                    const struct swift_settings *account, struct swift_async **ret,
                    struct error *err)
{
    struct swift_async *swift = calloc(1, sizeof(*swift));
    int r = swift ? swift_async_change(swift, storage_url, account, err) : error_oom(err);

    if (r < 0) {
        free(swift);
        return r;
    }
    swift->http = http;
    *ret = swift;
    return 0;
}

void swift_async_free(struct swift_async *swift)
{
    if (!swift)
        return;
    wipe(&swift->token);
    free(swift->storage_url);
    swift_settings_release(&swift->account);
    free(swift);
}

int swift_async_start(struct swift_async *swift, const struct swift_async_request *request,
                      http_async_done *done, void *userdata, struct swift_async_call **ret,
                      struct error *err)
{
    struct swift_async_call *call = call_new(request);
    int r;

    if (!call)
        return error_oom(err);
    call->swift = swift;
    call->done = done;
    call->userdata = userdata;
    r = request->as_account && !swift->token ? ask_token(swift, err) : ask(call, err);
    if (r < 0) {
        call_free(call);
        return r;
    }
    call->next = swift->calls;
    swift->calls = call;
    if (ret)
        *ret = call;
    return 0;
}

void swift_async_continue(struct swift_async_call *call)
{
    if (call->http)
        http_call_continue(call->http);
}

void swift_async_cancel(struct swift_async_call *call)
{
    if (call->http)
        http_call_cancel(call->http);
    unlink_call(call);
    call_free(call);
}

int swift_async_status(const struct swift_async_request *request, long status, struct error *err)
{
    const struct swift_call call = {.method = request->method ? request->method : "GET",
                                    .container = request->container,
                                    .object = request->object};

    return swift_status(&call, status, err);
}
