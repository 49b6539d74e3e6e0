// SPDX-License-Identifier: GPL-3.0-only
// Hooks and the secrets of a unit: those of users, and its own.
#include "charm/reconcile.h"
#include "unit.h"

// Each option that names a secret, with what makes the charm look at it.
static const struct {
    const char *option, *others;
} secret_options[] = {
    {"external-web-requests-api-keys", ""},
    {"github-secrets", ""},
    {"github-status-credentials", ""},
    {"swift-secret",
     "\"swift-auth-url\": \"https://keystone.example/v3\", \"swift-username\": \"u\","
     "\"swift-project-name\": \"p\", \"storage-url-internal\": \"https://s.example/v1/A\","},
    {"public-swift-creds",
     "\"swift-auth-url\": \"https://keystone.example/v3\", \"swift-username\": \"u\","
     "\"swift-password\": \"p\", \"swift-project-name\": \"p\","
     "\"storage-url-internal\": \"https://s.example/v1/A\","},
    {"influxdb-secret", "\"influxdb-url\": \"http://influx.example:8086\","
                        "\"influxdb-database\": \"metrics\","},
    {"novarcs-secret", ""},
};

static const char with_swift[] =
    "{\"roles\": \"worker\", \"swift-auth-url\": \"https://keystone.example/v3\","
    "\"swift-username\": \"u\", \"swift-project-name\": \"p\", \"swift-secret\": \"secret:sw\"}";

TEST(api_keys_come_from_a_secret)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *keys = NULL, *none = NULL;

    configure(&rig, "{\"authorization\": \"api-key\","
                    "\"external-web-requests-api-keys\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"user\": \"hidden-key\"}");
    calls = calls_of(&rig, HOOK_INSTALL);
    keys = rig_get(&rig, "/etc/autopkgtest-cloud/api-keys.json");
    ck_assert_str_eq(keys, "{\"user\":\"hidden-key\"}\n");
    rig_assert_called(calls, "secret-get --format=json --refresh secret:abc");
    rig_assert_not_called(calls, "hidden");
    configure(&rig, "{\"authorization\": \"api-key\"}");
    none = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_called(none, "status-set -- blocked authorization: api-key needs the secret option "
                            "external-web-requests-api-keys");
}

TEST(github_gets_what_the_secrets_have)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *secrets = NULL, *credentials = NULL, *gone = NULL;
    _cleanup_free_ char *path = path_join(rig.root, "/etc/autopkgtest-cloud/github-secrets.json");

    configure(&rig, "{\"github-secrets\": \"secret:abc\","
                    "\"github-status-credentials\": \"secret:def\"}");
    rig_answer(&rig, "secret-get", "{\"systemd\": \"hidden\"}");
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(calls, "secret-get --format=json --refresh secret:abc");
    rig_assert_called(calls, "secret-get --format=json --refresh secret:def");
    rig_assert_not_called(calls, "hidden");
    secrets = rig_get(&rig, "/etc/autopkgtest-cloud/github-secrets.json");
    ck_assert_str_eq(secrets, "{\"systemd\":\"hidden\"}\n");
    credentials = rig_get(&rig, "/etc/autopkgtest-cloud/github-credentials.json");
    ck_assert_str_eq(credentials, "{\"systemd\":\"hidden\"}\n");
    configure(&rig, "{}");
    gone = calls_of(&rig, HOOK_CONFIG_CHANGED);
    ck_assert_int_ne(access(path, F_OK), 0);
}

TEST(the_password_of_a_swift_comes_from_a_secret)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *keyless = NULL, *lines = NULL;
    _cleanup_free_ char *text = NULL;

    configure(&rig, with_swift);
    rig_answer(&rig, "secret-get", "{\"password\": \"hidden-password\"}");
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(calls, "secret-get --format=json --refresh secret:sw");
    rig_assert_not_called(calls, "hidden");
    rig_assert_not_called(calls, "no result store");
    text = rig_get(&rig, "/etc/autopkgtest-cloud/swift.cred");
    ck_assert_ptr_nonnull(strstr(text, "SWIFT_PASSWORD=hidden-password\n"));
    rig_answer(&rig, "secret-get", "{\"pass\": \"x\"}");
    keyless = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(keyless,
                      "status-set -- blocked swift-secret: the secret has no key password");
    rig_answer(&rig, "secret-get", "{\"password\": \"hidden\\n\"}");
    lines = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(lines, "status-set -- blocked swift-secret: password: expected one line of "
                             "text");
    rig_assert_not_called(lines, "hidden");
}

#define READER                                                                                     \
    "{\"swift-auth-url\": \"https://keystone.example/v3\", \"swift-username\": \"u\","             \
    "\"swift-password\": \"hidden-p\", \"swift-project-name\": \"p\", \"swift-region\": \"one\","  \
    "\"storage-url-internal\": \"https://s.example/v1/A\""

TEST(whom_the_web_reads_private_results_with_comes_from_a_secret_or_is_who_writes_them)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *reader = NULL, *writer = NULL, *changed = NULL,
                        *other = NULL, *back = NULL, *same = NULL;
    static const char file[] = "/etc/autopkgtest-cloud/store-reader.cred";

    configure(&rig, READER ", \"public-swift-creds\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"username\": \"reader\", \"password\": \"hidden-r\"}");
    calls = calls_of(&rig, HOOK_INSTALL);
    rig_assert_called(calls, "secret-get --format=json --refresh secret:abc");
    rig_assert_not_called(calls, "hidden");
    reader = rig_get(&rig, file);
    ck_assert_str_eq(reader, "SWIFT_AUTH_URL=https://keystone.example/v3\nSWIFT_USERNAME=reader\n"
                             "SWIFT_PASSWORD=hidden-r\nSWIFT_PROJECT_NAME=p\nSWIFT_REGION=one\n");
    writer = rig_get(&rig, "/etc/autopkgtest-cloud/swift.cred");
    ck_assert_ptr_nonnull(strstr(writer, "SWIFT_USERNAME=u\nSWIFT_PASSWORD=hidden-p\n"));
    rig_answer(&rig, "secret-get",
               "{\"username\": \"r2\", \"password\": \"hidden-2\", \"region\": \"two\","
               "\"auth-url\": \"https://other.example/v3\", \"project-name\": \"q\","
               "\"project-domain-name\": \"d\", \"user-domain-name\": \"e\"}");
    changed = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_not_called(changed, "hidden");
    rig_assert_called(changed, "systemctl restart -- autopkgtest-web.service");
    other = rig_get(&rig, file);
    ck_assert_str_eq(other, "SWIFT_AUTH_URL=https://other.example/v3\nSWIFT_USERNAME=r2\n"
                            "SWIFT_PASSWORD=hidden-2\nSWIFT_PROJECT_NAME=q\n"
                            "SWIFT_PROJECT_DOMAIN_NAME=d\nSWIFT_USER_DOMAIN_NAME=e\n"
                            "SWIFT_REGION=two\n");
    configure(&rig, READER "}");
    back = calls_of(&rig, HOOK_CONFIG_CHANGED);
    rig_assert_not_called(back, "hidden");
    same = rig_get(&rig, file);
    ck_assert_str_eq(same, writer);
}

TEST(credentials_to_read_with_that_cannot_be_right_are_told_without_them)
{
    static const struct {
        const char *secret, *told;
    } cases[] = {
        {"{\"password\": \"hidden\"}", "the secret has no key username"},
        {"{\"username\": \"r\"}", "the secret has no key password"},
        {"{\"username\": \"r\", \"password\": \"hidden\\n\"}",
         "password: expected one line of text"},
        {"{\"username\": \"r\", \"password\": \"hidden\", \"tenant\": \"hidden\"}",
         "tenant: expected keys username, password, auth-url, project-name, project-domain-name, "
         "user-domain-name or region"},
        {"{\"username\": \"r\", \"password\": \"hidden\", \"auth-url\": \"http://hidden/v2\"}",
         "auth-url: expected an address that ends in /v3 or /auth/v1.0"},
    };
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *first = NULL, *last = NULL;
    static const char file[] = "/etc/autopkgtest-cloud/store-reader.cred";

    configure(&rig, READER ", \"public-swift-creds\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"username\": \"good\", \"password\": \"hidden\"}");
    free(calls_of(&rig, HOOK_INSTALL));
    first = rig_get(&rig, file);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *calls = NULL, *told = NULL;

        rig_answer(&rig, "secret-get", cases[i].secret);
        calls = calls_of(&rig, HOOK_SECRET_CHANGED);
        told = str_format("status-set -- blocked public-swift-creds: %s", cases[i].told);
        rig_assert_called(calls, told);
        rig_assert_not_called(calls, "hidden");
    }
    last = rig_get(&rig, file);
    ck_assert_str_eq(last, first); // the services keep what was good
}

TEST(a_grant_is_waited_for_and_a_secret_that_is_not_there_is_the_operators_matter)
{
    _cleanup_rig_ struct rig rig = unit_new();

    for (size_t i = 0; i < ARRAY_SIZE(secret_options); i++) {
        const char *option = secret_options[i].option;
        _cleanup_free_ char *config =
            str_format("{%s\"%s\": \"secret:abc%zu\"}", secret_options[i].others, option, i);
        _cleanup_free_ char *denied = NULL, *still = NULL, *absent = NULL;
        _cleanup_free_ char *waiting =
            str_format("status-set -- waiting %s: the secret is not granted: juju grant-secret "
                       "abc%zu autopkgtest-cloud",
                       option, i);
        _cleanup_free_ char *blocked =
            str_format("status-set -- blocked %s: there is no secret abc%zu: name one that `juju "
                       "secrets` lists: juju config autopkgtest-cloud %s=secret:ID",
                       option, i, option);

        configure(&rig, config);
        rig_fail(&rig, "secret-get", "1", "ERROR permission denied\n");
        denied = calls_of(&rig, i == 0 ? HOOK_INSTALL : HOOK_CONFIG_CHANGED);
        rig_assert_called(denied, waiting);
        still = calls_of(&rig, HOOK_UPDATE_STATUS); // asks again
        rig_assert_called(still, waiting);
        rig_fail(&rig, "secret-get", "1", "ERROR secret \"abc\" not found\n");
        absent = calls_of(&rig, HOOK_UPDATE_STATUS);
        rig_assert_called(absent, blocked);
    }
}

TEST(after_a_grant_the_next_hook_goes_on)
{
    _cleanup_rig_ struct rig rig = unit_new();

    rig_answer(&rig, "secret-get", "{\"username\": \"u1\", \"password\": \"p1\"}");
    for (size_t i = 0; i + 1 < ARRAY_SIZE(secret_options); i++) { // novarcs: a test of its own
        _cleanup_free_ char *config = str_format(
            "{%s\"%s\": \"secret:abc\"}", secret_options[i].others, secret_options[i].option);
        _cleanup_free_ char *denied = NULL, *granted = NULL;

        configure(&rig, config);
        rig_fail(&rig, "secret-get", "1", "ERROR permission denied\n");
        denied = calls_of(&rig, i == 0 ? HOOK_INSTALL : HOOK_CONFIG_CHANGED);
        rig_assert_called(denied, "secret-get --format=json --refresh secret:abc");
        rig_mend(&rig, "secret-get");
        granted = calls_of(&rig, HOOK_UPDATE_STATUS);
        rig_assert_called(granted,
                          "status-set -- active 0 of 2 workers busy on 1 cloud; web ready");
    }
}
