// SPDX-License-Identifier: GPL-3.0-only
// Requests in an event loop.
#include "net/http_async.h"

#include "server.h"

#define SERVER "tests/unit/lib/net/fake_store.py"

struct fixture {
    struct server server;
    sd_event *event;
    struct http_async *async;
    unsigned ended, wanted;
    int r;             // of the last
    long status;       // of the last
    struct buf bodies; // of all, in the order of their ends
    struct error err;
};

static void fixture_stop(struct fixture *f)
{
    http_async_free(f->async);
    (void)sd_event_unref(f->event);
    buf_release(&f->bodies);
    error_clear(&f->err);
    server_stop(&f->server);
}

#define FIXTURE(f)                                                                                 \
    _cleanup_(fixture_stop) struct fixture f = {.bodies = BUF_INIT(1 << 16)};                      \
    fixture_start(&f)

static void fixture_start(struct fixture *f)
{
    (void)unsetenv("http_proxy");
    f->server = server_start(SERVER, "");
    ck_assert_int_ge(sd_event_new(&f->event), 0);
    ASSERT_OK(http_async_new(f->event, "test/1", &f->async, &f->err), &f->err);
}

static const char *url(const struct fixture *f, const char *path)
{
    return test_keep(str_format("http://127.0.0.1:%u%s", f->server.port, path));
}

static void on_end(int r, const struct http_response *response, const struct error *why,
                   void *userdata)
{
    struct fixture *f = userdata;

    f->r = r;
    f->status = response->status;
    if (r < 0)
        (void)error_set(&f->err, r, "%s", error_message(why));
    ck_assert_int_eq(buf_add_str(&f->bodies, buf_str(&response->body)), 0);
    f->ended++;
}

static void start(struct fixture *f, const struct http_request *request, size_t body_max)
{
    ASSERT_OK(http_async_start(f->async, request, body_max, on_end, f, &f->err), &f->err);
    f->wanted++;
}

static void run(struct fixture *f)
{
    while (f->ended < f->wanted)
        ck_assert_int_ge(sd_event_run(f->event, UINT64_MAX), 0);
}

TEST(the_loop_goes_on_while_several_are_on_their_way)
{
    FIXTURE(f);
    const struct http_request request = {.url = url(&f, "/together/3")};

    for (int i = 0; i < 3; i++)
        start(&f, &request, 1 << 16);
    run(&f);
    ck_assert_int_eq(f.r, 0);
    ck_assert_int_eq(f.status, 200);
}

TEST(what_was_given_need_not_be_kept)
{
    FIXTURE(f);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    char *body = strdup("what is sent"), *address = strdup(url(&f, "/echo"));
    struct http_request request = {.method = "POST", .url = address, .headers = &headers};

    ck_assert_ptr_nonnull(body);
    ck_assert_ptr_nonnull(address);
    ck_assert_int_eq(strv_add(&headers, "X-Thing: y"), 0);
    request.body = body;
    request.body_len = strlen(body);
    start(&f, &request, 1 << 16);
    memset(body, 'x', strlen(body));
    memset(address, 'x', strlen(address));
    free(body);
    free(address);
    run(&f);
    ck_assert_int_eq(f.r, 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&f.bodies), "what is sent"));
    ck_assert_ptr_nonnull(strstr(buf_str(&f.bodies), "\"x-thing\": \"y\""));
    ck_assert_ptr_null(strstr(buf_str(&f.bodies), "expect"));
}

TEST(an_answer_that_is_too_large_and_a_server_that_is_not_there_are_told)
{
    FIXTURE(f);

    start(&f, &(struct http_request){.url = url(&f, "/large/2")}, 1);
    run(&f);
    ck_assert_int_eq(f.r, -E2BIG);
    ck_assert_str_eq(error_message(&f.err), "the answer is too large");
    start(&f, &(struct http_request){.url = "http://127.0.0.1:1/"}, 1);
    run(&f);
    ck_assert_int_eq(f.r, -ECONNREFUSED);
    ck_assert_int_eq(f.status, 0);
}

TEST(those_who_wait_are_told_of_the_end)
{
    FIXTURE(f);

    start(&f, &(struct http_request){.url = url(&f, "/slow/5")}, 1 << 16);
    http_async_free(f.async);
    f.async = NULL;
    ck_assert_uint_eq(f.ended, 1);
    ck_assert_int_eq(f.r, -ECANCELED);
    ck_assert_str_eq(error_message(&f.err), "the service is stopping");
}

TEST(a_bad_address_or_header_is_told_at_once_or_by_the_end)
{
    FIXTURE(f);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    const struct http_request request = {.url = url(&f, "/echo"), .headers = &headers};

    ck_assert_int_eq(strv_add(&headers, "no header"), 0);
    ck_assert_int_lt(http_async_start(f.async, &request, 1 << 16, on_end, &f, &f.err), 0);
    start(&f, &(struct http_request){.url = "gopher://127.0.0.1/"}, 1 << 16);
    run(&f);
    ck_assert_int_lt(f.r, 0);
}
