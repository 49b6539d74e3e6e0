// SPDX-License-Identifier: GPL-3.0-only
#include "adt/request.h"
#include "test.h"

static char *digest(const char *body)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(request_parse(body, strlen(body), &request, &err), &err);
    return request_digest(&request, "noble", "amd64");
}

static bool same(const char *a, const char *b)
{
    _cleanup_free_ char *one = digest(a), *other = digest(b);

    return str_equal(one, other);
}

TEST(the_order_and_who_asks_do_not_matter)
{
    ck_assert(
        same("gzip\n{\"triggers\": [\"a/1\", \"b/2\"], \"requester\": \"me\", \"uuid\": \"u\"}",
             "gzip\n{\"submit-time\": \"now\", \"triggers\": [\"b/2\", \"a/1\"]}"));
    ck_assert(same("gzip", "gzip\n{}"));
}

TEST(what_makes_another_test_does)
{
    static const char *const others[] = {"bash",
                                         "gzip\n{\"triggers\": [\"a/1\"]}",
                                         "gzip\n{\"all-proposed\": \"1\"}",
                                         "gzip\n{\"ppas\": [\"me/x\"]}",
                                         "gzip\n{\"env\": [\"A=b\"]}",
                                         "gzip\n{\"testname\": \"x\"}",
                                         "gzip\n{\"test-git\": \"https://g.example/x\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        ck_assert_msg(!same("gzip", others[i]), "%s", others[i]);
        for (size_t j = 0; j < i; j++)
            ck_assert(!same(others[i], others[j]));
    }
}

TEST(a_private_request_has_none)
{
    _cleanup_free_ char *none = digest("gzip\n{\"swiftuser\": \"me\"}");

    ck_assert_str_eq(none, "");
}
