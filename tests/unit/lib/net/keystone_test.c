// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"
#include "net/keystone.h"
#include "test.h"

static const char answer[] =
    "{\"token\": {\"catalog\": [{\"type\": \"compute\", \"endpoints\": ["
    "{\"interface\": \"internal\", \"region_id\": \"a\", \"url\": \"http://in/\"},"
    "{\"interface\": \"public\", \"region\": \"a\", \"url\": \"http://a/\"},"
    "{\"interface\": \"public\", \"region_id\": \"b\", \"url\": \"http://b/\"}]},"
    "{\"type\": \"image\"}]}}";

TEST(endpoints_are_found_by_type_interface_and_region)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *catalog = NULL;
    _cleanup_free_ char *first = NULL, *second = NULL, *internal = NULL;
    char *none = NULL;

    ASSERT_OK(keystone_parse_catalog(answer, strlen(answer), &catalog, &err), &err);
    ASSERT_OK(keystone_endpoint(catalog, "compute", "compute", "public", "", &first, &err), &err);
    ck_assert_str_eq(first, "http://a/");
    ASSERT_OK(keystone_endpoint(catalog, "compute", "compute", "public", "b", &second, &err), &err);
    ck_assert_str_eq(second, "http://b/");
    ASSERT_OK(keystone_endpoint(catalog, "compute", "compute", "internal", NULL, &internal, &err),
              &err);
    ck_assert_str_eq(internal, "http://in/");
    ASSERT_FAILS(keystone_endpoint(catalog, "compute", "compute", "public", "c", &none, &err),
                 -ENOENT, &err, "the catalog has no public compute in region c, only in a, b");
    ASSERT_FAILS(keystone_endpoint(catalog, "image", "images", "public", "", &none, &err), -ENOENT,
                 &err, "the catalog has no public images");
    ASSERT_FAILS(keystone_endpoint(catalog, "dns", "names", "public", "a", &none, &err), -ENOENT,
                 &err, "the catalog has no public names");
}

TEST(answers_without_a_catalog_are_refused)
{
    static const char *const bad[] = {"", "[]", "{\"token\": {}}", "{\"token\": {\"catalog\": 1}}"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *catalog = NULL;

        ck_assert_int_eq(keystone_parse_catalog(bad[i], strlen(bad[i]), &catalog, &err), -EIO);
        ck_assert_ptr_null(catalog);
    }
}

TEST(statuses_are_told_apart)
{
    ck_assert_int_eq(keystone_status("me", 201, NULL), 0);
    ck_assert_int_eq(keystone_status("me", 401, NULL), -EACCES);
    ck_assert_int_eq(keystone_status("me", 503, NULL), -EAGAIN);
    ck_assert_int_eq(keystone_status("me", 429, NULL), -EAGAIN);
    ck_assert_int_eq(keystone_status("me", 404, NULL), -EIO);
    ck_assert_int_eq(keystone_transfer_error(-ETIMEDOUT), -EAGAIN);
    ck_assert_int_eq(keystone_transfer_error(-E2BIG), -E2BIG);
}
