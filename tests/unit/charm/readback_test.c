// SPDX-License-Identifier: GPL-3.0-only
// What the charm's templates render, read with the parsers of the services.
#include "adt/archive_settings.h"
#include "adt/settings.h"
#include "charm/reconcile.h"
#include "unit.h"

static char *settings_of(const struct rig *rig)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(charm_reconcile(rig->root, HOOK_CONFIG_CHANGED, &err), &err);
    return str_format("%s/etc/autopkgtest-cloud", rig->root);
}

TEST(workers_read_what_was_configured)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = NULL;
    struct worker_settings null = {0}, unshare = {0}, other = {0};

    configure(&rig, "{\"worker-setup-command\": \"a ; b # c\", \"worker-setup-command2\": \"d=e\","
                    "\"mirror\": \"http://m.example/debian\", \"retry-delay\": 7,"
                    "\"worker-upstream-percentage\": 0}");
    dir = settings_of(&rig);
    ASSERT_OK(settings_load_worker(dir, "local-amd64-1", &null, &err), &err);
    ck_assert_str_eq(null.unit, "autopkgtest-cloud/0");
    ck_assert_str_eq(null.cloud, "local");
    ck_assert_str_eq(null.arch, "amd64");
    ck_assert_str_eq(null.backend, "null");
    ck_assert_uint_eq(null.backend_args.len, 0);
    ck_assert_uint_eq(null.releases.len, 2);
    ck_assert_str_eq(null.releases.items[1], "jammy");
    ck_assert_uint_eq(null.setup_commands.len, 2);
    ck_assert_str_eq(null.setup_commands.items[0], "a ; b # c");
    ck_assert_str_eq(null.setup_commands.items[1], "d=e");
    ck_assert_str_eq(null.mirror, "http://m.example/debian");
    ck_assert_str_eq(null.autopkgtest, "/usr/bin/autopkgtest");
    ck_assert_str_eq(null.work_dir, "/var/lib/autopkgtest-cloud/work");
    ck_assert_str_eq(null.spool_dir, "/var/lib/autopkgtest-cloud/spool");
    ck_assert_str_eq(null.lists_dir, "/var/lib/autopkgtest-cloud/package-configs");
    ck_assert_uint_eq(null.retry_delay_s, 7);
    ck_assert_uint_eq(null.upstream_percentage, 0);
    ASSERT_OK(settings_load_worker(dir, "local-amd64-2", &unshare, &err), &err);
    ck_assert_str_eq(unshare.backend, "unshare");
    ck_assert_uint_eq(unshare.backend_args.len, 2);
    ck_assert_str_eq(unshare.backend_args.items[1],
                     "/var/lib/autopkgtest-cloud/images/$RELEASE-$HOSTARCH.tar.zst");
    ck_assert_str_eq(unshare.image, unshare.backend_args.items[1]);
    ck_assert_ptr_null(null.image);
    ck_assert_int_eq(settings_load_worker(dir, "local-amd64-3", &other, &err), -ENOENT);
    worker_settings_release(&null);
    worker_settings_release(&unshare);
}

TEST(the_option_worker_args_replaces_the_usual_ones)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = NULL;
    struct worker_settings settings = {0};

    configure(&rig, "{\"worker-args\": \"--tarball  /x/$RELEASE.tar\"}");
    dir = settings_of(&rig);
    ASSERT_OK(settings_load_worker(dir, "local-amd64-2", &settings, &err), &err);
    ck_assert_uint_eq(settings.backend_args.len, 2);
    ck_assert_str_eq(settings.backend_args.items[1], "/x/$RELEASE.tar");
    ck_assert_ptr_null(settings.image);
    worker_settings_release(&settings);
}

static void read_web(const struct rig *rig, struct web_settings *ret)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = settings_of(rig);

    ASSERT_OK(settings_load_web(dir, ret, &err), &err);
}

TEST(the_web_reads_what_was_configured)
{
    _cleanup_rig_ struct rig rig = unit_new();
    struct web_settings web = {0};

    configure(&rig, "{\"http-port\": 8080, \"hostname\": \"tests.example\","
                    "\"page-rate-limit\": 7, \"request-rate-limit\": 0,"
                    "\"authorization\": \"api-key\","
                    "\"login-url\": \"https://login.example/+openid\","
                    "\"allowed-requestors\": \"testers, admins\","
                    "\"launchpad-api-url\": \"https://launchpad.example/api/\","
                    "\"github-secrets\": \"secret:def\","
                    "\"github-status-credentials\": \"secret:ghi\","
                    "\"external-web-requests-api-keys\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"user\": \"key\"}");
    read_web(&rig, &web);
    ck_assert_str_eq(web.hostname, "tests.example");
    ck_assert_uint_eq(web.port, 8080);
    ck_assert_uint_eq(web.page_rate_limit, 7);
    ck_assert_uint_eq(web.request_rate_limit, 0);
    ck_assert_uint_eq(web.releases.len, 2);
    ck_assert_uint_eq(web.architectures.len, 1);
    ck_assert_str_eq(web.architectures.items[0], "amd64");
    ck_assert_str_eq(web.authorization, "api-key");
    ck_assert_str_eq(web.login_url, "https://login.example/+openid");
    ck_assert_uint_eq(web.allowed_requestors.len, 2);
    ck_assert_str_eq(web.allowed_requestors.items[1], "admins");
    ck_assert_str_eq(web.launchpad_api_url, "https://launchpad.example/api/");
    ck_assert_str_eq(web.github_secrets_file, "/etc/autopkgtest-cloud/github-secrets.json");
    ck_assert_str_eq(web.github_credentials_file, "/etc/autopkgtest-cloud/github-credentials.json");
    ck_assert_str_eq(web.github_api_url, "https://api.github.com");
    ck_assert_str_eq(web.api_keys_file, "/etc/autopkgtest-cloud/api-keys.json");
    ck_assert_str_eq(web.database, "/var/lib/autopkgtest-cloud/results.db");
    ck_assert_str_eq(web.store_dir, "/var/lib/autopkgtest-cloud/store");
    ck_assert_str_eq(web.store_credentials, "/etc/autopkgtest-cloud/store.cred");
    ck_assert_str_eq(web.store_url, "http://127.0.0.1:8080/swift/v1");
    web_settings_release(&web);
}

TEST(the_web_reads_the_key_that_units_share)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *key = NULL;
    struct web_settings web = {0};

    rig_answer(&rig, "relation-ids.cluster", "[\"cluster:0\"]");
    rig_answer(&rig, "relation-get.autopkgtest-cloud", "{\"session-secret\": \"secret:abc\"}");
    rig_answer(&rig, "secret-get", "{\"key\": \"0123\"}");
    read_web(&rig, &web);
    ck_assert_str_eq(web.session_key_file, "/etc/autopkgtest-cloud/session-key.json");
    ck_assert_str_eq(web.launchpad_api_url, "https://api.launchpad.net/1.0/");
    key = rig_get(&rig, web.session_key_file);
    ck_assert_str_eq(key, "{\"key\":\"0123\"}\n");
    web_settings_release(&web);
}

TEST(the_web_reads_where_a_proxy_shows_it)
{
    _cleanup_rig_ struct rig rig = unit_new();
    struct web_settings web = {0};

    rig_answer(&rig, "relation-ids.ingress", "[\"ingress:3\"]");
    rig_answer(&rig, "relation-list.--app", "\"traefik\"");
    rig_answer(&rig, "relation-get.traefik",
               "{\"ingress\": \"{\\\"url\\\": \\\"https://p.example:8443/\\\"}\"}");
    rig_answer(&rig, "network-get", "\"10.0.0.9\"");
    read_web(&rig, &web);
    ck_assert_str_eq(web.public_url, "https://p.example:8443");
    ck_assert_str_eq(web.hostname, "p.example:8443");
    web_settings_release(&web);
}

TEST(the_archive_is_read_back)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = settings_of(&rig);
    struct archive_settings archive = {0};

    ASSERT_OK(archive_settings_load(dir, &archive, &err), &err);
    ck_assert_str_eq(archive.url, "http://archive.ubuntu.com/ubuntu");
    ck_assert_uint_eq(archive.releases.len, 2);
    ck_assert_uint_eq(archive.interval_s, 3600);
    ck_assert_str_eq(archive.program, "/opt/autopkgtest-cloud/bin/autopkgtest-sources");
    archive_settings_release(&archive);
    configure(&rig, "{\"archive-url\": \"https://deb.example/debian/\"}");
    free(TAKE_PTR(dir));
    dir = settings_of(&rig);
    ASSERT_OK(archive_settings_load(dir, &archive, &err), &err);
    ck_assert_str_eq(archive.url, "https://deb.example/debian");
    archive_settings_release(&archive);
    configure(&rig, "{\"archive-url\": \"\"}");
    free(TAKE_PTR(dir));
    dir = settings_of(&rig);
    ASSERT_OK(archive_settings_load(dir, &archive, &err), &err);
    ck_assert_ptr_null(archive.url);
    archive_settings_release(&archive);
}

TEST(broker_and_store_are_read_back)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = NULL;
    struct amqp_settings broker = {0};
    struct swift_settings store = {0};

    rig_answer(&rig, "relation-list", "[\"r/0\", \"r/1\"]");
    rig_answer(&rig, "relation-get.r_0",
               "{\"password\": \"p;#= w\", \"hostname\": \"a\", \"ssl_port\": \"5671\","
               "\"ssl_ca\": \"UEVN\"}");
    rig_answer(&rig, "relation-get.r_1", "{\"password\": \"p;#= w\", \"hostname\": \"b\"}");
    dir = settings_of(&rig);
    ASSERT_OK(settings_load_broker(dir, &broker, &err), &err);
    ck_assert_uint_eq(broker.hosts.len, 2);
    ck_assert_str_eq(broker.hosts.items[1], "b");
    ck_assert_uint_eq(broker.port, 5671);
    ck_assert(broker.tls);
    ck_assert_str_eq(broker.password, "p;#= w");
    ck_assert_str_eq(broker.vhost, "/");
    ck_assert_str_eq(broker.user, "autopkgtest");
    ck_assert_str_eq(broker.ca_file, "/etc/autopkgtest-cloud/rabbitmq-ca.pem");
    ASSERT_OK(settings_load_store(dir, &store, &err), &err);
    ck_assert_str_eq(store.auth_url, "http://127.0.0.1:80/auth/v1.0");
    ck_assert_str_eq(store.username, "autopkgtest");
    ck_assert_uint_eq(strlen(store.password), 64);
    amqp_settings_release(&broker);
    swift_settings_release(&store);
}

#define SWIFT                                                                                      \
    "\"swift-auth-url\": \"https://keystone.example:5000/v3\", \"swift-username\": \"store\","     \
    "\"swift-project-name\": \"p q\", \"storage-url-internal\": \"https://swift.example/v1/A/\""

TEST(a_swift_is_read_back_in_place_of_the_built_in_store)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = NULL, *path = NULL;
    struct swift_settings store = {0}, reader = {0};
    struct web_settings web = {0};

    configure(&rig, "{" SWIFT ", \"swift-password\": \"a;#= b\", \"swift-region\": \"one\","
                    "\"swift-user-domain-name\": \"users\","
                    "\"swift-project-domain-name\": \"projects\"}");
    dir = settings_of(&rig);
    ASSERT_OK(settings_load_store(dir, &store, &err), &err);
    ck_assert_str_eq(store.auth_url, "https://keystone.example:5000/v3");
    ck_assert_str_eq(store.username, "store");
    ck_assert_str_eq(store.password, "a;#= b");
    ck_assert_str_eq(store.project_name, "p q");
    ck_assert_str_eq(store.project_domain_name, "projects");
    ck_assert_str_eq(store.user_domain_name, "users");
    ck_assert_str_eq(store.region, "one");
    ASSERT_OK(settings_load_web(dir, &web, &err), &err);
    ck_assert_str_eq(web.store_url, "https://swift.example/v1/A");
    ck_assert_ptr_null(web.store_dir);
    ck_assert_ptr_null(web.store_credentials);
    ck_assert_str_eq(web.store_reader, "/etc/autopkgtest-cloud/store-reader.cred");
    path = path_join(dir, "store-reader.cred");
    ASSERT_OK(settings_read_store(path, &reader, &err), &err);
    ck_assert_str_eq(reader.username, "store");
    ck_assert_str_eq(reader.password, "a;#= b");
    swift_settings_release(&reader);
    swift_settings_release(&store);
    web_settings_release(&web);
}

TEST(workers_with_a_swift_need_no_web_service)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *dir = NULL;
    struct swift_settings store = {0};

    configure(&rig, "{" SWIFT ", \"roles\": \"worker\", \"swift-secret\": \"secret:abc\","
                    "\"swift-password\": \"of the option\"}");
    rig_answer(&rig, "secret-get", "{\"password\": \"of the secret\"}");
    dir = settings_of(&rig);
    ASSERT_OK(settings_load_store(dir, &store, &err), &err);
    ck_assert_str_eq(store.password, "of the secret");
    ck_assert_ptr_null(store.region);
    swift_settings_release(&store);
}
