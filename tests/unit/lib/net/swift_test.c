// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"
#include "server.h"

#define SERVER "tests/unit/lib/net/fake_store.py"

struct fixture {
    struct server server;
    struct swift_settings settings;
    struct swift *swift;
    struct error err;
};

static void fixture_stop(struct fixture *f)
{
    swift_free(f->swift);
    swift_settings_release(&f->settings);
    error_clear(&f->err);
    server_stop(&f->server);
}

static void fixture_start(struct fixture *f, const char *life, const char *user, const char *key)
{
    (void)unsetenv("http_proxy");
    f->server = server_start(SERVER, life);
    f->settings.auth_url = str_format("http://127.0.0.1:%u/auth/v1.0", f->server.port);
    f->settings.username = strdup(user);
    f->settings.password = strdup(key);
    ASSERT_OK(swift_new(&f->settings, &f->swift, &f->err), &f->err);
}

#define FIXTURE(f, life, user, key)                                                                \
    _cleanup_(fixture_stop) struct fixture f = {0};                                                \
    fixture_start(&f, life, user, key)

static void use_keystone(struct fixture *f, const char *region)
{
    swift_free(f->swift);
    free(f->settings.auth_url);
    free(f->settings.region);
    f->settings.auth_url = str_format("http://127.0.0.1:%u/v3", f->server.port);
    free(f->settings.project_name);
    f->settings.project_name = strdup("p");
    free(f->settings.project_domain_name);
    f->settings.project_domain_name = strdup("d");
    f->settings.region = strdup(region);
    ASSERT_OK(swift_new(&f->settings, &f->swift, &f->err), &f->err);
}

static void put(struct fixture *f, const char *object, const char *content)
{
    ASSERT_OK(swift_put(f->swift, "c", object, content, strlen(content), NULL, &f->err), &f->err);
}

static void expect(struct fixture *f, const char *object, const char *content)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);

    ASSERT_OK(swift_get(f->swift, "c", object, &b, &f->err), &f->err);
    ck_assert_str_eq(buf_str(&b), content);
}

TEST(objects_are_stored_found_and_removed)
{
    FIXTURE(f, "", "u", "secret");
    _cleanup_strv_ struct strv headers = STRV_INIT;
    bool exists = true;

    ASSERT_OK(swift_ensure_container(f.swift, "c", ".r:*,.rlistings", &f.err), &f.err);
    ASSERT_OK(swift_head(f.swift, "c", "a/b", &exists, &f.err), &f.err);
    ck_assert(!exists);
    ASSERT_OK(strv_add(&headers, "Content-Type: text/plain"), NULL);
    ASSERT_OK(swift_put(f.swift, "c", "a/b", "content", 7, &headers, &f.err), &f.err);
    ASSERT_OK(swift_head(f.swift, "c", "a/b", &exists, &f.err), &f.err);
    ck_assert(exists);
    expect(&f, "a/b", "content");
    expect(&f, "a/b.type", "text/plain");
    ASSERT_OK(swift_delete(f.swift, "c", "a/b", &f.err), &f.err);
    ASSERT_FAILS(swift_delete(f.swift, "c", "a/b", &f.err), -ENOENT, &f.err,
                 "store: there is no c/a/b");
}

TEST(names_are_escaped)
{
    FIXTURE(f, "", "u", "secret");

    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    put(&f, "noble/20260101_000000_abcde@/a b?c#d%41", "odd");
    expect(&f, "noble/20260101_000000_abcde@/a b?c#d%41", "odd");
}

TEST(a_file_is_stored_whole)
{
    FIXTURE(f, "", "u", "secret");
    _cleanup_free_ char *path = str_format("%s/log", test_dir()), *content = malloc(300001);
    FILE *file = fopen(path, "we");

    memset(content, 'l', 300000);
    content[300000] = '\0';
    ck_assert_int_eq(fputs(content, file) < 0, 0);
    ck_assert_int_eq(fclose(file), 0);
    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    ASSERT_OK(swift_put_file(f.swift, "c", "log", path, NULL, &f.err), &f.err);
    expect(&f, "log", content);
    ck_assert_int_eq(swift_put_file(f.swift, "c", "log", "/nowhere/log", NULL, &f.err), -ENOENT);
}

TEST(a_listing_has_prefix_delimiter_marker_and_limit)
{
    FIXTURE(f, "", "u", "secret");
    _cleanup_strv_ struct strv all = STRV_INIT, some = STRV_INIT, none = STRV_INIT;

    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    put(&f, "r/a/1", "");
    put(&f, "r/b/1", "");
    put(&f, "s & t", "");
    ASSERT_OK(swift_list(f.swift, "c", "r/", "/", NULL, 100, &all, &f.err), &f.err);
    ck_assert_uint_eq(all.len, 2);
    ck_assert_str_eq(all.items[0], "r/a/");
    ck_assert_str_eq(all.items[1], "r/b/");
    ASSERT_OK(swift_list(f.swift, "c", NULL, NULL, "r/b/1", 1, &some, &f.err), &f.err);
    ck_assert_uint_eq(some.len, 1);
    ck_assert_str_eq(some.items[0], "s & t");
    ASSERT_OK(swift_list(f.swift, "c", "zzz", NULL, NULL, 1, &none, &f.err), &f.err);
    ck_assert_uint_eq(none.len, 0);
    ck_assert_int_eq(swift_list(f.swift, "absent", NULL, NULL, NULL, 1, &none, &f.err), -ENOENT);
    ck_assert_int_eq(swift_list(f.swift, "garbled", NULL, NULL, NULL, 1, &none, &f.err), -EIO);
    ck_assert_int_eq(swift_list(f.swift, "nameless", NULL, NULL, NULL, 1, &none, &f.err), -EIO);
}

TEST(an_expired_token_is_renewed_once)
{
    FIXTURE(f, "2", "u", "secret"); // each token is good for two requests

    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    put(&f, "one", "1");
    put(&f, "two", "2");
    expect(&f, "one", "1");
    expect(&f, "two", "2");
}

TEST(a_refused_fresh_token_is_no_access)
{
    FIXTURE(f, "0", "u", "secret");

    ASSERT_FAILS(swift_ensure_container(f.swift, "c", NULL, &f.err), -EACCES, &f.err,
                 "store: PUT c: access is refused (HTTP status 401)");
}

TEST(a_wrong_password_is_no_access_and_not_told)
{
    FIXTURE(f, "", "u", "wrong-secret");

    ck_assert_int_eq(swift_delete(f.swift, "c", "o", &f.err), -EACCES);
    ck_assert_ptr_nonnull(strstr(error_message(&f.err), "user u or the password is refused"));
    ck_assert_ptr_null(strstr(error_message(&f.err), "wrong-secret"));
    use_keystone(&f, "two");
    ck_assert_int_eq(swift_delete(f.swift, "c", "o", &f.err), -EACCES);
    ck_assert_ptr_null(strstr(error_message(&f.err), "wrong-secret"));
}

TEST(a_store_that_is_down_is_for_later)
{
    FIXTURE(f, "", "u", "secret");
    ASSERT_FAILS(swift_put(f.swift, "down", "o", "x", 1, NULL, &f.err), -EAGAIN, &f.err,
                 "store: PUT down/o: HTTP status 503");
    use_keystone(&f, "two");
    server_stop(&f.server);
    ck_assert_int_eq(swift_delete(f.swift, "c", "o", &f.err), -EAGAIN);
}

TEST(odd_answers_have_a_class_each)
{
    FIXTURE(f, "", "u", "secret");
    _cleanup_buf_ struct buf small = BUF_INIT(10), big = BUF_INIT(1 << 20);

    ck_assert_int_eq(swift_delete(f.swift, "odd", "o", &f.err), -EIO);
    ck_assert_int_eq(swift_delete(f.swift, "closed", "o", &f.err), -EACCES);
    ASSERT_OK(swift_ensure_container(f.swift, "lies", NULL, &f.err), &f.err);
    ASSERT_FAILS(swift_put(f.swift, "lies", "o", "x", 1, NULL, &f.err), -EIO, &f.err,
                 "store: lies/o: it stored something else than was sent");
    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    ck_assert_int_eq(swift_put(f.swift, "c", "changed", "x", 1, NULL, &f.err), -EAGAIN);
    put(&f, "long", "more than ten bytes");
    ck_assert_int_eq(swift_get(f.swift, "c", "long", &small, &f.err), -E2BIG);
    ck_assert_int_eq(swift_get(f.swift, "c", "absent", &big, &f.err), -ENOENT);
}

static int first_call(const char *user, const char *key)
{
    FIXTURE(f, "", user, key);

    return swift_delete(f.swift, "c", "o", &f.err);
}

TEST(an_authentication_that_makes_no_sense_is_an_error)
{
    ck_assert_int_eq(first_call("bare", "secret"), -EIO);
    ck_assert_int_eq(first_call("lost", "secret"), -EIO);
    ck_assert_int_eq(first_call("broken", "else"), -EIO);
}

TEST(keystone_gives_a_token_and_the_region_of_the_store)
{
    FIXTURE(f, "2", "u", "secret");

    use_keystone(&f, "two");
    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    put(&f, "one", "1");
    put(&f, "two", "2");
    expect(&f, "one", "1");
    use_keystone(&f, "nine");
    ck_assert_int_eq(swift_delete(f.swift, "c", "o", &f.err), -ENXIO);
    ck_assert_ptr_nonnull(strstr(error_message(&f.err), "in region nine"));
}

static int first_keystone_call(const char *user)
{
    FIXTURE(f, "", user, "secret");

    use_keystone(&f, "");
    return swift_delete(f.swift, "c", "o", &f.err);
}

TEST(keystone_answers_that_make_no_sense_are_errors)
{
    ck_assert_int_eq(first_keystone_call("bare"), -EIO);
    ck_assert_int_eq(first_keystone_call("broken"), -EIO);
}

TEST(a_catalog_is_read_by_interface_and_region)
{
    static const char catalog[] =
        "{\"token\":{\"catalog\":[{\"type\":\"object-store\",\"endpoints\":["
        "{\"interface\":\"public\",\"region\":\"old\",\"url\":\"http://old\"},"
        "{\"interface\":\"public\",\"region_id\":\"new\",\"url\":\"http://new\"}]}]}}";
    _cleanup_free_ char *any = NULL, *new = NULL, *none = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(swift_catalog_find(catalog, strlen(catalog), NULL, &any, &err), &err);
    ck_assert_str_eq(any, "http://old");
    ASSERT_OK(swift_catalog_find(catalog, strlen(catalog), "new", &new, &err), &err);
    ck_assert_str_eq(new, "http://new");
    ASSERT_FAILS(swift_catalog_find(catalog, strlen(catalog), "x", &none, &err), -ENOENT, &err,
                 "the catalog has no public object store in region x, only in old, new");
    ck_assert_int_eq(swift_catalog_find("[", 1, NULL, &none, &err), -EIO);
}

// ---- large files

#define MIB ((size_t)1024 * 1024)
#define BIG "noble/amd64/g/g++/20260101_000000_abcde@/artifacts.tar.gz"

static char *big_file(size_t size, char first)
{
    char *path = str_format("%s/big", test_dir());
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < size; i++)
        (void)putc(i == 0 ? first : (char)('a' + i / 1000 % 26), file);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static void put_big(struct fixture *f, size_t size, char first)
{
    _cleanup_free_ char *path = big_file(size, first);
    _cleanup_strv_ struct strv headers = STRV_INIT;

    ASSERT_OK(strv_add(&headers, "Content-Type: application/gzip"), NULL);
    ASSERT_OK(swift_put_file(f->swift, "c", BIG, path, &headers, &f->err), &f->err);
}

static void expect_big(struct fixture *f, size_t size, char first)
{
    _cleanup_buf_ struct buf b = BUF_INIT(8 * MIB);

    ASSERT_OK(swift_get(f->swift, "c", BIG, &b, &f->err), &f->err);
    ck_assert_uint_eq(b.len, size);
    for (size_t i = 0; i < size; i++)
        ck_assert_int_eq(b.data[i], i == 0 ? first : (char)('a' + i / 1000 % 26));
}

static size_t segments(struct fixture *f)
{
    _cleanup_strv_ struct strv names = STRV_INIT;

    ASSERT_OK(swift_list(f->swift, "c_segments", BIG "/", NULL, NULL, 100, &names, &f->err),
              &f->err);
    for (size_t i = 0; i < names.len; i++)
        ck_assert_ptr_nonnull(strstr(names.items[i], "/1048576/0000000"));
    return names.len;
}

// Borrowed until the next call.
static const char *read_acl(struct fixture *f, const char *container)
{
    static char acl[100];
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(1000);
    const struct swift_call call = {.method = "HEAD", .container = container};

    ASSERT_OK(swift_call(f->swift, &call, &answer, &f->err), &f->err);
    (void)snprintf(acl, sizeof(acl), "%s", http_response_header(&answer, "x-container-read"));
    return acl;
}

TEST(a_large_file_is_stored_in_segments_that_the_same_may_read)
{
    FIXTURE(f, "", "u", "secret");

    ASSERT_OK(swift_ensure_container(f.swift, "c", "*:reader", &f.err), &f.err);
    put_big(&f, 2 * MIB + 5, 'x');
    expect_big(&f, 2 * MIB + 5, 'x');
    ck_assert_uint_eq(segments(&f), 3);
    expect(&f, BIG ".type", "application/gzip");
    ck_assert_str_eq(read_acl(&f, "c_segments"), "*:reader");
}

TEST(what_takes_the_place_of_a_large_file_leaves_no_segment_of_it)
{
    FIXTURE(f, "", "u", "secret");

    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    put_big(&f, 4 * MIB, 'x');
    ck_assert_uint_eq(segments(&f), 4);
    put_big(&f, 2 * MIB, 'y');
    ck_assert_uint_eq(segments(&f), 2);
    expect_big(&f, 2 * MIB, 'y');
    put_big(&f, MIB, 'z');
    ck_assert_uint_eq(segments(&f), 0);
    expect_big(&f, MIB, 'z');
}

static int put_as(const char *user, size_t size, struct error *err)
{
    FIXTURE(f, "", user, "secret");
    _cleanup_free_ char *path = big_file(size, 'x');

    ASSERT_OK(swift_ensure_container(f.swift, "c", NULL, &f.err), &f.err);
    return swift_put_file(f.swift, "c", "o", path, NULL, err);
}

TEST(a_file_that_the_store_cannot_hold_is_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(put_as("u", 4 * MIB + 1, &err), -EFBIG, &err,
                 "store: c/o: it has 4194305 bytes, more than the store takes (1048576 at once, 4 "
                 "segments)");
    ASSERT_FAILS(put_as("small", MIB + 1, &err), -EFBIG, &err,
                 "store: c/o: it has 1048577 bytes, more than the store takes (1048576 at once, 0 "
                 "segments)");
    ASSERT_OK(put_as("small", MIB, &err), &err);
}

TEST(a_store_that_takes_a_manifest_for_an_object_is_noticed)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(put_as("blind", 2 * MIB, &err), -EAGAIN, &err, "store: PUT c/o: HTTP status 422");
}

TEST(a_store_that_does_not_tell_its_limits_has_those_of_swift)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(put_as("silent", 3 * MIB, &err), &err);
    ASSERT_OK(put_as("garbled", 3 * MIB, &err), &err);
    ASSERT_FAILS(put_as("busy", 3 * MIB, &err), -EAGAIN, &err, "store: GET /info: HTTP status 503");
}

TEST(segments_are_as_large_as_size_and_store_want_it)
{
    const uint64_t gib = 1024 * MIB;
    const struct swift_limits usual = {5 * gib, 1000, 0}, small = {4 * MIB, 1000, 0},
                              none = {gib, 0, 0};

    ck_assert_uint_eq(swift_segment_size(5 * gib + 1, &usual), gib);
    ck_assert_uint_eq(swift_segment_size(1000 * gib, &usual), gib);
    ck_assert_uint_eq(swift_segment_size(1000 * gib + 1, &usual), gib + 1);
    ck_assert_uint_eq(swift_segment_size(5000 * gib, &usual), 5 * gib);
    ck_assert_uint_eq(swift_segment_size(5000 * gib + 1, &usual), 0);
    ck_assert_uint_eq(swift_segment_size(UINT64_MAX, &usual), 0);
    ck_assert_uint_eq(swift_segment_size(5 * gib, &small), 0);
    ck_assert_uint_eq(swift_segment_size(4 * MIB + 1, &small), 4 * MIB);
    ck_assert_uint_eq(swift_segment_size(gib + 1, &none), 0);
}

static int limits_of(const char *text, struct swift_limits *limits)
{
    *limits = (struct swift_limits){7, 8, 0};
    return swift_limits_parse(text, strlen(text), limits, NULL);
}

TEST(limits_are_read_from_what_the_store_says_of_itself)
{
    static const char *const senseless[] = {"", "[]", "{}", "{\"swift\": 1}",
                                            "{\"swift\": {\"max_file_size\": \"5\"}}"};
    struct swift_limits limits;

    ck_assert_int_eq(limits_of("{\"swift\": {\"max_file_size\": 5368709122}, \"slo\": "
                               "{\"max_manifest_segments\": 1000}}",
                               &limits),
                     0);
    ck_assert_uint_eq(limits.object_max, 5368709122);
    ck_assert_uint_eq(limits.segments_max, 1000);
    ck_assert_int_eq(limits_of("{\"swift\": {\"max_file_size\": -1}, \"slo\": {}}", &limits), 0);
    ck_assert_uint_eq(limits.object_max, 7);
    ck_assert_uint_eq(limits.segments_max, 8);
    ck_assert_int_eq(limits_of("{\"swift\": {}}", &limits), 0);
    ck_assert_uint_eq(limits.segments_max, 0);
    ck_assert_uint_eq(limits.deletes_max, 0);
    ck_assert_int_eq(
        limits_of("{\"swift\": {}, \"bulk_delete\": {\"max_deletes_per_request\": 10000}}",
                  &limits),
        0);
    ck_assert_uint_eq(limits.deletes_max, 10000);
    for (size_t i = 0; i < ARRAY_SIZE(senseless); i++) {
        ck_assert_int_eq(limits_of(senseless[i], &limits), -EIO);
        ck_assert_uint_eq(limits.object_max, 7);
    }
}

static int bulk(const char *answer, struct error *err)
{
    return swift_bulk_answer_parse(answer, strlen(answer), err);
}

TEST(the_answer_to_a_bulk_delete_names_what_was_not_deleted)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(bulk("\r\n\r\n{\"Response Status\": \"200 OK\", \"Errors\": []}", NULL), 0);
    ck_assert_int_eq(bulk("{\"Response Status\": \"404 Not Found\", \"Errors\": []}", NULL), 0);
    ASSERT_FAILS(bulk("{\"Response Status\": \"400 Bad Request\", \"Errors\": [[\"/c/o\", \"403 "
                      "Forbidden\"]]}",
                      &err),
                 -EACCES, &err, "store: /c/o is not deleted: HTTP status 403 Forbidden");
    ck_assert_int_eq(
        bulk("{\"Response Status\": \"502 Bad Gateway\", \"Errors\": [[\"/c/o\", \"503 x\"]]}",
             NULL),
        -EAGAIN);
    ck_assert_int_eq(bulk("{\"Response Status\": \"400 Bad Request\", \"Errors\": []}", NULL),
                     -EIO);
    ck_assert_int_eq(bulk("{\"Errors\": [7]}", NULL), -EIO);
    ck_assert_int_eq(bulk("", NULL), -EIO);
}

TEST(settings_must_be_whole)
{
    struct swift_settings settings = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct swift *swift = NULL;

    settings.auth_url = strdup("http://x/auth/v1.0");
    settings.username = strdup("u");
    ASSERT_FAILS(swift_new(&settings, &swift, &err), -EINVAL, &err,
                 "the store needs an authentication URL, a user and a password");
    swift_settings_release(&settings);
}
