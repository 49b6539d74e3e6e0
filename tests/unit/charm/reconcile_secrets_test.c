// SPDX-License-Identifier: GPL-3.0-only
// Hooks and the secrets of a unit: those of users, and its own.
#include "charm/reconcile.h"
#include "unit.h"

static const char with_swift[] =
    "{\"roles\": \"worker\", \"swift-auth-url\": \"https://keystone.example/v3\","
    "\"swift-username\": \"u\", \"swift-project-name\": \"p\", \"swift-secret\": \"secret:sw\"}";

TEST(api_keys_come_from_a_secret)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *calls = NULL, *keys = NULL, *denied = NULL, *absent = NULL, *none = NULL;

    configure(&rig, "{\"authorization\": \"api-key\","
                    "\"external-web-requests-api-keys\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"user\": \"hidden-key\"}");
    calls = calls_of(&rig, HOOK_INSTALL);
    keys = rig_get(&rig, "/etc/autopkgtest-cloud/api-keys.json");
    ck_assert_str_eq(keys, "{\"user\":\"hidden-key\"}\n");
    rig_assert_called(calls, "secret-get --format=json --refresh secret:abc");
    rig_assert_not_called(calls, "hidden");
    rig_fail(&rig, "secret-get", "1", "ERROR permission denied\n");
    denied = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(denied, "status-set -- blocked external-web-requests-api-keys: the secret is "
                              "not granted: juju grant-secret NAME autopkgtest-cloud");
    rig_fail(&rig, "secret-get", "1", "ERROR secret \"abc\" not found\n");
    absent = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(absent, "status-set -- blocked external-web-requests-api-keys: there is no "
                              "such secret");
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
    _cleanup_free_ char *calls = NULL, *keyless = NULL, *denied = NULL, *lines = NULL;
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
    rig_fail(&rig, "secret-get", "1", "ERROR permission denied\n");
    denied = calls_of(&rig, HOOK_SECRET_CHANGED);
    rig_assert_called(denied, "status-set -- blocked swift-secret: the secret is not granted: juju "
                              "grant-secret NAME autopkgtest-cloud");
}
