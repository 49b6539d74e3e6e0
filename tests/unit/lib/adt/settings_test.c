// SPDX-License-Identifier: GPL-3.0-only
#include "adt/archive_settings.h"
#include "adt/settings.h"
#include "base/file.h"
#include "test.h"

static const char *folder_with(const char *name, const char *text)
{
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    const char *dir = test_dir();
    _cleanup_free_ char *path = path_join(dir, name);

    ck_assert_int_eq(file_replace(path, text, strlen(text), &attributes, NULL, NULL), 0);
    return dir;
}

TEST(the_broker_has_defaults)
{
    const char *dir = folder_with("rabbitmq.cred",
                                  "RABBIT_HOST=10.0.0.1\nRABBIT_USER=me\nRABBIT_PASSWORD=p=a#ss\n");
    _cleanup_(amqp_settings_release) struct amqp_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(settings_load_broker(dir, &s, &err), &err);
    ck_assert_uint_eq(s.hosts.len, 1);
    ck_assert_uint_eq(s.port, 5672);
    ck_assert_str_eq(s.vhost, "/");
    ck_assert_str_eq(s.password, "p=a#ss");
    ck_assert(!s.tls);
}

TEST(the_broker_may_have_several_hosts_and_tls)
{
    const char *dir =
        folder_with("rabbitmq.cred", "RABBIT_HOST=a\nRABBIT_HOSTS=a b c\nRABBIT_PORT=5671\n"
                                     "RABBIT_USER=me\nRABBIT_PASSWORD=x\nRABBIT_VHOST=/v\n"
                                     "RABBIT_TLS=1\nRABBIT_CA_FILE=/etc/ca.pem\n");
    _cleanup_(amqp_settings_release) struct amqp_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(settings_load_broker(dir, &s, &err), &err);
    ck_assert_uint_eq(s.hosts.len, 3);
    ck_assert(s.tls);
    ck_assert_str_eq(s.ca_file, "/etc/ca.pem");
}

TEST(no_broker_is_told_apart_from_a_bad_one)
{
    _cleanup_(amqp_settings_release) struct amqp_settings s = {0};

    ck_assert_int_eq(settings_load_broker(test_dir(), &s, NULL), -ENOENT);
    ck_assert_int_eq(
        settings_load_broker(folder_with("rabbitmq.cred", "RABBIT_HOST=a\n"), &s, NULL), -EINVAL);
}

TEST(the_store)
{
    const char *dir = folder_with("swift.cred", "SWIFT_AUTH_URL=http://s/auth/v1.0\n"
                                                "SWIFT_USERNAME=u\nSWIFT_PASSWORD=p\n");
    _cleanup_(swift_settings_release) struct swift_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(settings_load_store(dir, &s, &err), &err);
    ck_assert_str_eq(s.auth_url, "http://s/auth/v1.0");
    ck_assert_ptr_null(s.region);
}

#define WORKER_CONF                                                                                \
    "[worker]\nunit = a/0\nreleases = noble jammy\nwork-dir = /w\nspool-dir = /s\n"                \
    "lists-dir = /l\nsetup-command = echo 'a b'\nupstream-percentage = 50\n"                       \
    "[local-amd64-1]\ncloud = local\narch = amd64\nbackend = null\nargs = --x $RELEASE\n"

TEST(a_worker_has_the_common_part_and_its_own)
{
    const char *dir = folder_with("worker.conf", WORKER_CONF);
    _cleanup_(worker_settings_release) struct worker_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(settings_load_worker(dir, "local-amd64-1", &s, &err), &err);
    ck_assert_str_eq(s.unit, "a/0");
    ck_assert_uint_eq(s.releases.len, 2);
    ck_assert_str_eq(s.backend, "null");
    ck_assert_uint_eq(s.backend_args.len, 2);
    ck_assert_uint_eq(s.setup_commands.len, 1);
    ck_assert_uint_eq(s.upstream_percentage, 50);
    ck_assert_uint_eq(s.retry_delay_s, 300);
    ck_assert_str_eq(s.autopkgtest, "/usr/bin/autopkgtest");
}

TEST(an_instance_without_a_section_is_unknown)
{
    const char *dir = folder_with("worker.conf", WORKER_CONF);
    _cleanup_(worker_settings_release) struct worker_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(settings_load_worker(dir, "local-amd64-9", &s, &err), -ENOENT, &err,
                 "worker.conf: there is no section [local-amd64-9]: this unit is not configured to "
                 "run that worker");
}

TEST(a_worker_without_releases_is_refused)
{
    const char *dir =
        folder_with("worker.conf", "[worker]\nwork-dir = /w\nspool-dir = /s\nlists-dir = /l\n[x]\n"
                                   "cloud=c\narch=a\nbackend=null\n");
    _cleanup_(worker_settings_release) struct worker_settings s = {0};

    ck_assert_int_eq(settings_load_worker(dir, "x", &s, NULL), -EINVAL);
}

TEST(the_web)
{
    const char *dir =
        folder_with("web.conf", "[web]\nport = 8080\nreleases = noble\n"
                                "architectures = amd64 arm64\nauthorization = open\n"
                                "database = /d\ntemplates-dir = /t\nstatic-dir = /s\n");
    _cleanup_(web_settings_release) struct web_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(settings_load_web(dir, &s, &err), &err);
    ck_assert_uint_eq(s.port, 8080);
    ck_assert_uint_eq(s.architectures.len, 2);
    ck_assert_str_eq(s.hostname, "localhost");
    ck_assert_ptr_null(s.store_dir);
}

TEST(results_whose_mark_is_missing_are_on_a_disk_that_is_not_mounted)
{
    static const char rest[] = "database = /d\ntemplates-dir = /t\nstatic-dir = /s\n";
    const char *dir = folder_with("web.conf", rest);
    _cleanup_free_ char *mark = path_join(dir, "web.conf"); // which is there
    _cleanup_free_ char *here = str_format("[web]\nresults-mark = %s\n%s", mark, rest);
    _cleanup_free_ char *gone = str_format("[web]\nresults-mark = %s/gone\n%s", mark, rest);
    _cleanup_free_ char *unstored = str_format("%sstore-mark = %s/store/gone\n", here, mark);
    _cleanup_(web_settings_release) struct web_settings s = {0}, none = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(settings_load_results(folder_with("web.conf", here), &s, &err), &err);
    ck_assert_int_eq(settings_load_results(folder_with("web.conf", unstored), &none, &err),
                     -ENODEV);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "/store/gone is not there"));
    ck_assert_int_eq(settings_load_results(folder_with("web.conf", gone), &none, &err), -ENODEV);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "the disk with the results is not mounted"));
    ck_assert_ptr_nonnull(strstr(error_message(&err), mark));
}

TEST(a_web_service_is_found_by_its_name_or_by_a_proxys_address)
{
    static const char rest[] = "database = /d\ntemplates-dir = /t\nstatic-dir = /s\n";
    _cleanup_free_ char *plain = str_format("[web]\nhostname = tests.example\n%s", rest);
    _cleanup_free_ char *proxied = str_format("%spublic-url = https://p.example:8443\n", plain);
    _cleanup_(web_settings_release) struct web_settings s = {0}, p = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *name = NULL, *address = NULL;

    ASSERT_OK(settings_load_web(folder_with("web.conf", plain), &s, &err), &err);
    ck_assert_ptr_null(s.public_url);
    name = web_settings_url(&s);
    ck_assert_str_eq(name, "http://tests.example");
    ASSERT_OK(settings_load_web(folder_with("web.conf", proxied), &p, &err), &err);
    address = web_settings_url(&p);
    ck_assert_str_eq(address, "https://p.example:8443");
}

TEST(the_archive)
{
    const char *dir =
        folder_with("web.conf", "[web]\nreleases = noble jammy\ndatabase = /d\n"
                                "archive-url = http://m/debian/\npockets = release proposed\n"
                                "components = main\nsources-interval = 60\n");
    _cleanup_(archive_settings_release) struct archive_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(archive_settings_load(dir, &s, &err), &err);
    ck_assert_str_eq(s.url, "http://m/debian");
    ck_assert_uint_eq(s.releases.len, 2);
    ck_assert_uint_eq(s.pockets.len, 2);
    ck_assert_str_eq(s.components.items[0], "main");
    ck_assert_uint_eq(s.interval_s, 60);
    ck_assert_str_eq(s.database, "/d");
}

TEST(the_archive_has_defaults_and_names_are_names)
{
    const char *dir = folder_with("web.conf", "[web]\nreleases = noble\ndatabase = /d\n");
    _cleanup_(archive_settings_release) struct archive_settings s = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(archive_settings_load(dir, &s, &err), &err);
    ck_assert_ptr_null(s.url);
    ck_assert_uint_eq(s.pockets.len, 3);
    ck_assert_uint_eq(s.components.len, 4);
    ck_assert_uint_eq(s.interval_s, 3600);
    dir = folder_with("web.conf", "[web]\ncomponents = ../main\ndatabase = /d\n");
    ASSERT_FAILS(archive_settings_load(dir, &s, &err), -EINVAL, &err,
                 "web.conf: [web] components: expected names, got \"../main\"");
    dir = folder_with("web.conf", "[web]\narchive-url = ftp://x\ndatabase = /d\n");
    ASSERT_FAILS(archive_settings_load(dir, &s, &err), -EINVAL, &err,
                 "web.conf: [web] archive-url: expected http:// or https://, got \"ftp://x\"");
}

TEST(a_port_that_is_none_is_refused)
{
    const char *dir = folder_with("web.conf", "[web]\nport = 80a\ndatabase = /d\n");
    _cleanup_(web_settings_release) struct web_settings s = {0};

    ck_assert_int_eq(settings_load_web(dir, &s, NULL), -EINVAL);
}
