// SPDX-License-Identifier: GPL-3.0-only
#include "adt/message.h"
#include "base/file.h"
#include "test.h"

#define DONE_JSON                                                                                  \
    "{\"architecture\":\"amd64\",\"container\":\"autopkgtest-noble\",\"duration\":7,"              \
    "\"env\":\"all-proposed=1\",\"exitcode\":0,\"package\":\"gzip\",\"release\":\"noble\","        \
    "\"requester\":\"me\",\"swift_dir\":\"noble/amd64/g/gzip/20261123_041500_abc12@\","            \
    "\"testpkg_version\":\"1.12-1\",\"triggers\":\"gzip/1.12-1\"}"

TEST(a_completion_is_written_as_other_programs_read_it)
{
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(test_complete_parse(DONE_JSON, strlen(DONE_JSON), &done, &err), &err);
    ASSERT_OK(test_complete_format(&done, &body, &err), &err);
    ck_assert_str_eq(buf_str(&body), DONE_JSON);
}

TEST(a_completion_needs_its_names_to_fit)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"[]", "completion message: expected an object, got an array"},
        {"{\"release\":\"noble\",\"architecture\":\"amd64\",\"container\":\"c\",\"package\":"
         "\"gzip\","
         "\"swift_dir\":\"jammy/amd64/g/gzip/20261123_041500_abc12@\",\"exitcode\":0}",
         "completion message: swift_dir: jammy/amd64/g/gzip/20261123_041500_abc12@ is not of gzip "
         "on "
         "noble/amd64"},
        {"{\"release\":\"noble\",\"architecture\":\"amd64\",\"container\":\"../"
         "c\",\"package\":\"gzip\","
         "\"swift_dir\":\"noble/amd64/g/gzip/20261123_041500_abc12@\",\"exitcode\":0}",
         "completion message: container: expected a name without '/', got \"../c\""},
        {"{\"release\":\"noble\",\"architecture\":\"amd64\",\"container\":\"c\",\"package\":"
         "\"gzip\","
         "\"swift_dir\":\"noble/amd64/g/gzip/20261123_041500_abc12@\",\"exitcode\":256}",
         "completion message: exitcode: expected 0 to 255"},
        {"{\"release\":\"noble\",\"architecture\":\"amd64\",\"container\":\"c\",\"package\":"
         "\"gzip\","
         "\"swift_dir\":\"noble/amd64/g/gzip/"
         "20261123_041500_abc12@\",\"exitcode\":0,\"duration\":-1}",
         "completion message: duration: is negative"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(test_complete_release) struct test_complete done = {0};
        _cleanup_error_ struct error err = ERROR_INIT;

        ASSERT_FAILS(test_complete_parse(cases[i].json, strlen(cases[i].json), &done, &err),
                     -EBADMSG, &err, cases[i].message);
    }
}

static void env_is(const char *body, const char *expected)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *env = NULL;

    ASSERT_OK(request_parse(body, strlen(body), &q, &err), &err);
    ASSERT_OK(test_complete_env(&q, &env, &err), &err);
    ck_assert_str_eq(env, expected);
}

TEST(the_env_of_a_completion_tells_what_was_special)
{
    env_is("gzip\n{\"all-proposed\":\"1\",\"testname\":\"x\",\"env\":[\"A=1\"]}",
           "all-proposed=1,testname=x,A=1");
}

TEST(the_env_of_a_private_run_has_no_variables)
{
    env_is("gzip\n{\"testname\":\"x\",\"env\":[\"A=1\"],\"swiftuser\":\"joe\"}", "testname=x");
}

TEST(a_status_is_read_back)
{
    _cleanup_(test_status_release) struct test_status status = {.release = strdup("noble"),
                                                                .arch = strdup("amd64"),
                                                                .package = strdup("gzip"),
                                                                .running = true,
                                                                .duration_s = 3,
                                                                .logtail = strdup("a\nb\n")};
    _cleanup_(test_status_release) struct test_status back = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(test_status_format(&status, &body, &err), &err);
    ck_assert_str_eq(buf_str(&body),
                     "{\"architecture\":\"amd64\",\"duration\":3,\"logtail\":\"a\\nb\\n\","
                     "\"package\":\"gzip\",\"params\":{},\"release\":\"noble\",\"running\":true}");
    ASSERT_OK(test_status_parse(buf_str(&body), body.len, &back, &err), &err);
    ck_assert(back.running);
    ck_assert_str_eq(back.logtail, "a\nb\n");
    ck_assert(json_is_object(back.params));
}

TEST(a_status_without_a_package_is_refused)
{
    static const char body[] = "{\"release\":\"noble\",\"architecture\":\"amd64\"}";
    _cleanup_(test_status_release) struct test_status status = {0};

    ck_assert_int_lt(test_status_parse(body, strlen(body), &status, NULL), 0);
}

static char *tail_of(const void *log, size_t len)
{
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    _cleanup_free_ char *path = path_join(test_dir(), "log");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct buf tail = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(file_replace(path, log, len, &attributes, NULL, &err), &err);
    ASSERT_OK(logtail_make(path, &tail, &err), &err);
    return buf_take(&tail);
}

TEST(the_tail_of_a_short_log_is_the_log)
{
    _cleanup_free_ char *tail = tail_of("1\n2\n3\n4\n5\n6\n", 12);

    ck_assert_str_eq(tail, "1\n2\n3\n4\n5\n6\n");
}

TEST(the_tail_of_a_long_log_is_head_separator_and_end)
{
    _cleanup_buf_ struct buf log = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *tail = NULL;

    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_addf(&log, "line %d\n", i), 0);
    tail = tail_of(log.data, log.len);
    ck_assert(str_starts_with(tail, "line 0\nline 1\nline 2\nline 3\nline 4\n[...]\n"));
    ck_assert(str_ends_with(tail, "line 999\n"));
    ck_assert_uint_eq(strlen(tail), 35 + 6 + 2000);
}

TEST(bytes_that_are_no_text_are_replaced)
{
    _cleanup_free_ char *tail = tail_of("a\xff\0b\xc3\xa9\n", 7);

    ck_assert_str_eq(tail, "a\xef\xbf\xbd\xef\xbf\xbd"
                           "b\xc3\xa9\n");
}

TEST(no_log_is_an_empty_tail)
{
    _cleanup_free_ char *path = path_join(test_dir(), "log");
    _cleanup_buf_ struct buf tail = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(logtail_make(path, &tail, NULL), 0);
    ck_assert_uint_eq(tail.len, 0);
}
