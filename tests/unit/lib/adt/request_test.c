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

TEST(the_forms_of_a_body)
{
    static const struct {
        const char *body, *package;
        size_t triggers;
    } cases[] = {
        {"gzip", "gzip", 0},
        {"gzip\n", "gzip", 0},
        {"gzip \r\n", "gzip", 0},
        {"gzip\n{}", "gzip", 0},
        {"gzip\n {\"triggers\": [\"a/1\"]}\n", "gzip", 1},
        {"libpng {\"triggers\": [\"a/1\", \"b/2\"]}", "libpng", 2},
        {"g++-13\r\n{\"triggers\": [\"a/1\"]}", "g++-13", 1},
        {"0ad\t{\"triggers\": [\"a/1\"]}", "0ad", 1},
        {"R.oo-X\n\n{\"triggers\": null}", "R.oo-X", 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_request_ struct request q = REQUEST_INIT;
        _cleanup_error_ struct error err = ERROR_INIT;

        ASSERT_OK(parse(cases[i].body, &q, &err), &err);
        ck_assert_str_eq(q.package, cases[i].package);
        ck_assert_uint_eq(q.triggers.len, cases[i].triggers);
        ck_assert(json_is_object(q.params));
    }
}

TEST(all_members_are_read)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse("gzip\n{\"triggers\":[\"gzip/1.12-1\"],\"all-proposed\":true,"
                    "\"ppas\":[\"me/one\",\"u:t@you/two:ABCD\"],\"env\":[\"A=1\",\"B=\"],"
                    "\"build-git\":\"https://x/z#b\","
                    "\"test-bzr\":\"lp:x\",\"testname\":\"smoke\",\"swiftuser\":\"joe\","
                    "\"readable-by\":[\"ann\",\"bob\"],\"requester\":\"me\","
                    "\"submit-time\":\"2026-01-01 00:00:00+00:00\",\"uuid\":\"u-1\",\"other\":1}",
                    &q, &err),
              &err);
    ck_assert(q.all_proposed);
    ck_assert_uint_eq(q.ppas.len, 2);
    ck_assert_uint_eq(q.env.len, 2);
    ck_assert_str_eq(q.build_git, "https://x/z#b");
    ck_assert_str_eq(q.test_bzr, "lp:x");
    ck_assert_str_eq(q.testname, "smoke");
    ck_assert_str_eq(q.swiftuser, "joe");
    ck_assert_uint_eq(q.readable_by.len, 2);
    ck_assert_str_eq(q.requester, "me");
    ck_assert_str_eq(q.submit_time, "2026-01-01 00:00:00+00:00");
    ck_assert_str_eq(q.uuid, "u-1");
    ck_assert_int_eq(json_integer_value(json_object_get(q.params, "other")), 1);
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

#define NAME "package name: expected a letter or digit, then letters, digits and any of .+-, got "

TEST(a_body_without_a_name_is_refused)
{
    static const char *const cases[][2] = {
        {"", NAME "\"\""},
        {"\n{}", NAME "\"\""},
        {" gzip", NAME "\"\""},
        {"{}", NAME "\"{}\""},
        {"../etc", NAME "\"../etc\""},
        {"..\n{}", NAME "\"..\""},
        {"-rf", NAME "\"-rf\""},
        {"a/b", NAME "\"a/b\""},
        {"g_zip", NAME "\"g_zip\""},
        {"gz\xc3\xafp\n{}", NAME "\"gz\xc3\xafp\""},
        {"gzip,bzip2", NAME "\"gzip,bzip2\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        refused(cases[i][0], NULL, cases[i][1]);
}

TEST(a_name_has_a_limit)
{
    char name[102];
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    memset(name, 'a', sizeof(name));
    ASSERT_OK(request_parse(name, 100, &q, &err), &err);
    request_release(&q);
    ck_assert_int_eq(request_parse(name, 101, &q, NULL), -EBADMSG);
    ck_assert_ptr_null(q.package);
}

TEST(parameters_that_are_no_object_are_refused)
{
    refused("gzip\n[]", "gzip", "parameters: expected an object, got an array");
    refused("gzip 7", "gzip", "parameters: expected an object, got a number");
    refused("gzip\nnull", "gzip", "parameters: expected an object, got null");
    refused("gzip\n{", "gzip",
            "parameters: line 1, column 1: string or '}' expected near end of file");
    refused("gzip\n{} x", "gzip", "parameters: line 1, column 4: end of file expected");
    refused("gzip\n{\"env\":[],\"env\":[]}", "gzip",
            "parameters: line 1, column 15: duplicate object key");
    refused("gzip\n{\"uuid\":\"\xff\"}", "gzip",
            "parameters: line 1, column 9: unable to decode byte 0xff");
    refused("gzip\n{\"uuid\":\"\\u0000\"}", "gzip",
            "parameters: line 1, column 16: \\u0000 is not allowed without JSON_ALLOW_NUL");
    refused("gzip\n{\"uuid\":\"\\ud800\"}", "gzip",
            "parameters: line 1, column 16: invalid Unicode '\\uD800'");
}

#define PPA ": expected [user:token@]lpuser/name[:fingerprint]"
#define TREE ": expected \"URL\", \"URL branch\" or \"URL#branch\""
#define UUID "uuid: expected at most 128 printable characters without blanks, got "
#define SWIFT "swiftuser: expected a name without blanks, commas and colons"

TEST(a_member_that_is_wrong_is_named_and_no_secret_repeated)
{
    static const char *const cases[][2] = {
        {"{\"triggers\":\"a/1\"}", "triggers: expected an array, got a string"},
        {"{\"triggers\":[1]}", "triggers[0]: expected a string, got a number"},
        {"{\"triggers\":[\"a/1\",\"a\"]}", "triggers[1]: expected source/version, got \"a\""},
        {"{\"triggers\":[\"/1\"]}", "triggers[0]: expected source/version, got \"/1\""},
        {"{\"triggers\":[\"a/\"]}", "triggers[0]: expected source/version, got \"a/\""},
        {"{\"triggers\":[\"a/1/2\"]}", "triggers[0]: expected source/version, got \"a/1/2\""},
        {"{\"triggers\":[\"a/1 b/2\"]}", "triggers[0]: expected source/version, got \"a/1 b/2\""},
        {"{\"triggers\":[\"a/1,src:b\"]}",
         "triggers[0]: expected source/version, got \"a/1,src:b\""},
        {"{\"triggers\":[\"a;id/1\"]}", "triggers[0]: expected source/version, got \"a;id/1\""},
        {"{\"env\":\"A=1\"}", "env: expected an array, got a string"},
        {"{\"env\":[\"A\"]}", "env[0]: expected VAR=value, in one line"},
        {"{\"env\":[\"A=1\",\"=2\"]}", "env[1]: expected VAR=value, in one line"},
        {"{\"env\":[\"1A=2\"]}", "env[0]: expected VAR=value, in one line"},
        {"{\"env\":[\"A-B=2\"]}", "env[0]: expected VAR=value, in one line"},
        {"{\"env\":[\"A=1\\n--shell\"]}", "env[0]: expected VAR=value, in one line"},
        {"{\"env\":[\"A=1\\u2028--shell\"]}", "env[0]: expected VAR=value, in one line"},
        {"{\"env\":[\"A=1\\u0085--shell\"]}", "env[0]: expected VAR=value, in one line"},
        {"{\"ppas\":{}}", "ppas: expected an array, got an object"},
        {"{\"ppas\":[\"me\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"me/\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"/p\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"me/p/q\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"me/..\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"me/p:\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"me/p:xyz\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"me/p\",\"hush@me/p\"]}", "ppas[1]" PPA},
        {"{\"ppas\":[\":hush@me/p\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"u:@me/p\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"u:hu sh@me/p\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"u:hush@me\"]}", "ppas[0]" PPA},
        {"{\"ppas\":[\"u:hush\\n--shell@me/p\"]}", "ppas[0]" PPA},
        {"{\"test-git\":7}", "test-git: expected a string, got a number"},
        {"{\"test-git\":\"--shell\"}", "test-git" TREE},
        {"{\"test-git\":\"gzip\"}", "test-git" TREE},
        {"{\"build-git\":\"https://u:hush@x a b\"}", "build-git" TREE},
        {"{\"build-git\":\"https://x#a b\"}", "build-git" TREE},
        {"{\"build-git\":\"https://x --upload-pack=id\"}", "build-git" TREE},
        {"{\"build-git\":\"https://x\\na\"}", "build-git" TREE},
        {"{\"test-git\":\"https://x\",\"build-git\":\"https://x\"}",
         "test-git and build-git exclude each other"},
        {"{\"test-bzr\":\"a\\nb\"}", "test-bzr: expected one line"},
        {"{\"testname\":[]}", "testname: expected a string, got an array"},
        {"{\"testname\":\"a\\tb\"}", "testname: expected one line, got \"a\tb\""},
        {"{\"swiftuser\":true}", "swiftuser: expected a string, got true or false"},
        {"{\"swiftuser\":\"\"}", SWIFT},
        {"{\"swiftuser\":\"joe,.r:*\"}", SWIFT},
        {"{\"swiftuser\":\"joe x\"}", SWIFT},
        {"{\"swiftuser\":\"joe\\r\\nX-A: b\"}", SWIFT},
        {"{\"readable-by\":7}", "readable-by: expected an array, got a number"},
        {"{\"readable-by\":\"\"}", "readable-by[0]: expected a name, got \"\""},
        {"{\"readable-by\":[\"a\",\"b\\nc\"]}", "readable-by[1]: expected a name, got \"b\nc\""},
        {"{\"requester\":{}}", "requester: expected a string, got an object"},
        {"{\"requester\":\"a\\nb\"}", "requester: expected one line, got \"a\nb\""},
        {"{\"submit-time\":1}", "submit-time: expected a string, got a number"},
        {"{\"submit-time\":\"\\u007f\"}", "submit-time: expected one line, got \"\x7f\""},
        {"{\"uuid\":7}", "uuid: expected a string, got a number"},
        {"{\"uuid\":\"\"}", UUID "\"\""},
        {"{\"uuid\":\"a b\"}", UUID "\"a b\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *body = str_format("gzip\n%s", cases[i][0]);

        refused(body, "gzip", cases[i][1]);
        ck_assert(!strstr(cases[i][1], "hush"));
    }
}

TEST(members_that_fit)
{
    static const char *const cases[] = {
        "{\"triggers\":[\"migration-reference/0\",\"libc++/1:2.3+b~rc1-4_x\"]}",
        "{\"triggers\":[]}",
        "{\"env\":[\"A=\",\"_b1=x=y; $(id) \xc3\xa9\"]}",
        "{\"ppas\":[\"me/p\",\"me/p:0123abCD\",\"u:t@me/p\",\"u:t:@x@me/p:00\"]}",
        "{\"test-git\":\"https://x.org/y.git\"}",
        "{\"test-git\":\"https://x.org/y.git  main\"}",
        "{\"build-git\":\"git+ssh://git@x/y#refs/pull/7/head\"}",
        "{\"test-bzr\":\"lp:gzip\"}",
        "{\"testname\":\"one two\"}",
        "{\"swiftuser\":\"joe@example.org\"}",
        "{\"readable-by\":\"ann\"}",
        "{\"requester\":\"J\xc3\xbcrgen D\"}",
        "{\"triggers\":null,\"ppas\":null,\"env\":null,\"test-git\":null,\"uuid\":null}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *body = str_format("gzip\n%s", cases[i]);
        _cleanup_request_ struct request q = REQUEST_INIT;
        _cleanup_error_ struct error err = ERROR_INIT;

        ASSERT_OK(parse(body, &q, &err), &err);
    }
}

TEST(all_proposed_may_be_anything)
{
    static const char *const values[] = {"1", "\"1\"", "true", "false", "0", "null", "[]", "\"\""};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        _cleanup_free_ char *body = str_format("gzip {\"all-proposed\":%s}", values[i]);
        _cleanup_request_ struct request q = REQUEST_INIT;

        ck_assert_int_eq(parse(body, &q, NULL), 0);
        ck_assert(q.all_proposed);
    }
}

TEST(a_uuid_has_a_limit)
{
    _cleanup_free_ char *fits = str_format("gzip {\"uuid\":\"%0128d\"}", 1);
    _cleanup_free_ char *longer = str_format("gzip {\"uuid\":\"%0129d\"}", 1);
    _cleanup_request_ struct request q = REQUEST_INIT, p = REQUEST_INIT;

    ck_assert_int_eq(parse(fits, &q, NULL), 0);
    ck_assert_int_eq(parse(longer, &p, NULL), -EBADMSG);
}

TEST(what_can_be_read_of_an_unreadable_request_is_kept)
{
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(parse("gzip\n{\"triggers\":[\"a/1\"],\"env\":[\"A=1\",7],\"uuid\":\"u\","
                           "\"requester\":[],\"ppas\":[\"me/p\"],\"all-proposed\":1,\"x\":2}",
                           &q, &err),
                     -EBADMSG);
    ck_assert_str_eq(error_message(&err), "env[1]: expected a string, got a number");
    ck_assert_uint_eq(q.triggers.len, 1);
    ck_assert_uint_eq(q.ppas.len, 1);
    ck_assert_uint_eq(q.env.len, 0);
    ck_assert_str_eq(q.uuid, "u");
    ck_assert_ptr_null(q.requester);
    ck_assert(q.all_proposed);
    ck_assert_uint_eq(json_object_size(q.params), 0);
}

TEST(a_body_that_is_too_long_still_names_its_package)
{
    size_t len = REQUEST_BODY_MAX + 1;
    _cleanup_free_ char *body = malloc(len);
    _cleanup_request_ struct request q = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    memset(body, ' ', len);
    memcpy(body, "gzip\n", 5);
    ASSERT_FAILS(request_parse(body, len, &q, &err), -EBADMSG, &err,
                 "request: longer than 1048576 bytes");
    ck_assert_str_eq(q.package, "gzip");
    request_release(&q);
    ASSERT_OK(request_parse(body, len - 1, &q, &err), &err);
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

TEST(who_may_see_a_request)
{
    static const struct {
        const char *params;
        bool private;
    } cases[] = {
        {"", false},
        {"{\"requester\":\"me@x\",\"ppas\":[\"me/p\"],\"readable-by\":\"ann\"}", false},
        {"{\"swiftuser\":\"joe\"}", true},
        {"{\"swiftuser\":null}", true},
        {"{\"ppas\":[\"a/b\",\"u:t@me/p\"]}", true},
        {"{\"ppas\":[\"u:t\\u0040me/p\"]}", true},
        {"{\"test-git\":\"https://x.org/y@z\"}", false},
        {"{\"test-git\":\"https://x.org/y a@b\"}", false},
        {"{\"test-git\":\"https://token@x.org/y\"}", true},
        {"{\"build-git\":\"http://u:t@x.org\"}", true},
        {"{\"build-git\":\"ssh://git@x.org/y\"}", false},
        {"{\"build-git\":\"ssh://git:t@x.org/y\"}", true},
        {"{\"test-bzr\":\"bzr+ssh://u:t@x.org/y\"}", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *body = str_format("gzip\n%s", cases[i].params);
        _cleanup_request_ struct request q = REQUEST_INIT;
        _cleanup_error_ struct error err = ERROR_INIT;

        ASSERT_OK(parse(body, &q, &err), &err);
        ck_assert_msg(request_is_private(&q) == cases[i].private, "%s", cases[i].params);
    }
}

TEST(trees_as_autopkgtest_takes_them)
{
    static const char *const cases[][2] = {
        {"https://x/y", "https://x/y"},
        {"https://x/y main", "https://x/y#main"},
        {"https://x/y#main", "https://x/y#main"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *url = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;

        ASSERT_OK(request_tree_url(cases[i][0], &url, &err), &err);
        ck_assert_str_eq(url, cases[i][1]);
    }
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
