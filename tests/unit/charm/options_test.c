// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "charm/options.h"
#include "data/json.h"
#include "data/yaml.h"
#include "test.h"

// Parses options given as JSON; gives the message, or "" when all are fine. The caller frees.
static char *complaint(const char *config, int *ret_r)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;
    _cleanup_settings_ struct settings settings = {0};

    ASSERT_OK(json_parse(config, strlen(config), "test", &value, &err), &err);
    *ret_r = options_parse(value, &settings, &err);
    return strdup(*ret_r < 0 ? error_message(&err) : "");
}

static void assert_complaint(const char *config, int r, const char *text)
{
    int got;
    _cleanup_free_ char *message = complaint(config, &got);

    ck_assert_str_eq(message, text);
    ck_assert_int_eq(got, r);
}

static void parse(const char *config, struct settings *ret)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;

    ASSERT_OK(json_parse(config, strlen(config), "test", &value, &err), &err);
    ASSERT_OK(options_parse(value, ret, &err), &err);
}

TEST(nothing_set_is_the_defaults)
{
    _cleanup_settings_ struct settings s = {0};

    parse("{}", &s);
    ck_assert(s.worker && s.web);
    ck_assert_uint_eq(s.releases.len, 1);
    ck_assert_str_eq(s.releases.items[0], "noble");
    ck_assert_uint_eq(s.local_len, 0);
    ck_assert_ptr_null(s.source_url);
    ck_assert_uint_eq(s.http_port, 80);
    ck_assert_uint_eq(s.page_rate_limit, 20);
    ck_assert_uint_eq(s.request_rate_limit, 30);
    ck_assert_uint_eq(s.upstream_percentage, 20);
    ck_assert_uint_eq(s.retry_delay_s, 300);
    ck_assert_uint_eq(s.drain_timeout_s, 0);
    ck_assert_str_eq(s.hostname, "localhost");
    ck_assert_str_eq(s.authorization, "launchpad");
    ck_assert_str_eq(s.mirror, "");
}

TEST(values_reach_the_settings)
{
    _cleanup_settings_ struct settings s = {0};

    parse("{\"roles\": \"web\", \"releases\": \"noble  jammy noble\", \"http-port\": 8080.0,"
          "\"retry-delay\": 1, \"worker-upstream-percentage\": 100, \"drain-timeout\": 5,"
          "\"mirror\": \"http://mirror.example/debian\", \"hostname\": \"tests.example\","
          "\"worker-args\": \"--release $RELEASE\", \"worker-setup-command\": \"a ; b\","
          "\"worker-setup-command2\": \"c\", \"authorization\": \"open\","
          "\"external-web-requests-api-keys\": \"secret:abc\", \"novarcs\": null,"
          "\"autopkgtest-source\": \"https://salsa.example/autopkgtest#debian/5.x\","
          "\"package-configs-source\": \"https://git.example/lists\"}",
          &s);
    ck_assert(!s.worker && s.web);
    ck_assert_uint_eq(s.releases.len, 2);
    ck_assert_uint_eq(s.http_port, 8080);
    ck_assert_uint_eq(s.retry_delay_s, 1);
    ck_assert_uint_eq(s.upstream_percentage, 100);
    ck_assert_uint_eq(s.drain_timeout_s, 5);
    ck_assert_str_eq(s.mirror, "http://mirror.example/debian");
    ck_assert_str_eq(s.setup_command, "a ; b");
    ck_assert_str_eq(s.setup_command2, "c");
    ck_assert_str_eq(s.worker_args, "--release $RELEASE");
    ck_assert_str_eq(s.authorization, "open");
    ck_assert_str_eq(s.api_keys_secret, "secret:abc");
    ck_assert_str_eq(s.source_url, "https://salsa.example/autopkgtest");
    ck_assert_str_eq(s.source_branch, "debian/5.x");
    ck_assert_str_eq(s.lists_url, "https://git.example/lists");
    ck_assert_ptr_null(s.lists_branch);
}

TEST(local_workers_are_sorted_by_architecture)
{
    _cleanup_settings_ struct settings s = {0};

    parse("{\"local-workers\": \"i386: {unshare: 1}\\namd64: {null: 2, unshare: 0}\\n\"}", &s);
    ck_assert_uint_eq(s.local_len, 2);
    ck_assert_str_eq(s.local[0].arch, "amd64");
    ck_assert_uint_eq(s.local[0].count[BACKEND_NULL], 2);
    ck_assert_uint_eq(s.local[0].count[BACKEND_UNSHARE], 0);
    ck_assert_str_eq(s.local[1].arch, "i386");
    ck_assert_uint_eq(settings_count(&s, BACKEND_UNSHARE), 1);
    ck_assert_uint_eq(settings_count(&s, BACKEND_NULL), 2);
}

TEST(region_workers_are_sorted_by_region_and_architecture)
{
    _cleanup_settings_ struct settings s = {0};

    parse("{\"n-workers\": \"lcy02: {i386: 1, amd64: 2}\\nbos01: {arm64: 0}\"}", &s);
    ck_assert_uint_eq(s.clouds_len, 3);
    ck_assert_str_eq(s.clouds[0].cloud, "bos01");
    ck_assert_str_eq(s.clouds[1].arch, "amd64");
    ck_assert_uint_eq(s.clouds[1].count, 2);
    ck_assert_int_eq(s.clouds[2].kind, CLOUD_OPENSTACK);
}

TEST(wrong_words_are_named)
{
    assert_complaint("{\"roles\": \"worker wbe\"}", -EINVAL,
                     "roles: expected worker, web or both, got \"wbe\"");
    assert_complaint("{\"roles\": \"\"}", -EINVAL,
                     "roles: expected worker, web or both, got nothing");
    assert_complaint("{\"releases\": \"noble No;ble\"}", -EINVAL,
                     "releases: expected names of releases separated by blanks, got \"No;ble\"");
    assert_complaint("{\"releases\": \" \"}", -EINVAL,
                     "releases: expected at least one release, got nothing");
    assert_complaint("{\"hostname\": \"a b\"}", -EINVAL,
                     "hostname: expected the name of a host, got \"a b\"");
    assert_complaint("{\"authorization\": \"all\"}", -EINVAL,
                     "authorization: expected launchpad, login, api-key or open, got \"all\"");
    assert_complaint("{\"worker-default-flavor\": \"\"}", -EINVAL,
                     "worker-default-flavor: expected a name, got nothing");
    assert_complaint("{\"worker-network\": \"a b\"}", -EINVAL,
                     "worker-network: expected one word, got \"a b\"");
    assert_complaint("{\"worker-setup-command\": \"a\\nb\"}", -EINVAL,
                     "worker-setup-command: expected one line of text, got a control character in "
                     "it");
    assert_complaint("{\"external-web-requests-api-keys\": \"abc\"}", -EINVAL,
                     "external-web-requests-api-keys: expected the address of a secret, secret:…");
    assert_complaint("{\"releases\": 3}", -EINVAL, "releases: expected a string, got a number");
}

#define KNOWN                                                                                      \
    "known are $RELEASE, $ARCHITECTURE, $HOSTARCH, $PACKAGE, $NAME, $UNIT, $MODEL, $TIMESTAMP, "   \
    "$PACKAGESIZE, $VMOPT, $VMFLAG, $LXD_REMOTE, $MIRROR, $DISTRIBUTION"

TEST(the_image_is_a_regular_expression_of_known_variables)
{
    _cleanup_settings_ struct settings s = {0};

    parse("{\"worker-image\": \"(a|[$RELEASE])-$HOSTARCH-x+\\\\+$\"}", &s);
    ck_assert_str_eq(s.nova.image, "(a|[$RELEASE])-$HOSTARCH-x+\\+$");
    assert_complaint("{\"worker-image\": \"ubuntu-($RELEASE-daily\"}", -EINVAL,
                     "worker-image: character 23: expected a regular expression, got "
                     "\"ubuntu-($RELEASE-daily\": missing closing parenthesis; a special "
                     "character that stands for itself has a backslash before it");
    assert_complaint("{\"worker-image\": \"$RELEASE-*+*\"}", -EINVAL,
                     "worker-image: character 12: expected a regular expression, got "
                     "\"$RELEASE-*+*\": quantifier does not follow a repeatable item; a special "
                     "character that stands for itself has a backslash before it");
    assert_complaint("{\"worker-image\": \"ubuntu-$SERIES-.*\"}", -EINVAL,
                     "worker-image: character 8: unknown variable $SERIES; " KNOWN);
    assert_complaint("{\"worker-image\": \"a .*\"}", -EINVAL,
                     "worker-image: expected one word, got \"a .*\"");
}

TEST(unknown_variables_of_commands_are_named)
{
    _cleanup_settings_ struct settings s = {0};

    parse("{\"worker-args\": \"$$NAME a$ $VMOPT$VMFLAG x$1\","
          "\"worker-setup-command\": \"export A=${HOME} b=$c$(d); $TIMESTAMPs\"}",
          &s);
    ck_assert_str_eq(s.setup_command, "export A=${HOME} b=$c$(d); $TIMESTAMPs");
    assert_complaint("{\"worker-args\": \"--tarball /srv/$SUITE.tar\"}", -EINVAL,
                     "worker-args: character 16: unknown variable $SUITE; " KNOWN);
    assert_complaint("{\"worker-args\": \"$NAME $RELEASE_NAME\"}", -EINVAL,
                     "worker-args: character 7: unknown variable $RELEASE_NAME; " KNOWN);
    assert_complaint("{\"worker-args\": \"/srv/$release b\"}", -EINVAL,
                     "worker-args: character 6: unknown variable $release; " KNOWN);
    assert_complaint("{\"worker-args\": \"/srv/${RELEASE}.tar\"}", -EINVAL,
                     "worker-args: character 6: unknown variable ${RELEASE}; " KNOWN);
    assert_complaint("{\"worker-args\": \"$X\\n\"}", -EINVAL,
                     "worker-args: expected one line of text, got a control character in it");
    assert_complaint("{\"worker-setup-command2\": \"PATH=$PATH:/x\"}", -EINVAL,
                     "worker-setup-command2: character 6: unknown variable $PATH (of the "
                     "testbed's shell: ${NAME}); " KNOWN);
}

TEST(numbers_have_ranges)
{
    assert_complaint("{\"trusted-proxies\": \"10.0.0.7 proxy.example\"}", -EINVAL,
                     "trusted-proxies: expected addresses such as 10.0.0.7 or 10.0.0.0/24, "
                     "separated by blanks, got \"proxy.example\"");
    assert_complaint("{\"page-rate-limit\": -1}", -EINVAL,
                     "page-rate-limit: expected a whole number from 0 to 100000, got -1");
    assert_complaint("{\"request-rate-limit\": 0.5}", -EINVAL,
                     "request-rate-limit: expected a whole number");
    assert_complaint("{\"http-port\": 0}", -EINVAL,
                     "http-port: expected a whole number from 1 to 65535, got 0");
    assert_complaint("{\"http-port\": \"80\"}", -EINVAL,
                     "http-port: expected a whole number, got a string");
    assert_complaint("{\"http-port\": 80.5}", -EINVAL, "http-port: expected a whole number");
    assert_complaint("{\"worker-upstream-percentage\": 101}", -EINVAL,
                     "worker-upstream-percentage: expected a whole number from 0 to 100, got 101");
}

TEST(the_place_in_yaml_is_named)
{
    assert_complaint("{\"n-workers\": \"lcy02: {amd64: ten}\"}", -EINVAL,
                     "n-workers: lcy02.amd64: expected a whole number, got \"ten\"");
    assert_complaint("{\"n-workers\": \"lcy02: {amd64: -1}\"}", -EINVAL,
                     "n-workers: lcy02.amd64: expected a whole number from 0 to 1000, got -1");
    assert_complaint("{\"n-workers\": \"local: {amd64: 1}\"}", -EINVAL,
                     "n-workers: expected the name of a region, got \"local\"");
    assert_complaint("{\"n-workers\": \"lxd-10.0.0.1: {amd64: 1}\"}", -EINVAL,
                     "n-workers: expected the name of a region, got \"lxd-10.0.0.1\"");
    assert_complaint("{\"n-workers\": \"lcy02: 5\"}", -EINVAL,
                     "n-workers: lcy02: expected a mapping, got 5");
    assert_complaint("{\"n-workers\": \"[a]\"}", -EINVAL,
                     "n-workers: expected a mapping, got an array");
    assert_complaint("{\"n-workers\": \"a b: {amd64: 1}\"}", -EINVAL,
                     "n-workers: expected the name of a region, got \"a b\"");
    assert_complaint("{\"lxd-remotes\": \"armhf: {10.0.0.1: many}\"}", -EINVAL,
                     "lxd-remotes: armhf.10.0.0.1: expected a whole number, got \"many\"");
    assert_complaint("{\"lxd-remotes\": \"armhf: {10.0.0.1/24: 1}\"}", -EINVAL,
                     "lxd-remotes: armhf: expected an address such as 10.0.0.1 or "
                     "lxd.example:8443, got \"10.0.0.1/24\"");
    assert_complaint("{\"lxd-remotes\": \"armhf: {a: 1}\\narm64: {'a:8443': 1}\"}", -EINVAL,
                     "lxd-remotes: arm64.a:8443: is the same host as a: write it in one way");
    assert_complaint("{\"local-workers\": \"amd64: {docker: 1}\"}", -EINVAL,
                     "local-workers: amd64: expected null, unshare, qemu, schroot, podman or lxc, "
                     "got \"docker\"");
    assert_complaint("{\"local-workers\": \"a: {null: 1}\\na: {null: 1}\"}", -EINVAL,
                     "local-workers: YAML: line 2, column 1: duplicate key \"a\"");
}

TEST(addresses_are_checked_and_never_have_passwords)
{
    assert_complaint("{\"mirror\": \"ftp://a\"}", -EINVAL,
                     "mirror: expected an address http://… or https://…, got \"ftp://a\"");
    assert_complaint("{\"mirror\": \"http://user:pw@host/\"}", -EINVAL,
                     "mirror: expected an address without user and password");
    assert_complaint("{\"mirror\": \"htp://user:pw@host/\"}", -EINVAL,
                     "mirror: expected an address http://… or https://…");
    assert_complaint("{\"autopkgtest-source\": \"\"}", -EINVAL,
                     "autopkgtest-source: expected archive or a git URL, got nothing");
    assert_complaint("{\"autopkgtest-source\": \"git@host:x\"}", -EINVAL,
                     "autopkgtest-source: expected a git URL https://…");
    assert_complaint("{\"autopkgtest-source\": \"https://host/x#--upload-pack=x\"}", -EINVAL,
                     "autopkgtest-source: expected the name of a branch behind '#', got "
                     "\"--upload-pack=x\"");
    assert_complaint("{\"autopkgtest-source\": \"https://u:p@host/x\"}", -EINVAL,
                     "autopkgtest-source: expected a git URL without user and password");
    assert_complaint("{\"package-configs-source\": \"x\"}", -EINVAL,
                     "package-configs-source: expected a git URL https://…, got \"x\"");
}

TEST(an_influxdb_needs_a_database)
{
    assert_complaint("{\"influxdb-url\": \"http://i\"}", -EINVAL,
                     "influxdb-url: InfluxDB needs influxdb-database as well");
    assert_complaint("{\"influxdb-url\": \"i:8086\", \"influxdb-database\": \"d\"}", -EINVAL,
                     "influxdb-url: expected an address http://… or https://…, got \"i:8086\"");
    assert_complaint("{\"influxdb-url\": \"http://i\", \"influxdb-database\": \"d\"}", 0, "");
}

TEST(base64_is_checked)
{
    assert_complaint("{\"novarcs\": \"a*==\"}", -EINVAL, "novarcs: expected base64");
    assert_complaint("{\"novarcs\": \"abc\"}", -EINVAL,
                     "novarcs: expected base64, got a length that it cannot have");
    assert_complaint("{\"novarcs\": \"YWJj\\n\"}", 0, "");
}

TEST(the_first_wrong_value_is_told)
{
    assert_complaint("{\"local-workers\": \"amd64: {docker: 1}\", \"http-port\": 0}", -EINVAL,
                     "local-workers: amd64: expected null, unshare, qemu, schroot, podman or lxc, "
                     "got \"docker\"");
    assert_complaint("{\"local-workers\": \"amd64: {qemu: 1}\", \"http-port\": 0}", -EINVAL,
                     "http-port: expected a whole number from 1 to 65535, got 0");
    assert_complaint("{\"local-workers\": \"amd64: {schroot: 1, podman: 1, lxc: 1}\"}", 0, "");
}

TEST(the_table_and_config_yaml_say_the_same)
{
    static const char *const types[] = {"string", "int", "secret"};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *config = NULL;
    const json_t *declared;

    ASSERT_OK(yaml_parse_file("config.yaml", &config, &err), &err);
    declared = json_object_get(config, "options");
    ck_assert_uint_eq(json_object_size(declared), options_table_len);
    for (size_t i = 0; i < options_table_len; i++) {
        const struct option *option = &options_table[i];
        const json_t *entry = json_object_get(declared, option->name);
        const json_t *fallback = json_object_get(entry, "default");
        const char *text = json_string_value(json_object_get(entry, "description"));

        ck_assert_msg(entry != NULL, "%s is not in config.yaml", option->name);
        ck_assert_str_eq(json_string_value(json_object_get(entry, "type")), types[option->type]);
        ck_assert_msg(text && strstr(text, "Default: "), "%s: no default in its description",
                      option->name);
        if (option->type == OPTION_INT)
            ck_assert_int_eq(json_integer_value(fallback), option->number);
        else if (option->type == OPTION_STRING)
            ck_assert_str_eq(json_string_value(fallback), option->text);
        else
            ck_assert_ptr_null(fallback);
    }
}

TEST(every_option_is_in_the_reference)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(file_read("docs/reference/configuration.md", &text, &err), &err);
    for (size_t i = 0; i < options_table_len; i++) {
        _cleanup_free_ char *row = str_format("\n| %s |", options_table[i].name);

        ck_assert_msg(strstr(buf_str(&text), row), "%s is missing", options_table[i].name);
    }
}

#define KEYSTONE "\"swift-auth-url\": \"https://keystone.example:5000/v3\""

TEST(a_swift_that_lacks_something_names_all_of_it)
{
    assert_complaint("{" KEYSTONE "}", -EINVAL,
                     "swift-auth-url: Swift needs swift-username, swift-password or swift-secret, "
                     "swift-project-name, storage-url-internal as well");
    assert_complaint("{" KEYSTONE ", \"swift-username\": \"u\", \"swift-secret\": \"secret:abc\","
                     "\"swift-project-name\": \"p\"}",
                     -EINVAL, "swift-auth-url: Swift needs storage-url-internal as well");
    assert_complaint("{" KEYSTONE ", \"swift-username\": \"u\", \"swift-password\": \"p\","
                     "\"swift-project-name\": \"p\", \"roles\": \"worker\"}",
                     0, "");
    // without projects
    assert_complaint("{\"swift-auth-url\": \"http://web.example/auth/v1.0\", \"swift-username\": "
                     "\"u\", \"swift-password\": \"p\", \"roles\": \"worker\"}",
                     0, "");
    assert_complaint("{\"swift-auth-url\": \"https://keystone.example:5000\"}", -EINVAL,
                     "swift-auth-url: expected an address that ends in /v3 or /auth/v1.0, got "
                     "\"https://keystone.example:5000\"");
    assert_complaint("{\"swift-auth-url\": \"keystone/v3\"}", -EINVAL,
                     "swift-auth-url: expected an address http://… or https://…, got "
                     "\"keystone/v3\"");
    assert_complaint("{\"swift-password\": \"a\\nb\"}", -EINVAL,
                     "swift-password: expected one line of text, got a control character in it");
    assert_complaint("{\"swift-username\": \"of no use\"}", 0, "");
}

TEST(who_may_log_in_and_where)
{
    assert_complaint("{\"login-url\": \"\"}", -EINVAL,
                     "login-url: expected the address of an OpenID 2.0 provider, got \"\"");
    assert_complaint("{\"login-url\": \"login.example\"}", -EINVAL,
                     "login-url: expected an address http://… or https://…, got \"login.example\"");
    assert_complaint("{\"allowed-requestors\": \"a-team,b_team\"}", -EINVAL,
                     "allowed-requestors: expected names of teams, separated by commas, got "
                     "\"b_team\"");
}
