// SPDX-License-Identifier: GPL-3.0-only
// Several requests at once, and answers into files.
#include "net/http_pool.h"

#include "base/clock.h"
#include "base/file.h"
#include "server.h"

#include <fcntl.h>

#define SERVER "tests/unit/lib/net/fake_store.py"

struct fixture {
    struct server server;
    struct http_pool *pool;
    struct http_client *client;
    struct http_response answers[8];
    struct error err;
};

static void fixture_stop(struct fixture *f)
{
    http_pool_free(f->pool);
    http_client_free(f->client);
    for (size_t i = 0; i < ARRAY_SIZE(f->answers); i++)
        http_response_release(&f->answers[i]);
    error_clear(&f->err);
    server_stop(&f->server);
}

#define FIXTURE(f, parallel)                                                                       \
    _cleanup_(fixture_stop) struct fixture f = {0};                                                \
    fixture_start(&f, parallel)

static void fixture_start(struct fixture *f, unsigned parallel)
{
    (void)unsetenv("http_proxy");
    f->server = server_start(SERVER, "");
    ASSERT_OK(http_pool_new("test/1", parallel, &f->pool, &f->err), &f->err);
    ASSERT_OK(http_client_new("test/1", &f->client, &f->err), &f->err);
    for (size_t i = 0; i < ARRAY_SIZE(f->answers); i++)
        f->answers[i] = (struct http_response)HTTP_RESPONSE_INIT(1 << 16);
}

static const char *url(const struct fixture *f, const char *path)
{
    return test_keep(str_format("http://127.0.0.1:%u%s", f->server.port, path));
}

TEST(several_are_on_their_way_at_once)
{
    FIXTURE(f, 4);
    struct http_request request = {.url = url(&f, "/together/4")};
    void *which = NULL;
    int r = 0;

    for (size_t i = 0; i < 4; i++)
        ASSERT_OK(http_pool_start(f.pool, &request, &f.answers[i], &f.answers[i], &f.err), &f.err);
    ck_assert_uint_eq(http_pool_busy(f.pool), 4);
    ASSERT_FAILS(http_pool_start(f.pool, &request, &f.answers[4], NULL, &f.err), -EBUSY, &f.err,
                 "4 requests are on their way");
    for (size_t i = 0; i < 4; i++) {
        ASSERT_OK(http_pool_wait(f.pool, &which, &r, &f.err), &f.err);
        ck_assert_int_eq(r, 0);
        ck_assert_int_eq(((struct http_response *)which)->status, 200);
    }
    ASSERT_FAILS(http_pool_wait(f.pool, &which, &r, &f.err), -ENOENT, &f.err,
                 "no request is on its way");
}

TEST(each_gives_its_own_answer_and_failures_are_told)
{
    FIXTURE(f, 2);
    static const char *const paths[] = {"/status/404", "/short", "/status/503", "/large/70000"};
    static const int results[] = {0, -ECONNRESET, 0, -E2BIG};
    static const long statuses[] = {404, 200, 503, 200};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct http_request request = {.url = url(&f, paths[i])};
        void *which = NULL;
        int r = 0;

        ASSERT_OK(http_pool_start(f.pool, &request, &f.answers[i], &f.answers[i], &f.err), &f.err);
        ASSERT_OK(http_pool_wait(f.pool, &which, &r, &f.err), &f.err);
        ck_assert_ptr_eq(which, &f.answers[i]);
        ck_assert_int_eq(r, results[i]);
        ck_assert(r < 0 || f.answers[i].status == statuses[i]);
        ck_assert(r == 0 || f.err.message);
        error_clear(&f.err);
    }
}

TEST(what_is_not_waited_for_is_ended)
{
    FIXTURE(f, 2);
    struct http_request request = {.url = url(&f, "/slow/300")};

    ASSERT_OK(http_pool_start(f.pool, &request, &f.answers[0], NULL, &f.err), &f.err);
    http_pool_free(TAKE_PTR(f.pool));
}

TEST(an_answer_goes_into_a_file_and_a_refusal_does_not)
{
    FIXTURE(f, 1);
    const char *path = test_path(test_dir(), "answer");
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 16);
    struct http_request request = {.url = url(&f, "/large/50000"), .answer_fd = &fd, .retries = 3};

    ck_assert_int_eq(fd_write_all(fd, "what was there before", 21), 0);
    ASSERT_OK(http_perform(f.client, &request, &f.answers[0], &f.err), &f.err);
    ck_assert_uint_eq(f.answers[0].body.len, 0);
    ASSERT_OK(file_read(path, &text, &f.err), &f.err);
    ck_assert_uint_eq(text.len, 50000);
    buf_truncate(&text, 0);
    request.url = url(&f, "/flaky/1"); // what the first answer had is not in it
    ASSERT_OK(http_perform(f.client, &request, &f.answers[0], &f.err), &f.err);
    ASSERT_OK(file_read(path, &text, &f.err), &f.err);
    ck_assert_str_eq(buf_str(&text), "2");
    request.url = url(&f, "/large/70000");
    ck_assert_int_eq(http_perform(f.client, &request, &f.answers[0], &f.err), -E2BIG);
}
