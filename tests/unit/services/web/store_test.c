// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "web/store_internal.h"

static struct store *open_store(void)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct store *store = NULL;
    bool created;

    ASSERT_OK(store_open(test_path(test_dir(), "store"), &store, &err), &err);
    ASSERT_OK(store_container_put(store, "c", ".r:*", &created, &err), &err);
    ck_assert(created);
    return store;
}

static int put(struct store *store, const char *object, const char *text, const char *etag)
{
    const struct store_object with = {.content_type = (char *)"text/plain"};
    struct store_object done = {0};
    struct store_upload *upload = NULL;
    int r = store_upload_begin(store, "c", object, &upload, NULL);

    if (r < 0)
        return r;
    r = store_upload_write(upload, text, strlen(text), NULL);
    if (r == 0)
        r = store_upload_commit(upload, &with, etag, &done, NULL);
    store_object_release(&done);
    store_upload_free(upload);
    return r;
}

static int collect(const struct store_entry *entry, void *userdata)
{
    return buf_addf(userdata, "%s ", entry->name);
}

static void expect_list(struct store *store, struct store_query query, const char *expected)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf names = BUF_INIT(4096);

    if (!query.limit)
        query.limit = 100;
    ASSERT_OK(store_list(store, "c", &query, collect, &names, &err), &err);
    ck_assert_str_eq(buf_str(&names), expected);
}

TEST(names_become_file_names_and_come_back)
{
    static const char *const cases[][2] = {{"", "%"},         {".", "%2E"}, {"..", "%2E."},
                                           {"a.b", "a.b"},    {"%", "%25"}, {".x", "%2Ex"},
                                           {"a\nb", "a%0Ab"}, {"a@", "a@"}, {"%2E", "%252E"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf file = BUF_INIT(1024), back = BUF_INIT(1024);

        ck_assert_int_eq(store_name_encode(cases[i][0], strlen(cases[i][0]), &file), 0);
        ck_assert_str_eq(buf_str(&file), cases[i][1]);
        ck_assert_int_eq(store_name_decode(buf_str(&file), &back), 0);
        ck_assert_str_eq(buf_str(&back), cases[i][0]);
    }
}

TEST(file_names_that_encoding_never_gives_are_refused)
{
    static const char *const cases[] = {"%2", "%zz", "a%", "%00"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf back = BUF_INIT(1024);

        ck_assert_int_eq(store_name_decode(cases[i], &back), -EINVAL);
    }
}

TEST(objects_live_and_die)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(store_freep) struct store *store = open_store();
    _cleanup_(store_object_release) struct store_object object = {0};
    _cleanup_close_ int fd = -1;

    ck_assert_int_eq(put(store, "a/b", "one", NULL), 0);
    ck_assert_int_eq(put(store, "a/b", "two", "b8a9f715dbb64fd5c56e7783c6820a61"), 0);
    ck_assert_int_eq(put(store, "a/b", "bad", "00000000000000000000000000000000"), -EBADMSG);
    ASSERT_OK(store_object_open(store, "c", "a/b", &fd, &object, &err), &err);
    ck_assert_uint_eq(object.size, 3);
    ck_assert_str_eq(object.etag, "b8a9f715dbb64fd5c56e7783c6820a61");
    ck_assert_str_eq(object.content_type, "text/plain");
    ck_assert_int_eq(put(store, "a", "x", NULL), -EEXIST);
    ck_assert_int_eq(put(store, "a/b/c", "x", NULL), -EEXIST);
    ck_assert_int_eq(store_container_delete(store, "c", NULL), -ENOTEMPTY);
    ASSERT_OK(store_object_delete(store, "c", "a/b", &err), &err);
    ck_assert_int_eq(store_object_delete(store, "c", "a/b", NULL), -ENOENT);
    ck_assert_int_eq(put(store, "a", "now a file", NULL), 0);
    ASSERT_OK(store_object_delete(store, "c", "a", &err), &err);
    ASSERT_OK(store_container_delete(store, "c", &err), &err);
    ck_assert_int_eq(store_container_delete(store, "c", NULL), -ENOENT);
}

TEST(listings_are_in_the_order_of_bytes)
{
    _cleanup_(store_freep) struct store *store = open_store();
    static const char *const names[] = {"b0", "b/1", "a", "b-1", "b/2/x", "b/2/y", "..", "b//z"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ck_assert_int_eq(put(store, names[i], "", NULL), 0);
    expect_list(store, (struct store_query){0}, ".. a b-1 b//z b/1 b/2/x b/2/y b0 ");
    expect_list(store, (struct store_query){.delimiter = "/"}, ".. a b-1 b/ b0 ");
    expect_list(store, (struct store_query){.delimiter = "/", .marker = "b/"}, "b0 ");
    expect_list(store, (struct store_query){.delimiter = "/", .marker = "b/1"}, "b/ b0 ");
    expect_list(store, (struct store_query){.delimiter = "/", .marker = "b/zzz"}, "b0 ");
    expect_list(store, (struct store_query){.delimiter = "/", .prefix = "b/"}, "b// b/1 b/2/ ");
    expect_list(store, (struct store_query){.delimiter = "-"}, ".. a b- b//z b/1 b/2/x b/2/y b0 ");
    expect_list(store, (struct store_query){.delimiter = "/2/"}, ".. a b-1 b//z b/1 b/2/ b0 ");
    expect_list(store, (struct store_query){.prefix = "b/2", .limit = 1}, "b/2/x ");
    expect_list(store, (struct store_query){.marker = "b/1", .end_marker = "b/2/y"}, "b/2/x ");
    expect_list(store, (struct store_query){.marker = "zz"}, "");
    expect_list(store, (struct store_query){.prefix = "b/2/"}, "b/2/x b/2/y ");
    expect_list(store, (struct store_query){.prefix = "b/2/", .marker = "b/2/x"}, "b/2/y ");
    expect_list(store, (struct store_query){.prefix = "b/2/", .marker = "b/3"}, "");
    expect_list(store, (struct store_query){.prefix = "b/2/", .end_marker = "b/2"}, "");
    expect_list(store, (struct store_query){.prefix = "b/2/", .end_marker = "b/2/y"}, "b/2/x ");
    expect_list(store, (struct store_query){.prefix = "b//", .delimiter = "/"}, "b//z ");
    expect_list(store, (struct store_query){.prefix = "/"}, "");
    expect_list(store, (struct store_query){.prefix = "a/"}, "");
    expect_list(store, (struct store_query){.prefix = "none/at/all"}, "");
    expect_list(store, (struct store_query){.prefix = "\xff/x"}, "");
}

TEST(names_that_cannot_be_are_refused)
{
    _cleanup_(store_freep) struct store *store = open_store();
    static const char *const containers[] = {"", "a/b", "\xff"};
    bool created;

    for (size_t i = 0; i < ARRAY_SIZE(containers); i++)
        ck_assert_int_eq(store_container_put(store, containers[i], NULL, &created, NULL), -EINVAL);
    ck_assert_int_eq(put(store, "", "", NULL), -EINVAL);
    ck_assert_int_eq(put(store, "\xff", "", NULL), -EINVAL);
}

TEST(acls_open_what_they_say)
{
    ck_assert(store_acl_opens_objects(".r:*"));
    ck_assert(!store_acl_opens_listing(".r:*"));
    ck_assert(store_acl_opens_listing(".r:*,.rlistings"));
    ck_assert(store_acl_opens_listing(".rlistings, .r:*"));
    ck_assert(!store_acl_opens_listing(".rlistings"));
    ck_assert(!store_acl_opens_objects(""));
    ck_assert(!store_acl_opens_objects(NULL));
    ck_assert(!store_acl_opens_objects("*:someone"));
    ck_assert(!store_acl_opens_objects(".r:*.example.com"));
    ck_assert(!store_acl_opens_objects(".r:*,.r:-bad.example"));
}

TEST(tokens_expire_and_cannot_be_forged)
{
    _cleanup_free_ char *token = store_token_make("u", "secret", 1000000);

    ck_assert_int_eq(store_token_check(token, "u", "secret", 1000000), STORE_TOKEN_LIFE_S);
    ck_assert_int_eq(store_token_check(token, "u", "secret", 1000000 + STORE_TOKEN_LIFE_S), 0);
    ck_assert_int_eq(store_token_check(token, "u", "other", 1000000), 0);
    ck_assert_int_eq(store_token_check(token, "v", "secret", 1000000), 0);
    ck_assert_int_eq(store_token_check("", "u", "secret", 1000000), 0);
    token[10] = token[10] == '1' ? '2' : '1';
    ck_assert_int_eq(store_token_check(token, "u", "secret", 1000000), 0);
}
