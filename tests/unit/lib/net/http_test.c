// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "data/json.h"
#include "net/http.h"
#include "server.h"

#include <sys/stat.h>

#define SERVER "tests/unit/lib/net/fake_store.py"

struct fixture {
    struct server server;
    struct http_client *client;
    struct http_response response;
    struct error err;
    char url[256];
};

static void fixture_stop(struct fixture *f)
{
    http_client_free(f->client);
    http_response_release(&f->response);
    error_clear(&f->err);
    server_stop(&f->server);
}

#define FIXTURE(f)                                                                                 \
    _cleanup_(fixture_stop) struct fixture f = {.response = HTTP_RESPONSE_INIT(1 << 20)};          \
    fixture_start(&f)

static void fixture_start(struct fixture *f)
{
    (void)unsetenv("http_proxy");
    f->server = server_start(SERVER, "");
    ASSERT_OK(http_client_new("test/1", &f->client, &f->err), &f->err);
}

static const char *url(struct fixture *f, const char *path)
{
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u%s", f->server.port, path);
    return f->url;
}

static int get(struct fixture *f, const char *path, unsigned retries)
{
    struct http_request request = {.url = url(f, path), .retries = retries};

    return http_perform(f->client, &request, &f->response, &f->err);
}

static json_t *echo(struct fixture *f, const struct http_request *request)
{
    json_t *told = NULL;

    ASSERT_OK(http_perform(f->client, request, &f->response, &f->err), &f->err);
    ck_assert_int_eq(f->response.status, 200);
    ASSERT_OK(json_parse(buf_str(&f->response.body), f->response.body.len, "echo", &told, &f->err),
              &f->err);
    return told;
}

static const char *member(const json_t *told, const char *key)
{
    const json_t *headers = json_object_get(told, "headers");
    const char *value = json_string_value(json_object_get(told, key));

    return value ? value : json_string_value(json_object_get(headers, key));
}

TEST(a_get_sends_headers_and_reads_the_answer)
{
    FIXTURE(f);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    struct http_request request = {.url = url(&f, "/echo?q=1"), .headers = &headers};
    _cleanup_json_ json_t *told = NULL;

    ASSERT_OK(strv_add(&headers, "X-One: two words"), NULL);
    ASSERT_OK(strv_add(&headers, "X-Empty:"), NULL);
    told = echo(&f, &request);
    ck_assert_str_eq(member(told, "method"), "GET");
    ck_assert_str_eq(member(told, "path"), "/echo?q=1");
    ck_assert_str_eq(member(told, "user-agent"), "test/1");
    ck_assert_str_eq(member(told, "x-one"), "two words");
    ck_assert_str_eq(member(told, "x-empty"), "");
    ck_assert_str_eq(http_response_header(&f.response, "x-mixed-case"), "spaced ");
    ck_assert_ptr_null(http_response_header(&f.response, "x-mixed"));
}

TEST(a_body_from_memory_is_sent_with_its_method)
{
    FIXTURE(f);
    struct http_request request = {
        .method = "POST", .url = url(&f, "/echo"), .body = "hello", .body_len = 5};
    _cleanup_json_ json_t *told = echo(&f, &request);

    ck_assert_str_eq(member(told, "method"), "POST");
    ck_assert_str_eq(member(told, "body"), "hello");
    ck_assert_str_eq(member(told, "content-length"), "5");
    ck_assert_ptr_null(member(told, "expect"));
}

TEST(a_put_without_a_body_announces_none)
{
    FIXTURE(f);
    struct http_request request = {.method = "PUT", .url = url(&f, "/echo")};
    _cleanup_json_ json_t *told = echo(&f, &request);

    ck_assert_str_eq(member(told, "method"), "PUT");
    ck_assert_str_eq(member(told, "content-length"), "0");
}

TEST(head_and_delete_have_no_body)
{
    FIXTURE(f);
    struct http_request request = {.method = "HEAD", .url = url(&f, "/large/100")};

    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_uint_eq(f.response.body.len, 0);
    ck_assert_str_eq(http_response_header(&f.response, "content-length"), "100");
    request = (struct http_request){.method = "DELETE", .url = url(&f, "/status/204")};
    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(f.response.status, 204);
}

static char *write_file(size_t len)
{
    char *path = str_format("%s/body", test_dir());
    FILE *file = fopen(path, "we");

    for (size_t i = 0; i < len; i++)
        (void)putc('a' + (int)(i % 26), file);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

TEST(a_file_is_streamed_and_sent_again_on_a_retry)
{
    FIXTURE(f);
    _cleanup_free_ char *path = write_file(200000);
    struct http_request request = {
        .method = "PUT", .url = url(&f, "/echo"), .body_file = path, .retries = 1};
    _cleanup_json_ json_t *told = echo(&f, &request);

    ck_assert_uint_eq(strlen(member(told, "body")), 200000);
    request.url = url(&f, "/flaky/1");
    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(f.response.status, 200);
    ck_assert_str_eq(buf_str(&f.response.body), "2");
}

TEST(a_part_of_a_file_is_sent)
{
    FIXTURE(f);
    _cleanup_free_ char *path = write_file(100);
    struct http_request request = {.method = "PUT",
                                   .url = url(&f, "/echo"),
                                   .body_file = path,
                                   .body_offset = 26,
                                   .body_size = 3};
    _cleanup_json_ json_t *part = echo(&f, &request), *end = NULL;

    ck_assert_str_eq(member(part, "body"), "abc");
    request.body_offset = 98;
    request.body_size = 0;
    end = echo(&f, &request);
    ck_assert_str_eq(member(end, "body"), "uv");
    request.body_size = 3;
    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EIO);
    ck_assert_ptr_nonnull(strstr(error_message(&f.err), "it has become shorter"));
}

TEST(a_file_that_is_none_is_refused)
{
    FIXTURE(f);
    struct http_request request = {
        .method = "PUT", .url = "http://127.0.0.1:1/x", .body_file = "/nowhere/body"};

    ASSERT_FAILS(http_perform(f.client, &request, &f.response, &f.err), -ENOENT, &f.err,
                 "PUT http://127.0.0.1:1/x: cannot read /nowhere/body: No such file or directory");
    request.body_file = "/dev";
    ASSERT_FAILS(http_perform(f.client, &request, &f.response, &f.err), -EINVAL, &f.err,
                 "PUT http://127.0.0.1:1/x: cannot send /dev: not a regular file");
}

TEST(connections_are_kept)
{
    FIXTURE(f);
    struct http_request request = {.url = url(&f, "/echo")};
    _cleanup_json_ json_t *first = echo(&f, &request), *second = echo(&f, &request);

    ck_assert(json_equal(json_object_get(first, "peer"), json_object_get(second, "peer")));
}

TEST(any_status_is_an_answer)
{
    FIXTURE(f);

    ASSERT_OK(get(&f, "/status/404", 3), &f.err);
    ck_assert_int_eq(f.response.status, 404);
    ASSERT_OK(get(&f, "/status/500", 0), &f.err);
    ck_assert_int_eq(f.response.status, 500);
}

TEST(an_overloaded_server_is_asked_again)
{
    FIXTURE(f);
    uint64_t begin = clock_monotonic_us();

    ASSERT_OK(get(&f, "/flaky/2", 2), &f.err);
    ck_assert_int_eq(f.response.status, 200);
    ck_assert_str_eq(buf_str(&f.response.body), "3");
    ck_assert_uint_ge(clock_monotonic_us() - begin, 700 * USEC_PER_MSEC); // 0.25 + 0.5 s at least
}

TEST(a_post_is_repeated_when_it_may_be)
{
    FIXTURE(f);
    struct http_request request = {.method = "POST",
                                   .url = url(&f, "/flaky/1"),
                                   .body = "x",
                                   .body_len = 1,
                                   .retries = 1,
                                   .repeatable = true};

    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(f.response.status, 200);
}

TEST(a_post_is_not_repeated)
{
    FIXTURE(f);
    struct http_request request = {.method = "POST", .url = url(&f, "/flaky/1"), .retries = 3};

    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(f.response.status, 503);
}

TEST(retry_after_is_kept_to_unless_it_is_too_long)
{
    FIXTURE(f);
    uint64_t begin = clock_monotonic_us();

    ASSERT_OK(get(&f, "/later/2", 1), &f.err);
    ck_assert_int_eq(f.response.status, 200);
    ck_assert_uint_ge(clock_monotonic_us() - begin, 2 * USEC_PER_SEC);
    ASSERT_OK(get(&f, "/later/3600", 5), &f.err);
    ck_assert_int_eq(f.response.status, 503);
}

TEST(an_answer_larger_than_allowed_is_refused)
{
    FIXTURE(f);
    _cleanup_free_ char *text =
        str_format("GET http://127.0.0.1:%u/large/2000000: the answer is too large", f.server.port);

    ASSERT_FAILS(get(&f, "/large/2000000", 0), -E2BIG, &f.err, text);
    ck_assert_int_eq(get(&f, "/headers/80", 0), -E2BIG);
}

TEST(redirects_are_followed_only_when_asked_for)
{
    FIXTURE(f);
    struct http_request request = {.url = url(&f, "/redirect")};

    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(f.response.status, 302);
    ck_assert_str_eq(buf_str(&f.response.body), "moved");
    request.redirects = 1;
    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(f.response.status, 200);
    ck_assert_ptr_null(http_response_header(&f.response, "location"));
    request.url = url(&f, "/away");
    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EPROTO);
}

TEST(failures_have_a_number_each_and_no_secret)
{
    FIXTURE(f);
    struct http_request request = {.url = "http://user:pw@127.0.0.1:1/path?token=abc"};

    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -ECONNREFUSED);
    ck_assert(str_starts_with(error_message(&f.err), "GET http://127.0.0.1:1/path: "));
    ck_assert_ptr_null(strstr(error_message(&f.err), "pw"));
    ck_assert_ptr_null(strstr(error_message(&f.err), "abc"));
    request.url = "http://no-such-host.invalid/";
    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EHOSTUNREACH);
    request.url = "file:///etc/passwd";
    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EPROTO);
    request.url = "not a url";
    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EINVAL);
    ck_assert_int_eq(get(&f, "/close", 0), -ECONNRESET);
    ck_assert_int_eq(get(&f, "/short", 0), -ECONNRESET);
    ck_assert_int_eq(get(&f, "/garbage", 0), -EPROTO);
}

TEST(a_silent_server_is_left_in_time)
{
    FIXTURE(f);
    struct http_request request = {.url = url(&f, "/slow/300"), .idle_timeout_us = USEC_PER_SEC};

    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -ETIMEDOUT);
}

TEST(a_proxy_of_the_environment_is_used)
{
    FIXTURE(f);
    struct http_request request = {.url = "http://no-such-host.invalid/echo"};
    _cleanup_free_ char *proxy = str_format("http://127.0.0.1:%u", f.server.port);

    ck_assert_int_eq(setenv("http_proxy", proxy, 1), 0);
    ASSERT_OK(http_perform(f.client, &request, &f.response, &f.err), &f.err);
    ck_assert_int_eq(setenv("no_proxy", "no-such-host.invalid", 1), 0);
    ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EHOSTUNREACH);
}

TEST(headers_cannot_bring_others)
{
    FIXTURE(f);
    static const char *const bad[] = {"no colon", ": no name", "X-A: b\r\nX-C: d", "X-A: \x01"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_strv_ struct strv headers = STRV_INIT;
        struct http_request request = {.url = url(&f, "/echo"), .headers = &headers};

        ASSERT_OK(strv_add(&headers, bad[i]), NULL);
        ck_assert_int_eq(http_perform(f.client, &request, &f.response, &f.err), -EINVAL);
    }
}

TEST(escapes)
{
    _cleanup_free_ char *all = http_escape("a/b c@+~\xc3\xa4", false);
    _cleanup_free_ char *path = http_escape("a/b c", true);

    ck_assert_str_eq(all, "a%2Fb%20c%40%2B~%C3%A4");
    ck_assert_str_eq(path, "a/b%20c");
}

TEST(what_is_escaped_can_be_appended)
{
    _cleanup_buf_ struct buf url = BUF_INIT(16);

    ck_assert_int_eq(buf_add_str(&url, "/"), 0);
    ck_assert_int_eq(http_add_escaped(&url, "", false), 0);
    ck_assert_int_eq(http_add_escaped(&url, "+a b/c", true), 0);
    ck_assert_str_eq(buf_str(&url), "/%2Ba%20b/c");
    ck_assert_int_eq(http_add_escaped(&url, "123%", false), -E2BIG);
}

TEST(unescapes_in_place_or_not_at_all)
{
    char text[] = "a%2fb+c%C3%a4", form[] = "a+b%2B", bad[] = "x%41%4", nul[] = "a%00b";

    ck_assert_int_eq(http_unescape(text, false), 0);
    ck_assert_str_eq(text, "a/b+c\xc3\xa4");
    ck_assert_int_eq(http_unescape(form, true), 0);
    ck_assert_str_eq(form, "a b+");
    ck_assert_int_eq(http_unescape(bad, false), -EINVAL);
    ck_assert_str_eq(bad, "x%41%4");
    ck_assert_int_eq(http_unescape(nul, false), -EINVAL);
}
