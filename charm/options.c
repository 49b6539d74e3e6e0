// SPDX-License-Identifier: GPL-3.0-only
#include "charm/options.h"

#include "base/buf.h"
#include "charm/option_commands.h"
#include "charm/option_values.h"
#include "data/json.h"

#define NOT_STORED OPTION_NOT_STORED
#define AT(member) offsetof(struct settings, member)
#define TEXT(n, fallback, parser, place)                                                           \
    {                                                                                              \
        .name = (n), .type = OPTION_STRING, .text = (fallback), .parse = (parser),                 \
        .offset = (place)                                                                          \
    }
#define NUMBER(n, fallback, low, high, place)                                                      \
    {                                                                                              \
        .name = (n), .type = OPTION_INT, .number = (fallback), .min = (low), .max = (high),        \
        .offset = (place)                                                                          \
    }
#define SECRET(n, place)                                                                           \
    {                                                                                              \
        .name = (n), .type = OPTION_SECRET, .text = "", .parse = option_secret, .offset = (place)  \
    }

const struct option options_table[] = {
    TEXT("roles", "worker web", option_roles, NOT_STORED),
    TEXT("releases", "noble", option_releases, NOT_STORED),
    TEXT("n-workers", "", option_region_workers, NOT_STORED),
    TEXT("lxd-remotes", "", option_remotes, NOT_STORED),
    TEXT("local-workers", "", option_local_workers, NOT_STORED),
    TEXT("novarcs", "", option_base64, AT(nova.novarcs)),
    SECRET("novarcs-secret", AT(nova.secret)),
    TEXT("worker-default-flavor", "cpu2-ram4-disk20", option_word, AT(nova.flavor)),
    TEXT("worker-big-flavor", "cpu4-ram8-disk100", option_word, AT(nova.big_flavor)),
    TEXT("worker-image", "(.*/)?ubuntu-$RELEASE-daily-$ARCHITECTURE-server-.*",
         option_image_pattern, AT(nova.image)),
    TEXT("worker-network", "", option_word, AT(nova.network)),
    TEXT("worker-security-group", "", option_word, AT(nova.security_group)),
    TEXT("worker-keypair", "", option_word, AT(nova.keypair)),
    TEXT("worker-args", "", option_worker_args, AT(worker_args)),
    TEXT("worker-setup-command", "", option_setup_command, AT(setup_command)),
    TEXT("worker-setup-command2", "", option_setup_command, AT(setup_command2)),
    NUMBER("worker-upstream-percentage", 20, 0, 100, AT(upstream_percentage)),
    NUMBER("retry-delay", 300, 0, 86400, AT(retry_delay_s)),
    NUMBER("drain-timeout", 0, 0, 604800, AT(drain_timeout_s)),
    TEXT("mirror", "", option_url, AT(mirror)),
    TEXT("autopkgtest-source", "archive", option_source, NOT_STORED),
    TEXT("package-configs-source", "", option_lists_source, NOT_STORED),
    TEXT("swift-auth-url", "", option_auth_url, AT(swift.auth_url)),
    TEXT("swift-username", "", option_line, AT(swift.username)),
    TEXT("swift-project-name", "", option_line, AT(swift.project_name)),
    TEXT("swift-project-domain-name", "", option_line, AT(swift.project_domain_name)),
    TEXT("swift-user-domain-name", "", option_line, AT(swift.user_domain_name)),
    TEXT("swift-region", "", option_line, AT(swift.region)),
    TEXT("swift-password", "", option_line, AT(swift.password)),
    SECRET("swift-secret", AT(swift.secret)),
    TEXT("storage-url-internal", "", option_url, AT(storage_url)),
    TEXT("hostname", "localhost", option_hostname, AT(hostname)),
    NUMBER("http-port", 80, 1, 65535, AT(http_port)),
    TEXT("trusted-proxies", "", option_proxies, NOT_STORED),
    NUMBER("page-rate-limit", 20, 0, 100000, AT(page_rate_limit)),
    NUMBER("request-rate-limit", 30, 0, 100000, AT(request_rate_limit)),
    TEXT("authorization", "launchpad", option_authorization, AT(authorization)),
    TEXT("allowed-requestors", "autopkgtest-requestors", option_teams, NOT_STORED),
    TEXT("login-url", "https://login.ubuntu.com/+openid", option_login_url, AT(login_url)),
    TEXT("launchpad-api-url", "https://api.launchpad.net/1.0/", option_url, AT(launchpad_api_url)),
    TEXT("archive-url", "http://archive.ubuntu.com/ubuntu", option_url, AT(archive_url)),
    SECRET("github-secrets", AT(github_secrets)),
    SECRET("github-status-credentials", AT(github_credentials)),
    SECRET("external-web-requests-api-keys", AT(api_keys_secret)),
    SECRET("public-swift-creds", AT(reader.secret)),
    TEXT("influxdb-url", "", option_url, AT(influx.url)),
    TEXT("influxdb-database", "", option_line, AT(influx.database)),
    TEXT("influxdb-context", "", option_line, AT(influx.context)),
    SECRET("influxdb-secret", AT(influx.secret)),
};
const size_t options_table_len = ARRAY_SIZE(options_table);

static int store_number(const struct option *option, int64_t value, struct settings *settings)
{
    char *place = (char *)settings + option->offset;

    if (option->offset == AT(http_port))
        settings->http_port = (uint16_t)value;
    else
        *(unsigned *)(void *)place = (unsigned)value;
    return 0;
}

static int parse_number(const struct option *option, const json_t *value, struct settings *settings,
                        struct error *err)
{
    int64_t number = option->number;

    if (json_is_integer(value)) {
        number = json_integer_value(value);
    } else if (json_is_real(value)) {
        double real = json_real_value(value);

        if (!(real >= -1e15 && real <= 1e15) || real != (double)(int64_t)real)
            return error_set(err, -EINVAL, "expected a whole number");
        number = (int64_t)real;
    } else if (value && !json_is_null(value)) {
        return error_set(err, -EINVAL, "expected a whole number, got %s", json_type_name(value));
    }
    if (number < option->min || number > option->max)
        return error_set(err, -EINVAL, "expected a whole number from %lld to %lld, got %lld",
                         (long long)option->min, (long long)option->max, (long long)number);
    return store_number(option, number, settings);
}

static int parse_text(const struct option *option, const json_t *value, struct settings *settings,
                      struct error *err)
{
    const char *text = option->text;

    if (json_is_string(value))
        text = json_string_value(value);
    else if (value && !json_is_null(value))
        return error_set(err, -EINVAL, "expected a string, got %s", json_type_name(value));
    return option->parse(option, text, settings, err);
}

static int parse_option(const struct option *option, const json_t *value, struct settings *settings,
                        struct error *err)
{
    int r = option->type == OPTION_INT ? parse_number(option, value, settings, err)
                                       : parse_text(option, value, settings, err);

    return r < 0 ? error_prefix(err, r, "%s", option->name) : 0;
}

// What a Swift needs beside its address. All that is missing is named in one line.
static int check_swift(const struct settings *s, struct error *err)
{
    bool keystone = !str_ends_with(s->swift.auth_url ? s->swift.auth_url : "", "/v1.0");
    const struct {
        const char *name;
        bool missing;
    } needs[] = {
        {"swift-username", str_empty(s->swift.username)},
        {"swift-password or swift-secret",
         str_empty(s->swift.password) && str_empty(s->swift.secret)},
        {"swift-project-name", keystone && str_empty(s->swift.project_name)},
        {"storage-url-internal", s->web && str_empty(s->storage_url)},
    };
    _cleanup_buf_ struct buf missing = BUF_INIT(BUF_OWN_MAX);

    if (!settings_use_swift(s))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
        if (needs[i].missing &&
            buf_addf(&missing, "%s%s", missing.len ? ", " : "", needs[i].name) < 0)
            return error_oom(err);
    if (missing.len == 0)
        return 0;
    return error_set(err, -EINVAL, "swift-auth-url: Swift needs %s as well", buf_str(&missing));
}

static int check_influx(const struct settings *s, struct error *err)
{
    if (str_empty(s->influx.url) || !str_empty(s->influx.database))
        return 0;
    return error_set(err, -EINVAL, "influxdb-url: InfluxDB needs influxdb-database as well");
}

int options_parse(const json_t *config, struct settings *ret, struct error *err)
{
    _cleanup_settings_ struct settings settings = {0};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < options_table_len; i++) {
        const struct option *option = &options_table[i];

        r = parse_option(option, json_object_get(config, option->name), &settings, err);
    }
    if (r < 0 || (r = check_swift(&settings, err)) < 0 || (r = check_influx(&settings, err)) < 0)
        return r;
    *ret = settings;
    memset(&settings, 0, sizeof(settings));
    return 0;
}
