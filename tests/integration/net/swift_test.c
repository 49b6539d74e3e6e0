// SPDX-License-Identifier: GPL-3.0-only
// The client against a real store (tests/rigs/swift), which the environment names by the settings
// of swift.cred.
#include "net/swift.h"

#include "base/clock.h"
#include "base/process.h"
#include "test.h"

#define CONTAINER "net-test"

static char *env(const char *name)
{
    const char *value = getenv(name);

    return value ? strdup(value) : NULL;
}

// With one setting other than the environment has it, when `changed` points at it.
static struct swift *open_changed(size_t changed, const char *value, struct error *err)
{
    struct swift_settings settings = {.auth_url = env("SWIFT_AUTH_URL"),
                                      .username = env("SWIFT_USERNAME"),
                                      .password = env("SWIFT_PASSWORD"),
                                      .project_name = env("SWIFT_PROJECT_NAME"),
                                      .project_domain_name = env("SWIFT_PROJECT_DOMAIN_NAME"),
                                      .user_domain_name = env("SWIFT_USER_DOMAIN_NAME"),
                                      .region = env("SWIFT_REGION")};
    struct swift *swift = NULL;

    ck_assert_msg(settings.auth_url, "SWIFT_AUTH_URL is not set");
    if (value) {
        char **place = (char **)(void *)((char *)&settings + changed);

        free(*place);
        *place = strdup(value);
    }
    ASSERT_OK(swift_new(&settings, &swift, err), err);
    swift_settings_release(&settings);
    return swift;
}

static struct swift *open_store(struct error *err)
{
    return open_changed(0, NULL, err);
}

#define WITH(member, value, err) open_changed(offsetof(struct swift_settings, member), value, err)

// A verb of the rig.
static void rig(const char *verb, const char *what)
{
    const char *argv[] = {"tests/rigs/swift", verb, what, NULL};
    const struct process_spec spec = {.argv = argv};
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(process_run(&spec, NULL, 0, USEC_INFINITY, &result, &err), &err);
    ck_assert_msg(result.status == 0, "%s: %s", verb, buf_str(&result.errors));
}

static void write_big(const char *path)
{
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 3000000; i++)
        (void)putc(i & 0x7f, file);
    ck_assert_int_eq(fclose(file), 0);
}

TEST(a_result_is_stored_listed_read_and_removed)
{
    static const char *const objects[] = {
        "noble/amd64/g/gzip/20260101_000000_abcde@/log.gz",
        "noble/amd64/g/gzip/20260101_000000_abcde@/a b+%41?#\xc3\xa4", "noble/amd64/libz/libz/1/x"};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(swift_freep) struct swift *swift = open_store(&err);
    _cleanup_strv_ struct strv headers = STRV_INIT, found = STRV_INIT, subdirs = STRV_INIT;
    _cleanup_buf_ struct buf content = BUF_INIT(8 << 20);
    const char *path = test_path(test_dir(), "big");
    bool exists = false;

    write_big(path);
    ASSERT_OK(strv_add(&headers, "Content-Type: text/plain; charset=UTF-8"), NULL);
    ASSERT_OK(strv_add(&headers, "Content-Encoding: gzip"), NULL);
    ASSERT_OK(swift_ensure_container(swift, CONTAINER, NULL, &err), &err);
    ASSERT_OK(swift_ensure_container(swift, CONTAINER, ".r:*,.rlistings", &err), &err);
    ASSERT_OK(swift_put_file(swift, CONTAINER, objects[0], path, &headers, &err), &err);
    for (size_t i = 1; i < ARRAY_SIZE(objects); i++)
        ASSERT_OK(swift_put(swift, CONTAINER, objects[i], "x", 1, NULL, &err), &err);
    ASSERT_OK(swift_head(swift, CONTAINER, objects[0], &exists, &err), &err);
    ck_assert(exists);
    ASSERT_OK(swift_get(swift, CONTAINER, objects[0], &content, &err), &err);
    ck_assert_uint_eq(content.len, 3000000);
    ASSERT_OK(swift_list(swift, CONTAINER, "noble/amd64/g/", NULL, NULL, 100, &found, &err), &err);
    ck_assert_uint_eq(found.len, 2);
    ck_assert_str_eq(found.items[0], objects[1]);
    ASSERT_OK(swift_list(swift, CONTAINER, "noble/amd64/", "/", NULL, 100, &subdirs, &err), &err);
    ck_assert_uint_eq(subdirs.len, 2);
    ck_assert_str_eq(subdirs.items[1], "noble/amd64/libz/");
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        ASSERT_OK(swift_delete(swift, CONTAINER, objects[i], &err), &err);
    ck_assert_int_eq(swift_delete(swift, CONTAINER, objects[0], &err), -ENOENT);
    ASSERT_OK(swift_head(swift, CONTAINER, objects[0], &exists, &err), &err);
    ck_assert(!exists);
}

TEST(an_absent_container_and_a_wrong_password_are_told_apart)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(swift_freep) struct swift *swift = open_store(&err);
    _cleanup_(swift_freep) struct swift *other = WITH(password, "wrong-secret", &err);
    struct strv found = STRV_INIT;

    ck_assert_int_eq(swift_list(swift, "absent", NULL, NULL, NULL, 1, &found, &err), -ENOENT);
    ck_assert_int_eq(swift_put(swift, "absent", "o", "x", 1, NULL, &err), -ENOENT);
    ck_assert_int_eq(swift_list(other, CONTAINER, NULL, NULL, NULL, 1, &found, &err), -EACCES);
    ck_assert_ptr_null(strstr(error_message(&err), "wrong-secret"));
}

TEST(a_token_that_expired_is_renewed)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(swift_freep) struct swift *swift = open_store(&err);
    const char *path = test_path(test_dir(), "big");
    bool exists = false;

    write_big(path);
    ASSERT_OK(swift_ensure_container(swift, CONTAINER, NULL, &err), &err);
    rig("expire", NULL);
    ASSERT_OK(swift_put_file(swift, CONTAINER, "renewed", path, NULL, &err), &err);
    rig("expire", NULL);
    ASSERT_OK(swift_put(swift, CONTAINER, "small", "x", 1, NULL, &err), &err);
    rig("expire", NULL);
    ASSERT_OK(swift_head(swift, CONTAINER, "renewed", &exists, &err), &err);
    ck_assert(exists);
}

TEST(a_region_is_an_account_of_its_own_and_an_unknown_one_is_named)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(swift_freep) struct swift *one = open_store(&err);
    _cleanup_(swift_freep) struct swift *two = WITH(region, "RegionTwo", &err);
    _cleanup_(swift_freep) struct swift *none = WITH(region, "RegionNine", &err);
    bool exists = true;

    ASSERT_OK(swift_ensure_container(one, "of-one", NULL, &err), &err);
    ASSERT_OK(swift_ensure_container(two, "of-two", NULL, &err), &err);
    ASSERT_OK(swift_put(two, "of-two", "o", "x", 1, NULL, &err), &err);
    ASSERT_OK(swift_head(one, "of-two", "o", &exists, &err), &err);
    ck_assert(!exists);
    ck_assert_int_eq(swift_ensure_container(none, "c", NULL, &err), -ENXIO);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "RegionNine"));
}

TEST(other_users_and_projects_are_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(swift_freep) struct swift *project = WITH(project_name, "absent", &err);
    _cleanup_(swift_freep) struct swift *domain = WITH(user_domain_name, "absent", &err);

    ck_assert_int_eq(swift_ensure_container(project, "c", NULL, &err), -EACCES);
    ck_assert_int_eq(swift_ensure_container(domain, "c", NULL, &err), -EACCES);
}

TEST(a_store_or_a_keystone_that_is_down_is_for_later)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(swift_freep) struct swift *known = open_store(&err);
    _cleanup_(swift_freep) struct swift *fresh = open_store(&err);
    bool exists = false;

    ASSERT_OK(swift_ensure_container(known, CONTAINER, NULL, &err), &err);
    rig("kill", "proxy");
    ck_assert_int_eq(swift_head(known, CONTAINER, "o", &exists, &err), -EAGAIN);
    rig("start", NULL);
    ASSERT_OK(swift_head(known, CONTAINER, "o", &exists, &err), &err);
    rig("kill", "keystone");
    ck_assert_int_eq(swift_head(fresh, CONTAINER, "o", &exists, &err), -EAGAIN);
    // the proxy cannot ask whether the token is good
    ck_assert_int_eq(swift_head(known, CONTAINER, "o", &exists, &err), -EAGAIN);
    rig("start", NULL);
    ASSERT_OK(swift_head(fresh, CONTAINER, "o", &exists, &err), &err);
}
