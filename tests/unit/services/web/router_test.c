// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "web/router.h"

static const struct route routes[] = {
    {.methods = METHODS_READ, .pattern = "/"},
    {.methods = METHODS_READ, .pattern = "/a/{x}"},
    {.methods = METHOD_PUT, .pattern = "/a/{x}"},
    {.methods = METHODS_READ, .pattern = "/a/{x}/b/{y}"},
    {.methods = METHODS_READ, .pattern = "/s/{c}"},
    {.methods = METHODS_READ, .pattern = "/s/{c}/{rest...}"},
    {.methods = METHODS_READ, .pattern = "/long"},
};

static int find(enum method method, const char *path, struct params *values, size_t *ret)
{
    const struct route *route = NULL;
    unsigned allowed = 0;
    int r = router_find(routes, ARRAY_SIZE(routes), method, path, values, &route, &allowed);

    if (r == 0)
        *ret = (size_t)(route - routes);
    return r;
}

TEST(paths_find_their_row_and_catch_decoded_values)
{
    static const struct {
        const char *path;
        size_t row;
        const char *name, *value;
    } cases[] = {
        {"/", 0, NULL, NULL},         {"/a/g%2B%2B", 1, "x", "g++"},
        {"/a/b+c/", 1, "x", "b+c"},   {"/a/%2Fetc", 1, "x", "/etc"},
        {"/a/1/b/2", 3, "y", "2"},    {"/s/c", 4, "c", "c"},
        {"/s/c/", 4, "c", "c"},       {"/s/c/a/b//c/", 5, "rest", "a/b//c/"},
        {"/s/c/..", 5, "rest", ".."},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_params_ struct params values = {0};
        size_t row = 99;

        ck_assert_int_eq(find(METHOD_GET, cases[i].path, &values, &row), 0);
        ck_assert_msg(row == cases[i].row, "%s: row %zu", cases[i].path, row);
        if (cases[i].name)
            ck_assert_str_eq(params_get(&values, cases[i].name), cases[i].value);
    }
}

TEST(no_row_fits)
{
    static const char *const paths[] = {"",       "x",       "/a", "/a/", "/a//",
                                        "/a/1/c", "/a/1/b/", "/s", "/lo", "/longer"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_params_ struct params values = {0};
        size_t row;

        ck_assert_msg(find(METHOD_GET, paths[i], &values, &row) == -ENOENT, "%s", paths[i]);
    }
}

TEST(other_methods_and_bad_escapes_are_told_apart)
{
    _cleanup_params_ struct params values = {0};
    _cleanup_free_ char *text = methods_text(METHODS_READ | METHOD_PUT);
    size_t row;

    ck_assert_int_eq(find(METHOD_PUT, "/a/1", &values, &row), 0);
    ck_assert_uint_eq(row, 2);
    ck_assert_int_eq(find(METHOD_DELETE, "/a/1", &values, &row), -EOPNOTSUPP);
    ck_assert_int_eq(find(METHOD_GET, "/a/%zz", &values, &row), -EINVAL);
    ck_assert_int_eq(find(METHOD_GET, "/a/%00", &values, &row), -EINVAL);
    ck_assert_str_eq(text, "GET, HEAD, PUT");
    ck_assert_int_eq(method_parse("PATCH"), METHOD_OTHER);
    ck_assert_int_eq(method_parse("BREW"), METHOD_UNKNOWN);
}

TEST(a_path_that_is_there_tells_what_it_takes)
{
    _cleanup_params_ struct params values = {0};
    const struct route *route = NULL;
    unsigned allowed = 0;
    size_t row;

    ck_assert_int_eq(
        router_find(routes, ARRAY_SIZE(routes), METHOD_POST, "/a/1", &values, &route, &allowed),
        -EOPNOTSUPP);
    ck_assert_uint_eq(allowed, METHODS_READ | METHOD_PUT);
    // What was caught on the way counts for nothing, also by the last row that was tried.
    ck_assert_int_eq(router_find(routes, 3, METHOD_POST, "/a/1", &values, &route, &allowed),
                     -EOPNOTSUPP);
    ck_assert_uint_eq(values.len, 0);
    ck_assert_int_eq(
        router_find(routes, ARRAY_SIZE(routes), METHOD_GET, "/b/1", &values, &route, &allowed),
        -ENOENT);
    ck_assert_uint_eq(allowed, 0);
    ck_assert_int_eq(find(METHOD_HEAD, "/a/1", &values, &row), 0);
    ck_assert_uint_eq(row, 1);
    ck_assert_int_eq(find(METHOD_GET, "/s/c/%zz", &values, &row), -EINVAL);
    ck_assert_int_eq(find(METHOD_GET, "/a/1//", &values, &row), -ENOENT);
    ck_assert_int_eq(find(METHOD_GET, "/a/1/b", &values, &row), -ENOENT);
    ck_assert_int_eq(find(METHOD_GET, "/a/1/b/2", &values, &row), 0);
    ck_assert_uint_eq(values.len, 2);
    ck_assert_str_eq(params_get(&values, "x"), "1");
    ck_assert_int_eq(method_parse("GET"), METHOD_GET);
    ck_assert_int_eq(method_parse("HEAD"), METHOD_HEAD);
    ck_assert_int_eq(method_parse("POST"), METHOD_POST);
    ck_assert_int_eq(method_parse("PUT"), METHOD_PUT);
    ck_assert_int_eq(method_parse("DELETE"), METHOD_DELETE);
    ck_assert_int_eq(method_parse("get"), METHOD_UNKNOWN);
}

TEST(parameters_repeat_and_decode)
{
    _cleanup_params_ struct params p = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *text = "a=1&a=b+c&&=x&empty&e%3D=%2B";

    ASSERT_OK(params_parse(&p, text, strlen(text), &err), &err);
    ck_assert_uint_eq(p.len, 5);
    ck_assert_str_eq(params_get(&p, "a"), "1");
    ck_assert_str_eq(p.items[1].value, "b c");
    ck_assert_str_eq(params_get(&p, "empty"), "");
    ck_assert_ptr_null(params_get_filled(&p, "empty"));
    ck_assert_str_eq(params_get(&p, "e="), "+");
    ASSERT_FAILS(params_parse(&p, "a=%g", 4, &err), -EINVAL, &err,
                 "parameters: expected %XX escapes of two hex digits");
    ASSERT_FAILS(params_parse(&p, "a\0", 2, &err), -EINVAL, &err,
                 "parameters: expected text, got a NUL byte");
}

TEST(too_many_parameters_are_refused)
{
    _cleanup_params_ struct params p = {0};
    _cleanup_buf_ struct buf text = BUF_INIT(65536);

    for (int i = 0; i <= PARAMS_MAX; i++)
        ck_assert_int_eq(buf_add_str(&text, "a&"), 0);
    ck_assert_int_eq(params_parse(&p, text.data, text.len, NULL), -E2BIG);
}

TEST(addresses_are_cut_at_the_query)
{
    static const char *const cases[][3] = {{"/a?b=c?d", "/a", "b=c?d"},
                                           {"/a", "/a", ""},
                                           {"http://host/x?y", "/x", "y"},
                                           {"http://host", "/", ""}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *path = NULL, *query = NULL;

        ck_assert_int_eq(uri_split(cases[i][0], &path, &query), 0);
        ck_assert_str_eq(path, cases[i][1]);
        ck_assert_str_eq(query, cases[i][2]);
    }
}
