// SPDX-License-Identifier: GPL-3.0-only
// Reading a store in an event loop.
#include "net/swift_async.h"

#include "server.h"

#define SERVER "tests/unit/lib/net/fake_store.py"
#define LARGE ((size_t)3 * 1024 * 1024)

struct fixture {
    struct server server;
    sd_event *event;
    struct http_async *http;
    struct swift_async *swift;
    struct swift_settings account;
    char *url;
    unsigned ended;
    int r;          // of the last
    long status;    // of the last
    struct buf got; // bodies of all
    struct error err;
    // of the sink
    struct swift_async_call *call;
    unsigned begun, refused;
    size_t taken, room; // it takes so much before it waits
    int fails;          // what it returns; 0: it does not fail
};

static void fixture_stop(struct fixture *f)
{
    http_async_free(f->http);
    swift_async_free(f->swift);
    swift_settings_release(&f->account);
    free(f->url);
    (void)sd_event_unref(f->event);
    buf_release(&f->got);
    error_clear(&f->err);
    server_stop(&f->server);
}

static char *address(const struct fixture *f, const char *path)
{
    return str_format("http://127.0.0.1:%u%s", f->server.port, path);
}

static void put_object(struct fixture *f, const char *name, size_t size)
{
    struct swift *swift = NULL;
    char *text = calloc(1, size);

    ck_assert_ptr_nonnull(text);
    ASSERT_OK(swift_new(&f->account, &swift, &f->err), &f->err);
    ASSERT_OK(swift_ensure_container(swift, "c", NULL, &f->err), &f->err);
    ASSERT_OK(swift_put(swift, "c", name, memset(text, 'x', size), size, NULL, &f->err), &f->err);
    swift_free(swift);
    free(text);
}

// Tokens are good for `life` requests; "" for any number.
static void fixture_start(struct fixture *f, const char *life)
{
    (void)unsetenv("http_proxy");
    f->server = server_start(SERVER, life);
    f->account.auth_url = address(f, "/v3");
    f->account.username = strdup("u");
    f->account.password = strdup("secret");
    f->account.project_name = strdup("p");
    f->account.project_domain_name = strdup("d");
    f->account.region = strdup("two");
    f->url = address(f, "/v1");
    f->room = SIZE_MAX;
    put_object(f, "o", 4);
    ck_assert_int_ge(sd_event_new(&f->event), 0);
    ASSERT_OK(http_async_new(f->event, "test/1", &f->http, &f->err), &f->err);
    ASSERT_OK(swift_async_new(f->http, f->url, &f->account, &f->swift, &f->err), &f->err);
}

#define FIXTURE(f, life)                                                                           \
    _cleanup_(fixture_stop) struct fixture f = {.got = BUF_INIT(1 << 20)};                         \
    fixture_start(&f, life)

static void on_end(int r, const struct http_response *answer, const struct error *why,
                   void *userdata)
{
    struct fixture *f = userdata;

    f->r = r;
    f->status = answer->status;
    error_clear(&f->err);
    if (r < 0)
        (void)error_set(&f->err, r, "%s", error_message(why));
    ck_assert_int_eq(buf_add_str(&f->got, buf_str(&answer->body)), 0);
    f->ended++;
}

static const struct swift_async_request object = {
    .container = "c", .object = "o", .as_account = true, .body_max = 1 << 16};

static int start(struct fixture *f, const struct swift_async_request *request)
{
    return swift_async_start(f->swift, request, on_end, f, &f->call, &f->err);
}

static void run(struct fixture *f, unsigned wanted)
{
    while (f->ended < wanted)
        ck_assert_int_ge(sd_event_run(f->event, UINT64_MAX), 0);
}

TEST(those_who_need_a_token_share_one_and_a_refused_one_is_renewed_once_for_all)
{
    FIXTURE(f, "3");

    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(start(&f, &object), 0);
    run(&f, 6);
    ck_assert_int_eq(f.r, 0);
    ck_assert_str_eq(buf_str(&f.got), "xxxxxxxxxxxxxxxxxxxxxxxx");
}

TEST(a_tempauth_does_as_well_and_the_address_is_the_settings)
{
    FIXTURE(f, "");
    struct swift_async_request elsewhere = object;
    _cleanup_free_ char *other = NULL;

    free(f.account.auth_url);
    f.account.auth_url = address(&f, "/auth/v1.0");
    ASSERT_OK(swift_async_change(f.swift, f.url, &f.account, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), 0);
    run(&f, 1);
    ck_assert_int_eq(f.status, 200);
    other = address(&f, "/status");
    elsewhere.container = "404";
    ASSERT_OK(swift_async_change(f.swift, other, &f.account, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &elsewhere), 0);
    run(&f, 2);
    ck_assert_int_eq(f.status, 404);
    ck_assert_int_eq(swift_async_status(&object, f.status, &f.err), -ENOENT);
}

TEST(anybody_needs_no_token_and_gets_what_is_open)
{
    FIXTURE(f, "");
    struct swift_async_request open = object;

    open.as_account = false;
    ck_assert_int_eq(start(&f, &open), 0);
    run(&f, 1);
    ck_assert_int_eq(f.r, 0);
    ck_assert_int_eq(f.status, 401); // nothing is open there
    ck_assert_int_eq(swift_async_status(&open, f.status, &f.err), -EACCES);
}

TEST(an_account_that_is_refused_or_not_there_is_told_without_its_password)
{
    FIXTURE(f, "");

    free(f.account.password);
    f.account.password = strdup("hidden");
    ASSERT_OK(swift_async_change(f.swift, f.url, &f.account, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), 0);
    ck_assert_int_eq(start(&f, &object), 0);
    run(&f, 2);
    ck_assert_int_eq(f.r, -EACCES);
    ck_assert_int_eq(f.status, 0);
    ck_assert_ptr_nonnull(strstr(error_message(&f.err), "/v3: user u or the password is refused"));
    ck_assert_ptr_null(strstr(error_message(&f.err), "hidden"));
    ASSERT_OK(swift_async_change(f.swift, f.url, NULL, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), -EACCES);
    ck_assert_ptr_nonnull(strstr(error_message(&f.err), "no account is known"));
}

TEST(a_store_or_a_keystone_that_is_not_there_is_to_be_asked_later)
{
    FIXTURE(f, "");

    ASSERT_OK(swift_async_change(f.swift, "http://127.0.0.1:1/v1", &f.account, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), 0);
    run(&f, 1);
    ck_assert_int_eq(f.r, -EAGAIN);
    free(f.account.auth_url);
    f.account.auth_url = strdup("http://127.0.0.1:1/v3");
    ASSERT_OK(swift_async_change(f.swift, f.url, &f.account, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), 0);
    run(&f, 2);
    ck_assert_int_eq(f.r, -EAGAIN);
    ck_assert_int_eq(f.status, 0);
}

TEST(those_who_wait_for_a_token_of_settings_that_change_get_the_new_ones)
{
    FIXTURE(f, "");
    struct swift_settings good = f.account, bad = f.account;

    bad.password = (char *)(uintptr_t) "wrong";
    ASSERT_OK(swift_async_change(f.swift, f.url, &bad, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), 0);
    ASSERT_OK(swift_async_change(f.swift, f.url, &good, &f.err), &f.err);
    run(&f, 1);
    ck_assert_int_eq(f.r, 0);
    ck_assert_int_eq(f.status, 200);
    ASSERT_OK(swift_async_change(f.swift, f.url, &bad, &f.err), &f.err);
    ck_assert_int_eq(start(&f, &object), 0);
    ASSERT_OK(swift_async_change(f.swift, f.url, NULL, &f.err), &f.err);
    run(&f, 2);
    ck_assert_int_eq(f.r, -EACCES);
}

TEST(at_the_end_all_are_told_and_one_that_is_cancelled_is_not)
{
    FIXTURE(f, "");

    ck_assert_int_eq(start(&f, &object), 0);
    swift_async_cancel(f.call); // it waits for a token
    ck_assert_int_eq(start(&f, &object), 0);
    run(&f, 1);
    ck_assert_int_eq(start(&f, &object), 0);
    swift_async_cancel(f.call); // it is on its way
    ck_assert_int_eq(start(&f, &object), 0);
    http_async_free(f.http);
    f.http = NULL;
    ck_assert_uint_eq(f.ended, 2);
    ck_assert_int_eq(f.r, -ECANCELED);
}

// ---- piece by piece

static int begin(const struct http_response *head, void *userdata)
{
    struct fixture *f = userdata;

    f->begun++;
    ck_assert_int_eq(head->status, 200);
    ck_assert_ptr_nonnull(http_response_header(head, "content-length"));
    return f->fails;
}

static int take(const void *bytes, size_t len, void *userdata)
{
    struct fixture *f = userdata;

    ck_assert_int_eq(*(const char *)bytes, 'x');
    if (f->taken + len > f->room) {
        f->refused++;
        return -EAGAIN;
    }
    f->taken += len;
    return 0;
}

static const struct http_sink sink = {begin, take};

static struct swift_async_request large(struct fixture *f)
{
    struct swift_async_request request = object;

    put_object(f, "large", LARGE);
    request.object = "large";
    request.sink = &sink;
    return request;
}

TEST(a_sink_that_is_full_gets_the_rest_when_it_has_room)
{
    FIXTURE(f, "");
    struct swift_async_request request = large(&f);

    f.room = LARGE / 3;
    ck_assert_int_eq(start(&f, &request), 0);
    while (f.refused == 0)
        ck_assert_int_ge(sd_event_run(f.event, UINT64_MAX), 0);
    ck_assert_int_eq(sd_event_run(f.event, 100000), 0); // nothing moves
    ck_assert_uint_le(f.taken, f.room);
    f.room = SIZE_MAX;
    swift_async_continue(f.call);
    run(&f, 1);
    ck_assert_int_eq(f.r, 0);
    ck_assert_uint_eq(f.taken, LARGE);
    ck_assert_uint_eq(f.begun, 1);
    ck_assert_uint_eq(f.got.len, 0);
}

TEST(a_sink_sees_good_answers_only_and_may_end_the_call_or_be_cancelled)
{
    FIXTURE(f, "1");
    struct swift_async_request request = large(&f);

    f.room = 1;
    ck_assert_int_eq(start(&f, &request), 0);
    while (f.refused == 0)
        ck_assert_int_ge(sd_event_run(f.event, UINT64_MAX), 0);
    swift_async_cancel(f.call);
    ck_assert_uint_eq(f.ended, 0);
    f.fails = -ENOMEM; // by a token that is refused, first
    ck_assert_int_eq(start(&f, &request), 0);
    run(&f, 1);
    ck_assert_int_eq(f.r, -ENOMEM);
    ck_assert_uint_eq(f.begun, 2);
    request.object = "nothing";
    ck_assert_int_eq(start(&f, &request), 0);
    run(&f, 2);
    ck_assert_int_eq(f.status, 404);
    ck_assert_uint_eq(f.begun, 2);
}
