// SPDX-License-Identifier: GPL-3.0-only
#include "adt/settings.h"

#include "adt/drain.h"
#include "base/clock.h"
#include "base/file.h"

#define HEARTBEAT_S 30
#define BROKER_TIMEOUT_US (10 * USEC_PER_SEC)
#define RATE_MAX 100000 // pages a second, requests a minute

const char *settings_dir(void)
{
    const char *dir = secure_getenv("AUTOPKGTEST_CLOUD_CONFIG");

    return dir ? dir : CONFIG_DIR;
}

static int load(const char *dir, const char *name, struct ini **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, name);

    return path ? ini_load(path, ret, err) : error_oom(err);
}

// Copies a value; absent: `fallback`, which may be NULL.
static int copy(const struct ini *ini, const char *section, const char *key, const char *fallback,
                char **ret, struct error *err)
{
    const char *value = ini_get(ini, section, key);

    if (str_empty(value))
        value = fallback;
    if (value && !(*ret = strdup(value)))
        return error_oom(err);
    return 0;
}

static int copy_required(const struct ini *ini, const char *section, const char *key, char **ret,
                         struct error *err)
{
    const char *value = NULL;
    int r = ini_require(ini, section, key, &value, err);

    if (r < 0)
        return r;
    *ret = strdup(value);
    return *ret ? 0 : error_oom(err);
}

static int split(const struct ini *ini, const char *section, const char *key, struct strv *ret,
                 struct error *err)
{
    const char *value = ini_get(ini, section, key);

    return value && strv_split(ret, value, " \t") < 0 ? error_oom(err) : 0;
}

static int read_broker(const struct ini *ini, struct amqp_settings *s, struct error *err)
{
    const char *host = NULL;
    uint64_t port = 0;
    int r;

    if ((r = ini_require(ini, "", "RABBIT_HOST", &host, err)) < 0 ||
        (r = ini_get_bool(ini, "", "RABBIT_TLS", false, &s->tls, err)) < 0 ||
        (r = ini_get_uint(ini, "", "RABBIT_PORT", 1, 65535, s->tls ? 5671 : 5672, &port, err)) <
            0 ||
        (r = split(ini, "", "RABBIT_HOSTS", &s->hosts, err)) < 0 ||
        (r = copy_required(ini, "", "RABBIT_USER", &s->user, err)) < 0 ||
        (r = copy_required(ini, "", "RABBIT_PASSWORD", &s->password, err)) < 0 ||
        (r = copy(ini, "", "RABBIT_VHOST", "/", &s->vhost, err)) < 0 ||
        (r = copy(ini, "", "RABBIT_CA_FILE", NULL, &s->ca_file, err)) < 0)
        return r;
    if (s->hosts.len == 0 && strv_add(&s->hosts, host) < 0)
        return error_oom(err);
    s->port = (uint16_t)port;
    s->heartbeat_s = HEARTBEAT_S;
    s->timeout_us = BROKER_TIMEOUT_US;
    return 0;
}

int settings_load_broker(const char *dir, struct amqp_settings *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    struct amqp_settings settings = {0};
    int r = load(dir, "rabbitmq.cred", &ini, err);

    if (r < 0)
        return r;
    r = read_broker(ini, &settings, err);
    if (r < 0) {
        amqp_settings_release(&settings);
        return r;
    }
    *ret = settings;
    return 0;
}

static int read_store(const struct ini *ini, struct swift_settings *ret, struct error *err)
{
    struct swift_settings s = {0};
    int r;

    if ((r = copy_required(ini, "", "SWIFT_AUTH_URL", &s.auth_url, err)) < 0 ||
        (r = copy_required(ini, "", "SWIFT_USERNAME", &s.username, err)) < 0 ||
        (r = copy_required(ini, "", "SWIFT_PASSWORD", &s.password, err)) < 0 ||
        (r = copy(ini, "", "SWIFT_PROJECT_NAME", NULL, &s.project_name, err)) < 0 ||
        (r = copy(ini, "", "SWIFT_PROJECT_DOMAIN_NAME", NULL, &s.project_domain_name, err)) < 0 ||
        (r = copy(ini, "", "SWIFT_USER_DOMAIN_NAME", NULL, &s.user_domain_name, err)) < 0 ||
        (r = copy(ini, "", "SWIFT_REGION", NULL, &s.region, err)) < 0) {
        swift_settings_release(&s);
        return r;
    }
    *ret = s;
    return 0;
}

int settings_load_store(const char *dir, struct swift_settings *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    int r = load(dir, "swift.cred", &ini, err);

    return r < 0 ? r : read_store(ini, ret, err);
}

int settings_read_store(const char *path, struct swift_settings *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    int r = ini_load(path, &ini, err);

    return r < 0 ? r : read_store(ini, ret, err);
}

static int read_setup_commands(const struct ini *ini, struct strv *ret, struct error *err)
{
    static const char *const keys[] = {"setup-command", "setup-command2"};
    size_t i;

    for (i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *command = ini_get(ini, "worker", keys[i]);

        if (!str_empty(command) && strv_add(ret, command) < 0)
            return error_oom(err);
    }
    return 0;
}

static int read_identity(const struct ini *ini, struct worker_settings *s, struct error *err)
{
    int r = copy(ini, "worker", "unit", "", &s->unit, err);

    return r < 0 ? r : copy(ini, "worker", "model", "", &s->model, err);
}

// What all workers of the unit share.
static int read_worker_folders(const struct ini *ini, struct worker_settings *s, struct error *err)
{
    int r;

    if ((r = copy_required(ini, "worker", "work-dir", &s->work_dir, err)) < 0 ||
        (r = copy_required(ini, "worker", "spool-dir", &s->spool_dir, err)) < 0 ||
        (r = copy_required(ini, "worker", "lists-dir", &s->lists_dir, err)) < 0)
        return r;
    return copy(ini, "worker", "drain-dir", DRAIN_DIR, &s->drain_dir, err);
}

static int read_worker_common(const struct ini *ini, struct worker_settings *s, struct error *err)
{
    int r;

    if ((r = read_identity(ini, s, err)) < 0 ||
        (r = split(ini, "worker", "releases", &s->releases, err)) < 0 ||
        (r = copy(ini, "worker", "mirror", NULL, &s->mirror, err)) < 0 ||
        (r = copy(ini, "worker", "autopkgtest", "/usr/bin/autopkgtest", &s->autopkgtest, err)) <
            0 ||
        (r = copy(ini, "worker", "upload", "/opt/autopkgtest-cloud/bin/autopkgtest-upload",
                  &s->upload, err)) < 0 ||
        (r = read_worker_folders(ini, s, err)) < 0 ||
        (r = read_setup_commands(ini, &s->setup_commands, err)) < 0 ||
        (r = ini_get_uint(ini, "worker", "retry-delay", 0, 86400, 300, &s->retry_delay_s, err)) <
            0 ||
        (r = ini_get_uint(ini, "worker", "upstream-percentage", 0, 100, 20, &s->upstream_percentage,
                          err)) < 0 ||
        (r = ini_get_uint(ini, "worker", "lease-ttl", 3, 86400, 600, &s->lease_ttl_s, err)) < 0)
        return r;
    if (s->releases.len == 0)
        return error_set(err, -EINVAL, "worker.conf: [worker] releases: names no release");
    return 0;
}

static int read_worker_instance(const struct ini *ini, const char *instance,
                                struct worker_settings *s, struct error *err)
{
    int r;

    s->name = strdup(instance);
    if (!s->name)
        return error_oom(err);
    if ((r = copy_required(ini, instance, "cloud", &s->cloud, err)) < 0 ||
        (r = copy_required(ini, instance, "arch", &s->arch, err)) < 0 ||
        (r = copy_required(ini, instance, "backend", &s->backend, err)) < 0)
        return r;
    if ((r = copy(ini, instance, "image", NULL, &s->image, err)) < 0)
        return r;
    r = split(ini, instance, "args", &s->backend_args, err);
    if (r == 0 && str_equal(s->backend, "ssh") && s->backend_args.len == 0)
        return error_set(
            err, -EINVAL,
            "worker.conf: [%s] args: the backend ssh needs to be told how to reach its "
            "testbed, such as: args = -s SETUP-SCRIPT -- ARGUMENTS",
            instance);
    return r;
}

int settings_load_worker(const char *dir, const char *instance, struct worker_settings *ret,
                         struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    struct worker_settings s = {0};
    int r = load(dir, "worker.conf", &ini, err);

    if (r < 0)
        return r;
    if (!ini_has_section(ini, instance))
        return error_set(err, -ENOENT,
                         "worker.conf: there is no section [%s]: this unit is not "
                         "configured to run that worker",
                         instance);
    if ((r = read_worker_common(ini, &s, err)) < 0 ||
        (r = read_worker_instance(ini, instance, &s, err)) < 0) {
        worker_settings_release(&s);
        return r;
    }
    *ret = s;
    return 0;
}

void worker_settings_release(struct worker_settings *s)
{
    free(s->name);
    free(s->unit);
    free(s->model);
    free(s->cloud);
    free(s->arch);
    strv_release(&s->releases);
    free(s->backend);
    free(s->image);
    strv_release(&s->backend_args);
    strv_release(&s->setup_commands);
    free(s->mirror);
    free(s->autopkgtest);
    free(s->upload);
    free(s->drain_dir);
    free(s->work_dir);
    free(s->spool_dir);
    free(s->lists_dir);
    *s = (struct worker_settings){0};
}

static int read_web_github(const struct ini *ini, struct web_settings *s, struct error *err)
{
    int r;

    if ((r = copy(ini, "web", "github-secrets-file", NULL, &s->github_secrets_file, err)) < 0 ||
        (r = copy(ini, "web", "github-credentials-file", NULL, &s->github_credentials_file, err)) <
            0 ||
        (r = copy(ini, "web", "github-api-url", "https://api.github.com", &s->github_api_url,
                  err)) < 0)
        return r;
    return 0;
}

// Who may request tests.
static int read_web_users(const struct ini *ini, struct web_settings *s, struct error *err)
{
    int r;

    if ((r = copy(ini, "web", "authorization", "launchpad", &s->authorization, err)) < 0 ||
        (r = copy(ini, "web", "login-url", "https://login.ubuntu.com/+openid", &s->login_url,
                  err)) < 0 ||
        (r = split(ini, "web", "allowed-requestors", &s->allowed_requestors, err)) < 0 ||
        (r = copy(ini, "web", "launchpad-api-url", "https://api.launchpad.net/1.0/",
                  &s->launchpad_api_url, err)) < 0 ||
        (r = copy(ini, "web", "api-keys-file", NULL, &s->api_keys_file, err)) < 0 ||
        (r = copy(ini, "web", "session-key-file", NULL, &s->session_key_file, err)) < 0)
        return r;
    return 0;
}

// How much of it one client or user may have.
static int read_web_limits(const struct ini *ini, struct web_settings *s, struct error *err)
{
    uint64_t pages = 0, requests = 0, seconds = 0;
    int r;

    if ((r = ini_get_uint(ini, "web", "page-rate-limit", 0, RATE_MAX, 20, &pages, err)) < 0 ||
        (r = ini_get_uint(ini, "web", "request-rate-limit", 0, RATE_MAX, 30, &requests, err)) < 0 ||
        (r = ini_get_uint(ini, "web", "client-timeout", 1, 3600, 60, &seconds, err)) < 0)
        return r;
    s->client_timeout_s = (unsigned)seconds;
    s->page_rate_limit = (unsigned)pages;
    s->request_rate_limit = (unsigned)requests;
    return 0;
}

static int read_web_proxies(const struct ini *ini, struct web_settings *s, struct error *err)
{
    _cleanup_strv_ struct strv proxies = STRV_INIT;
    int r = split(ini, "web", "trusted-proxies", &proxies, err);

    STRV_FOREACH (proxy, &proxies) {
        if (r == 0)
            r = networks_add(&s->trusted_proxies, proxy);
        if (r == -EINVAL)
            return error_set(err, r,
                             "web.conf: [web] trusted-proxies: expected an address or a network, "
                             "got \"%s\"",
                             proxy);
        if (r < 0)
            return error_oom(err);
    }
    return r;
}

// Where it listens, where people find it, and how often they may come.
static int read_web_address(const struct ini *ini, struct web_settings *s, struct error *err)
{
    uint64_t port = 0;
    int r;

    if ((r = copy(ini, "web", "hostname", "localhost", &s->hostname, err)) < 0 ||
        (r = copy(ini, "web", "public-url", NULL, &s->public_url, err)) < 0 ||
        (r = ini_get_uint(ini, "web", "port", 1, 65535, 80, &port, err)) < 0 ||
        (r = read_web_proxies(ini, s, err)) < 0)
        return r;
    s->port = (uint16_t)port;
    return read_web_limits(ini, s, err);
}

// Where results are.
static int read_web_store(const struct ini *ini, struct web_settings *s, struct error *err)
{
    int r;

    if ((r = copy(ini, "web", "store-mark", NULL, &s->store_mark, err)) < 0 ||
        (r = copy(ini, "web", "store-dir", NULL, &s->store_dir, err)) < 0 ||
        (r = copy(ini, "web", "store-credentials", NULL, &s->store_credentials, err)) < 0 ||
        (r = copy(ini, "web", "store-url", NULL, &s->store_url, err)) < 0 ||
        (r = copy(ini, "web", "store-reader", NULL, &s->store_reader, err)) < 0 ||
        (r = copy(ini, "web", "store-peer", NULL, &s->store_peer, err)) < 0)
        return r;
    return 0;
}

static int read_web(const struct ini *ini, struct web_settings *s, struct error *err)
{
    int r;

    if ((r = copy(ini, "web", "unit", "autopkgtest-cloud/0", &s->unit, err)) < 0 ||
        (r = read_web_address(ini, s, err)) < 0 ||
        (r = split(ini, "web", "releases", &s->releases, err)) < 0 ||
        (r = split(ini, "web", "architectures", &s->architectures, err)) < 0 ||
        (r = read_web_users(ini, s, err)) < 0 || (r = read_web_github(ini, s, err)) < 0 ||
        (r = copy(ini, "web", "results-mark", NULL, &s->results_mark, err)) < 0 ||
        (r = copy_required(ini, "web", "database", &s->database, err)) < 0 ||
        (r = copy(ini, "web", "public-database", NULL, &s->public_database, err)) < 0 ||
        (r = read_web_store(ini, s, err)) < 0 ||
        (r = copy_required(ini, "web", "templates-dir", &s->templates_dir, err)) < 0 ||
        (r = copy_required(ini, "web", "static-dir", &s->static_dir, err)) < 0)
        return r;
    return 0;
}

int settings_load_web(const char *dir, struct web_settings *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    struct web_settings s = {0};
    int r = load(dir, "web.conf", &ini, err);

    if (r == 0)
        r = read_web(ini, &s, err);
    if (r < 0) {
        web_settings_release(&s);
        return r;
    }
    *ret = s;
    return 0;
}

// An empty folder in the place of the results is not to be taken for an empty store.
static int check_mark(const char *mark, struct error *err)
{
    if (!mark || access(mark, F_OK) == 0)
        return 0;
    return error_set(err, -ENODEV,
                     "%s is not there: the disk with the results is not mounted (docs/how-to/"
                     "find-results-that-are-gone.md)",
                     mark);
}

int settings_load_results(const char *dir, struct web_settings *ret, struct error *err)
{
    struct web_settings s = {0};
    int r = settings_load_web(dir, &s, err);

    if (r == 0)
        r = check_mark(s.results_mark, err);
    if (r == 0)
        r = check_mark(s.store_mark, err);
    if (r < 0) {
        web_settings_release(&s);
        return r;
    }
    *ret = s;
    return 0;
}

char *web_settings_url(const struct web_settings *s)
{
    if (s->public_url)
        return strdup(s->public_url);
    return s->port == 80 ? str_format("http://%s", s->hostname)
                         : str_format("http://%s:%u", s->hostname, s->port);
}

void web_settings_release(struct web_settings *s)
{
    free(s->unit);
    free(s->hostname);
    free(s->public_url);
    networks_release(&s->trusted_proxies);
    strv_release(&s->releases);
    strv_release(&s->architectures);
    free(s->authorization);
    free(s->login_url);
    strv_release(&s->allowed_requestors);
    free(s->launchpad_api_url);
    free(s->api_keys_file);
    free(s->session_key_file);
    free(s->github_secrets_file);
    free(s->github_credentials_file);
    free(s->github_api_url);
    free(s->results_mark);
    free(s->store_mark);
    free(s->database);
    free(s->public_database);
    free(s->store_dir);
    free(s->store_credentials);
    free(s->store_url);
    free(s->store_peer);
    free(s->store_reader);
    free(s->templates_dir);
    free(s->static_dir);
    *s = (struct web_settings){0};
}
