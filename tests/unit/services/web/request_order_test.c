// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "web/request_order.h"
#include "web/requester.h"
#include "web/running.h"

static int read_query(const char *query, struct request_order *ret, struct error *err)
{
    struct strv releases = STRV_INIT, archs = STRV_INIT;
    const struct request_limits limits = {&releases, &archs};
    _cleanup_params_ struct params params = {0};
    int r;

    ck_assert_int_eq(strv_split(&releases, "noble jammy", " "), 0);
    ck_assert_int_eq(strv_split(&archs, "amd64 arm64", " "), 0);
    r = params_parse(&params, query, strlen(query), err);
    if (r == 0)
        r = request_order_read(&params, &limits, ret, err);
    strv_release(&releases);
    strv_release(&archs);
    return r;
}

TEST(a_whole_order_is_read)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};

    ASSERT_OK(read_query("release=noble&arch=amd64&arch=arm64&arch=amd64&package=g%2B%2B-13"
                         "&trigger=gcc-13/1:2~3&trigger=b2/1&env=AB=c;D_1=&all-proposed=1"
                         "&testname=unit&ppa=",
                         &o, &err),
              &err);
    ck_assert_str_eq(o.release, "noble");
    ck_assert_uint_eq(o.archs.len, 2);
    ck_assert_str_eq(o.request.package, "g++-13");
    ck_assert_uint_eq(o.request.triggers.len, 2);
    ck_assert_uint_eq(o.request.env.len, 2);
    ck_assert(o.request.all_proposed);
    ck_assert_int_eq(o.context, CONTEXT_NORMAL);
}

TEST(ppas_go_to_their_queue)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};

    ASSERT_OK(read_query("release=noble&arch=amd64&package=gzip&ppa=me/my-ppa"
                         "&build-git=https://example.com/x.git%23main",
                         &o, &err),
              &err);
    ck_assert_int_eq(o.context, CONTEXT_PPA);
}

TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *more;
        int r;
        const char *message;
    } cases[] = {
        {"", -EINVAL, "trigger: missing, the request needs a trigger or a ppa"},
        {"&trigger=x/1", -EINVAL, "trigger: expected SOURCE/VERSION, got \"x/1\""},
        {"&trigger=xy/1 2", -EINVAL, "trigger: expected SOURCE/VERSION, got \"xy/1 2\""},
        {"&trigger=xy/", -EINVAL, "trigger: expected SOURCE/VERSION, got \"xy/\""},
        {"&trigger=xy/1&env=1A=x", -EINVAL, "env: expected VARIABLE=value, got \"1A=x\""},
        {"&trigger=xy/1&env=AB=$x", -EINVAL, "env: expected VARIABLE=value, got \"AB=$x\""},
        {"&trigger=xy/1&all-proposed=2", -EINVAL, "all-proposed: expected 1, got \"2\""},
        {"&trigger=xy/1&foo=2", -EINVAL, "foo: there is no such parameter"},
        {"&trigger=xy/1&release=jammy", -EINVAL, "release: given more than once"},
        {"&trigger=xy/1&arch=vax", -ENOENT, "arch: vax is not tested here"},
        {"&trigger=xy/1&test-git=ftp://x/y", -EINVAL,
         "test-git: expected http(s)://HOST/PATH[#BRANCH], got \"ftp://x/y\""},
        {"&trigger=xy/1&test-git=https://x/y", -EINVAL,
         "ppa: missing, requests from git need one to keep their results apart"},
        {"&ppa=user:secret", -EINVAL, "ppa: expected USER/NAME"},
        {"&trigger=migration-reference/0&trigger=xy/1", -EINVAL,
         "trigger: migration-reference/0 stands alone, without other triggers, all-proposed and "
         "ppa"},
        {"&trigger=migration-reference/0&ppa=me/my-ppa", -EINVAL,
         "trigger: migration-reference/0 stands alone, without other triggers, all-proposed and "
         "ppa"},
        {"&trigger=migration-reference/0&all-proposed=1", -EINVAL,
         "trigger: migration-reference/0 stands alone, without other triggers, all-proposed and "
         "ppa"},
        {"&ppa=me/my-ppa&test-git=https://x/y&build-git=https://x/y", -EINVAL,
         "test-git: cannot be used together with build-git"},
        {"&trigger=xy/1&build-git=https://x/y", -EINVAL,
         "ppa: missing, requests from git need one to keep their results apart"},
        {"&ppa=me/my-ppa&test-git=https://", -EINVAL,
         "test-git: expected http(s)://HOST/PATH[#BRANCH], got \"https://\""},
        {"&ppa=me/my-ppa&test-git=https://x/y%23", -EINVAL,
         "test-git: expected http(s)://HOST/PATH[#BRANCH], got \"https://x/y#\""},
        {"&ppa=me/my-ppa&build-git=https://x/y%23a%20b", -EINVAL,
         "build-git: expected http(s)://HOST/PATH[#BRANCH], got \"https://x/y#a b\""},
        {"&trigger=xy/1&env=A=x", -EINVAL, "env: expected VARIABLE=value, got \"A=x\""},
        {"&trigger=xy/1&env=AB", -EINVAL, "env: expected VARIABLE=value, got \"AB\""},
        {"&trigger=xy/1&testname=-x", -EINVAL, "testname: expected the name of a test, got \"-x\""},
        {"&trigger=xy/1&testname=x%20y", -EINVAL,
         "testname: expected the name of a test, got \"x y\""},
        {"&trigger=xy/1&testname=x&testname=y", -EINVAL, "testname: given more than once"},
        {"&trigger=xy/1&package=bzip2", -EINVAL, "package: given more than once"},
        {"&trigger=xy/1&package=Gzip", -EINVAL,
         "package: expected the name of a source package, got \"Gzip\""},
        {"&trigger=xy/1&readable-by=me,You", -EINVAL,
         "readable-by: expected a user or team, got \"You\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *query =
            str_format("release=noble&arch=amd64&package=gzip%s", cases[i].more);
        struct request_order o;

        ASSERT_FAILS(read_query(query, &o, &err), cases[i].r, &err, cases[i].message);
    }
}

TEST(what_is_missing_or_not_tested_is_named)
{
    static const struct {
        const char *query;
        int r;
        const char *message;
    } cases[] = {
        {"arch=amd64&package=gzip&trigger=xy/1", -EINVAL, "release: missing"},
        {"release=&arch=amd64&package=gzip&trigger=xy/1", -EINVAL, "release: missing"},
        {"release=noble&package=gzip&trigger=xy/1", -EINVAL, "arch: missing"},
        {"release=noble&arch=amd64&trigger=xy/1", -EINVAL, "package: missing"},
        {"release=warty&arch=amd64&package=gzip&trigger=xy/1", -ENOENT,
         "release: warty is not tested here"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct request_order o;

        ASSERT_FAILS(read_query(cases[i].query, &o, &err), cases[i].r, &err, cases[i].message);
    }
}

TEST(what_is_of_the_form_is_passed_over_and_the_reference_may_stand_alone)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};

    ASSERT_OK(read_query("release=noble&arch=amd64&package=gzip&format=json&token=abc"
                         "&trigger=migration-reference/0&readable-by=me,a-team other"
                         "&testname=x/y_z",
                         &o, &err),
              &err);
    ck_assert_uint_eq(o.request.readable_by.len, 3);
    ck_assert_str_eq(o.request.readable_by.items[1], "a-team");
    ck_assert_str_eq(o.request.testname, "x/y_z");
    ck_assert(!o.request.all_proposed);
}

TEST(a_parameter_has_a_longest)
{
    for (int len = 4096; len <= 4097; len++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};
        _cleanup_free_ char *query = str_format(
            "release=noble&arch=amd64&package=gzip&trigger=xy/1&env=AB=%0*d", len - 3, 0);
        int r = read_query(query, &o, &err);

        ck_assert_int_eq(r, len == 4096 ? 0 : -EINVAL);
        if (r < 0)
            ck_assert_str_eq(error_message(&err), "env: longer than 4096 bytes");
    }
}

TEST(names_are_as_long_as_workers_take_them)
{
    for (int len = 100; len <= 101; len++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};
        _cleanup_free_ char *query =
            str_format("release=noble&arch=amd64&package=gzip&trigger=%0*d/1", len, 0);

        ck_assert_int_eq(read_query(query, &o, &err), len == 100 ? 0 : -EINVAL);
    }
}

static int read_object(const char *text, struct request_order *ret, struct error *err)
{
    struct strv releases = STRV_INIT, archs = STRV_INIT;
    const struct request_limits limits = {&releases, &archs};
    _cleanup_json_ json_t *object = NULL;
    int r;

    ck_assert_int_eq(strv_split(&releases, "noble", " "), 0);
    ck_assert_int_eq(strv_split(&archs, "amd64 arm64", " "), 0);
    ASSERT_OK(json_parse(text, strlen(text), "body", &object, err), err);
    r = request_order_read_json(object, &limits, ret, err);
    strv_release(&releases);
    strv_release(&archs);
    return r;
}

TEST(an_object_is_read_as_parameters_are)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};

    ASSERT_OK(
        read_object(
            "{\"release\": \"noble\", \"arch\": [\"amd64\", \"arm64\"], \"package\": \"gzip\", "
            "\"trigger\": \"gzip/1\", \"env\": [\"AB=c\", \"D_=;E_=1\"], \"all-proposed\": true}",
            &o, &err),
        &err);
    ck_assert_uint_eq(o.archs.len, 2);
    ck_assert_uint_eq(o.request.env.len, 3);
    ck_assert(o.request.all_proposed);
}

TEST(members_of_another_kind_are_refused)
{
    static const struct {
        const char *member, *message;
    } cases[] = {
        {"\"testname\": true", "testname: expected a string, got true or false"},
        {"\"testname\": [\"x\"]", "testname: expected a string, got an array"},
        {"\"readable-by\": false", "readable-by: expected a string, got true or false"},
        {"\"readable-by\": []", "readable-by: is empty"},
        {"\"readable-by\": \"\"", "readable-by: is empty"},
        {"\"readable-by\": [\"\"]", "readable-by: is empty"},
        {"\"readable-by\": \", \"", "readable-by: expected a user or team, got \", \""},
        {"\"env\": [1]", "env: item 1: expected a string, got a number"},
        {"\"env\": \";\"", "env: expected VARIABLE=value, got \";\""},
        {"\"all-proposed\": \"yes\"", "all-proposed: expected 1, got \"yes\""},
        {"\"format\": \"json\"", "format: there is no such member"},
        {"\"odd\": \"x\"", "odd: there is no such member"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *text =
            str_format("{\"release\": \"noble\", \"arch\": \"amd64\", \"package\": \"gzip\", "
                       "\"trigger\": \"gzip/1\", %s}",
                       cases[i].member);
        struct request_order o;

        ASSERT_FAILS(read_object(text, &o, &err), -EINVAL, &err, cases[i].message);
    }
}

TEST(a_flag_that_is_false_is_none_and_nothing_but_an_object_is_read)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(request_order_release) struct request_order o = {.request = REQUEST_INIT};

    ASSERT_OK(read_object("{\"release\": \"noble\", \"arch\": \"amd64\", \"package\": \"gzip\", "
                          "\"trigger\": \"gzip/1\", \"all-proposed\": false}",
                          &o, &err),
              &err);
    ck_assert(!o.request.all_proposed);
    request_order_release(&o);
    ck_assert_int_eq(read_object("[]", &o, &err), -EINVAL);
    ck_assert_str_eq(error_message(&err), "expected an object, got an array");
}

TEST(api_keys_match_user_and_key)
{
    _cleanup_json_ json_t *keys =
        json_pack("{s:s, s:s, s:i, s:s}", "a", "k1", "b", "k:2", "c", 3, "d", "");
    static const char *const bad[] = {"a:k2", "a:k:2", "b:k1", "a", "", "a:", "d:", "c:3", ":k1"};
    _cleanup_free_ char *user = NULL;

    ck_assert(api_key_valid(keys, "b:k:2", &user));
    ck_assert_str_eq(user, "b");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *none = NULL;

        ck_assert_msg(!api_key_valid(keys, bad[i], &none), "%s", bad[i]);
    }
}

static void tell(struct running *running, const char *text, uint64_t now)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct test_status status = {0};

    ASSERT_OK(test_status_parse(text, strlen(text), &status, &err), &err);
    ck_assert_int_eq(running_update(running, &status, now), 0);
    test_status_release(&status);
}

TEST(running_tests_come_and_go)
{
    struct running *running = NULL;
    _cleanup_json_ json_t *all = NULL;

    ck_assert_int_eq(running_new(&running), 0);
    tell(running,
         "{\"release\":\"noble\",\"architecture\":\"amd64\",\"package\":\"gzip\",\"running\":true,"
         "\"params\":{\"triggers\":[\"b/1\",\"c/2\"],\"env\":[]},\"duration\":3,\"logtail\":\"x\"}",
         0);
    tell(running,
         "{\"release\":\"noble\",\"architecture\":\"amd64\",\"package\":\"apt\",\"running\":true,"
         "\"params\":{},\"duration\":3,\"logtail\":\"\"}",
         RUNNING_FORGET_US);
    ck_assert_uint_eq(running_count(running, &(struct running_filter){0}), 2);
    ck_assert_uint_eq(
        running_count(running, &(struct running_filter){.release = "noble", .arch = "amd64"}), 2);
    ck_assert_uint_eq(running_count(running, &(struct running_filter){.release = "noble",
                                                                      .arch = "amd64",
                                                                      .package = "apt"}),
                      1);
    ck_assert_uint_eq(
        running_count(running, &(struct running_filter){.release = "noble", .arch = "arm64"}), 0);
    ck_assert_uint_eq(running_count(running, &(struct running_filter){.arch = "amd64"}), 2);
    all = running_json(running);
    ck_assert_ptr_nonnull(
        json_object_get(json_object_get(all, "gzip"), "env_[];triggers_['b/1', 'c/2'];"));
    running_expire(running, RUNNING_FORGET_US + 1);
    ck_assert_uint_eq(running_count(running, &(struct running_filter){0}), 1);
    tell(running,
         "{\"release\":\"noble\",\"architecture\":\"amd64\",\"package\":\"apt\",\"running\":false,"
         "\"params\":{},\"duration\":3,\"logtail\":\"\"}",
         RUNNING_FORGET_US);
    ck_assert_uint_eq(running_count(running, &(struct running_filter){0}), 0);
    running_free(running);
}
