// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "data/openrc.h"
#include "test.h"

#define ACCOUNT                                                                                    \
    "export OS_AUTH_URL=https://keystone.example/v3\nexport OS_USERNAME=me\n"                      \
    "export OS_PASSWORD=secret\nexport OS_PROJECT_NAME=tests\n"

static int parse(const char *text, struct openrc *ret, struct error *err)
{
    return openrc_parse(text, strlen(text), "a.rc", ret, err);
}

TEST(an_account_is_read)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_openrc_ struct openrc rc = {0};

    ASSERT_OK(
        parse("# made by hand\n\n  export  OS_AUTH_URL=http://10.20.21.10/openstack-keystone\n"
              "export OS_USERNAME='demo user' # who\r\nOS_PASSWORD=\"it's #1\"\n"
              "export OS_USER_DOMAIN_NAME=users\nexport OS_PROJECT_DOMAIN_NAME=users\n"
              "export OS_TENANT_NAME=demo\nexport OS_REGION_NAME=RegionOne\n"
              "export OS_AUTH_VERSION=3\nexport OS_ENDPOINT_TYPE=internalURL\n"
              "export OS_CACERT=/etc/ssl/cloud.pem\nexport OS_PROJECT_ID=",
              &rc, &err),
        &err);
    ck_assert_str_eq(rc.auth_url, "http://10.20.21.10/openstack-keystone/v3");
    ck_assert_str_eq(rc.username, "demo user");
    ck_assert_str_eq(rc.password, "it's #1");
    ck_assert_str_eq(rc.user_domain_name, "users");
    ck_assert_str_eq(rc.project_domain_name, "users");
    ck_assert_str_eq(rc.project_name, "demo");
    ck_assert_str_eq(rc.region, "RegionOne");
    ck_assert_str_eq(rc.interface, "internal");
    ck_assert_str_eq(rc.ca_file, "/etc/ssl/cloud.pem");
    ck_assert_ptr_null(rc.project_id);
}

TEST(an_application_credential_is_an_account)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_openrc_ struct openrc rc = {0};

    ASSERT_OK(parse("OS_AUTH_TYPE=v3applicationcredential\nOS_AUTH_URL=https://k.example/v3/\n"
                    "OS_APPLICATION_CREDENTIAL_ID=abc\nOS_APPLICATION_CREDENTIAL_SECRET=def\n",
                    &rc, &err),
              &err);
    ck_assert_str_eq(rc.auth_url, "https://k.example/v3");
    ck_assert_str_eq(rc.application_id, "abc");
    ck_assert_str_eq(rc.interface, "public");
}

TEST(what_a_shell_would_do_is_refused_by_place)
{
    static const char *const cases[][2] = {
        {ACCOUNT "unset OS_TOKEN\n", "a.rc: line 5: expected export OS_NAME=value"},
        {"if true; then\n", "a.rc: line 1: expected export OS_NAME=value"},
        {"export PATH=/tmp\n", "a.rc: line 1: expected export OS_NAME=value"},
        {"export OS_lower=x\n", "a.rc: line 1: expected export OS_NAME=value"},
        {"export OS_X = x\n", "a.rc: line 1: expected export OS_NAME=value"},
        {"exportOS_X=x\n", "a.rc: line 1: expected export OS_NAME=value"},
        {"\nOS_PASSWORD=$(cat /etc/shadow)\n",
         "a.rc: line 2: OS_PASSWORD: expected one word or a value in single quotes"},
        {"OS_PASSWORD=hid;den\n",
         "a.rc: line 1: OS_PASSWORD: expected one word or a value in single quotes"},
        {"OS_PASSWORD=\"a$b\"\n",
         "a.rc: line 1: OS_PASSWORD: expected a value in quotes without $, ` and \\"},
        {"OS_PASSWORD='hidden\n",
         "a.rc: line 1: OS_PASSWORD: expected a value in quotes without $, ` and \\"},
        {"OS_PASSWORD='a'b\n",
         "a.rc: line 1: OS_PASSWORD: expected one word or a value in single quotes"},
        {"OS_PASSWORD=a b\n", "a.rc: line 1: OS_PASSWORD: expected nothing behind the value"},
        {"OS_PASSWORD=a\x1b[1m\n", "a.rc: line 1: expected text, got a control character"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct openrc rc = {0};

        ASSERT_FAILS(parse(cases[i][0], &rc, &err), -EINVAL, &err, cases[i][1]);
    }
}

TEST(what_an_account_lacks_is_named)
{
    static const char *const cases[][2] = {
        {"", "a.rc: OS_AUTH_URL is missing"},
        {"OS_AUTH_URL=http://k/v3\n", "a.rc: OS_USERNAME is missing"},
        {"OS_AUTH_URL=http://k/v3\nOS_USERNAME=u\n", "a.rc: OS_PASSWORD is missing"},
        {"OS_AUTH_URL=http://k/v3\nOS_USERNAME=u\nOS_PASSWORD=p\n",
         "a.rc: OS_PROJECT_NAME is missing"},
        {"OS_AUTH_URL=http://k/v3\nOS_APPLICATION_CREDENTIAL_ID=i\n",
         "a.rc: OS_APPLICATION_CREDENTIAL_SECRET is missing"},
        {ACCOUNT "OS_AUTH_URL=keystone\n",
         "a.rc: OS_AUTH_URL: expected an address http://… or https://…"},
        {ACCOUNT "OS_AUTH_URL=http://me:pw@k/v3\n",
         "a.rc: OS_AUTH_URL: expected an address without user and password"},
        {ACCOUNT "OS_AUTH_URL=http://k:5000/v2.0/\n",
         "a.rc: OS_AUTH_URL: expected Keystone v3, got v2.0"},
        {ACCOUNT "OS_INTERFACE=both\n", "a.rc: OS_INTERFACE: expected public, internal or admin"},
        {ACCOUNT "OS_CACERT=cloud.pem\n", "a.rc: OS_CACERT: expected the path of a file, /…"},
        {ACCOUNT "OS_USERNAME='\xff'\n", "a.rc: OS_USERNAME: expected UTF-8 text"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct openrc rc = {0};

        ASSERT_FAILS(parse(cases[i][0], &rc, &err), -EINVAL, &err, cases[i][1]);
    }
}

TEST(files_have_a_largest_size_and_are_text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *large = malloc(OPENRC_MAX + 2);
    struct openrc rc = {0};

    memset(large, '\n', OPENRC_MAX + 1);
    large[OPENRC_MAX + 1] = '\0';
    ASSERT_FAILS(parse(large, &rc, &err), -EINVAL, &err, "a.rc: expected at most 65536 bytes");
    ASSERT_FAILS(openrc_parse("OS_X=\0", 6, "a.rc", &rc, &err), -EINVAL, &err,
                 "a.rc: expected text, got a NUL byte");
}

TEST(a_file_is_loaded)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    const char *path = test_path(test_dir(), "b.rc");
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_openrc_ struct openrc rc = {0};

    ASSERT_OK(file_replace(path, ACCOUNT, strlen(ACCOUNT), &attributes, NULL, &err), &err);
    ASSERT_OK(openrc_load(path, &rc, &err), &err);
    ck_assert_str_eq(rc.project_name, "tests");
    ck_assert_int_eq(openrc_load(test_path(test_dir(), "absent"), &rc, &err), -ENOENT);
}

TEST(regions_and_architectures_have_their_files)
{
    _cleanup_free_ char *amd64 = openrc_file_name("lcy02", "amd64"),
                        *i386 = openrc_file_name("lcy02", "i386"),
                        *arm64 = openrc_file_name("bos01", "arm64");

    ck_assert_str_eq(amd64, "lcy02.rc");
    ck_assert_str_eq(i386, "lcy02.rc");
    ck_assert_str_eq(arm64, "bos01-arm64.rc");
}
