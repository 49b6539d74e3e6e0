// SPDX-License-Identifier: GPL-3.0-only
#include "adt/request.h"
#include "test.h"

static int parse(const char *body, struct request *q, struct error *err)
{
    return request_parse(body, strlen(body), q, err);
}

// A body that is refused with this message, and still names its package.
static void refused(const char *body, const char *package, const char *message)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(parse(body, &q, &err), -EBADMSG);
    ck_assert_str_eq(error_message(&err), message);
    if (package)
        ck_assert_str_eq(q.package, package);
    else
        ck_assert_ptr_null(q.package);
}

TEST(a_bare_package_is_a_request)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("gzip", &q, &err), &err);
    ck_assert_str_eq(q.package, "gzip");
    ck_assert_uint_eq(json_object_size(q.params), 0);
}

TEST(a_package_with_a_final_newline_is_a_request)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("gzip\n", &q, &err), &err);
    ck_assert_str_eq(q.package, "gzip");
}

TEST(json_may_follow_on_the_same_line)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("libpng {\"triggers\": [\"a/1\", \"b/2\"]}", &q, &err), &err);
    ck_assert_str_eq(q.package, "libpng");
    ck_assert_uint_eq(q.triggers.len, 2);
    ck_assert_str_eq(q.triggers.items[1], "b/2");
}

TEST(all_members_are_read)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("gzip\n{\"triggers\":[\"gzip/1.12-1\"],\"all-proposed\":true,"
                    "\"ppas\":[\"me/one\",\"u:t@you/two:ABCD\"],\"env\":[\"A=1\",\"B=\"],"
                    "\"test-git\":\"https://x/y\",\"build-git\":\"https://x/z#b\","
                    "\"test-bzr\":\"lp:x\",\"testname\":\"smoke\",\"swiftuser\":\"joe\","
                    "\"readable-by\":[\"ann\",\"bob\"],\"requester\":\"me\","
                    "\"submit-time\":\"2026-01-01 00:00:00+00:00\",\"uuid\":\"u-1\",\"other\":1}",
                    &q, &err),
              &err);
    ck_assert(q.all_proposed);
    ck_assert_uint_eq(q.ppas.len, 2);
    ck_assert_uint_eq(q.env.len, 2);
    ck_assert_str_eq(q.test_git, "https://x/y");
    ck_assert_str_eq(q.build_git, "https://x/z#b");
    ck_assert_str_eq(q.test_bzr, "lp:x");
    ck_assert_str_eq(q.testname, "smoke");
    ck_assert_str_eq(q.swiftuser, "joe");
    ck_assert_uint_eq(q.readable_by.len, 2);
    ck_assert_str_eq(q.requester, "me");
    ck_assert_str_eq(q.uuid, "u-1");
    ck_assert(request_is_private(&q));
}

TEST(readable_by_may_be_one_name)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("gzip\n{\"readable-by\":\"ann\"}", &q, &err), &err);
    ck_assert_uint_eq(q.readable_by.len, 1);
    ck_assert(!request_is_private(&q));
}

TEST(unreadable_requests_say_where)
{
    refused(
        "", NULL,
        "package name: expected a letter or digit, then letters, digits and any of .+-, got \"\"");
    refused("../etc", NULL,
            "package name: expected a letter or digit, then letters, digits and any of .+-, got "
            "\"../etc\"");
    refused("-rf", NULL,
            "package name: expected a letter or digit, then letters, digits and any of .+-, got "
            "\"-rf\"");
    refused("gzip\n[]", "gzip", "parameters: expected an object, got an array");
    refused("gzip\n{\"triggers\":\"a/1\"}", "gzip", "triggers: expected an array, got a string");
    refused("gzip\n{\"triggers\":[\"a\"]}", "gzip", "triggers: expected source/version, got \"a\"");
    refused("gzip\n{\"env\":[\"A\"]}", "gzip", "env: expected VAR=value, got \"A\"");
    refused("gzip\n{\"ppas\":[\"me\"]}", "gzip",
            "ppas: expected [user:token@]lpuser/name[:fingerprint], got \"me\"");
    refused("gzip\n{\"uuid\":7}", "gzip", "uuid: expected a string, got a number");
}

TEST(a_refused_ppa_does_not_show_its_token)
{
    refused("gzip\n{\"ppas\":[\"user:hush@me\"]}", "gzip",
            "ppas: expected [user:token@]lpuser/name[:fingerprint], got \"…@me\"");
}

TEST(a_nul_in_the_name_is_refused)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(request_parse("gz\0ip", 5, &q, &err), -EBADMSG, &err,
                 "package name: contains a NUL byte");
}

TEST(what_is_written_is_read_back)
{
    _cleanup_request_ struct request q = REQUEST_INIT, back = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX), again = BUF_INIT(REQUEST_BODY_MAX);

    ASSERT_OK(parse("gzip\n{\"triggers\":[\"gzip/1\"],\"all-proposed\":1,\"unknown\":{\"k\":2}}",
                    &q, &err),
              &err);
    ASSERT_OK(request_format(&q, &body, &err), &err);
    ck_assert_str_eq(buf_str(&body),
                     "gzip\n{\"all-proposed\":1,\"triggers\":[\"gzip/1\"],\"unknown\":{\"k\":2}}");
    ASSERT_OK(request_parse(buf_str(&body), body.len, &back, &err), &err);
    ASSERT_OK(request_format(&back, &again, &err), &err);
    ck_assert_str_eq(buf_str(&again), buf_str(&body));
}

TEST(completing_adds_uuid_and_time_once)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *uuid = NULL;

    ASSERT_OK(parse("gzip", &q, &err), &err);
    ASSERT_OK(request_complete(&q, &err), &err);
    ck_assert_uint_eq(strlen(q.uuid), 36);
    ck_assert_int_eq(q.uuid[14], '4');
    ck_assert_str_eq(json_string_value(json_object_get(q.params, "uuid")), q.uuid);
    uuid = strdup(q.uuid);
    ASSERT_OK(request_complete(&q, &err), &err);
    ck_assert_str_eq(q.uuid, uuid);
}

TEST(credentials_in_a_ppa_make_a_run_private)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("gzip\n{\"ppas\":[\"u:t@me/p\"]}", &q, &err), &err);
    ck_assert(request_is_private(&q));
}

TEST(ppa_names_lose_credentials_and_fingerprint)
{
    _cleanup_free_ char *user = NULL, *name = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(request_ppa_name("u:t@me/stuff:0123ABCD", &user, &name, &err), &err);
    ck_assert_str_eq(user, "me");
    ck_assert_str_eq(name, "stuff");
}

static void container(const char *body, const char *name, const char *acl)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *got = NULL, *got_acl = NULL;

    ASSERT_OK(request_parse(body, strlen(body), &q, &err), &err);
    ASSERT_OK(request_container(&q, "noble", &got, &err), &err);
    got_acl = request_read_acl(&q);
    ck_assert_str_eq(got, name);
    ck_assert_str_eq(got_acl, acl);
}

TEST(containers_are_named_by_release_ppa_and_privacy)
{
    container("gzip", "autopkgtest-noble", ".r:*,.rlistings");
    container("gzip\n{\"ppas\":[\"a/x\",\"me/stuff:F00\"]}", "autopkgtest-noble-me-stuff",
              ".r:*,.rlistings");
    container("gzip\n{\"swiftuser\":\"joe\"}", "private-autopkgtest-noble", "*:joe");
    container("gzip\n{\"ppas\":[\"u:t@me/stuff\"],\"swiftuser\":\"joe\"}",
              "private-autopkgtest-noble-me-stuff", "*:joe");
    container("gzip\n{\"ppas\":[\"u:t@me/stuff\"]}", "private-autopkgtest-noble-me-stuff", "");
}
