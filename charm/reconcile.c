// SPDX-License-Identifier: GPL-3.0-only
#include "charm/reconcile.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/parse.h"
#include "charm/cluster.h"
#include "charm/cos_agent.h"
#include "charm/ingress.h"
#include "charm/juju.h"
#include "charm/model_read.h"
#include "charm/options.h"
#include "charm/owner.h"
#include "charm/relations.h"
#include "charm/remotes.h"
#include "charm/result_store.h"
#include "charm/source.h"
#include "charm/status.h"
#include "charm/store_reader.h"
#include "charm/user_secret.h"
#include "charm/website.h"
#include "charm/worker_counts.h"
#include "data/json.h"

#include <inttypes.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>

struct run {
    const char *root;
    struct model model;
    struct state state;
    struct settings settings;
    json_t *api_keys, *github_secrets, *github_credentials;
    json_t *session_key;
    bool session_key_made; // by us, and nobody else has it yet
    struct novarcs novarcs;
    char *autopkgtest;
    struct status status;
    bool usable; // there are settings to work with
};

static void run_release(struct run *run)
{
    model_release(&run->model);
    state_release(&run->state);
    settings_release(&run->settings);
    json_decref(run->api_keys);
    json_decref(run->github_secrets);
    json_decref(run->github_credentials);
    json_decref(run->session_key);
    novarcs_release(&run->novarcs);
    free(run->autopkgtest);
    status_release(&run->status);
}

// ---- settings

// 1: the operator has to do something first (the status says what).
static int blocked(struct run *run, const char *message, struct error *err)
{
    return status_add(&run->status, STATUS_BLOCKED, "%s", message) < 0 ? error_oom(err) : 1;
}

// What Juju's answer on a secret means: a grant is a matter of time, and update-status sees it; a
// secret that is not there is the operator's.
static int secret_refused(struct run *run, const char *option, const char *uri, int r,
                          const struct error *why, struct error *err)
{
    _cleanup_free_ char *message = NULL;

    if (r != -EACCES && r != -ENOENT)
        return error_set(err, r, "%s", error_message(why));
    message = user_secret_refusal(option, uri, run->model.app, r);
    if (!message ||
        status_add(&run->status, r == -EACCES ? STATUS_WAITING : STATUS_BLOCKED, "%s", message) < 0)
        return error_oom(err);
    return 1;
}

static int read_secret(struct run *run, const char *option, const char *uri, json_t **ret,
                       struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = juju_secret_get(uri, ret, &why);

    return r < 0 ? secret_refused(run, option, uri, r, &why, err) : 0;
}

static int decode_novarcs(struct run *run, const char *option, const char *base64,
                          struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *message = NULL;
    int r = novarcs_decode(base64, &run->novarcs, &why);

    if (r >= 0)
        return 0;
    if (r != -EINVAL)
        return error_set(err, r, "%s", error_message(&why));
    message = str_format("%s: %s", option, error_message(&why));
    return message ? blocked(run, message, err) : error_oom(err);
}

// The clouds' .rc files: those of the secret take the place of the option's.
static int take_novarcs(struct run *run, struct error *err)
{
    const struct nova_options *nova = &run->settings.nova;
    _cleanup_json_ json_t *tar = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    novarcs_release(&run->novarcs);
    if (!run->settings.worker)
        return 0;
    if (str_empty(nova->secret))
        return str_empty(nova->novarcs) ? 0 : decode_novarcs(run, "novarcs", nova->novarcs, err);
    r = juju_secret_get_bytes(nova->secret, "tar", &tar, &why);
    if (r == -ENODATA)
        return blocked(run, "novarcs-secret: the secret has no key tar", err);
    if (r < 0)
        return secret_refused(run, "novarcs-secret", nova->secret, r, &why, err);
    return decode_novarcs(run, "novarcs-secret: tar", json_string_value(tar), err);
}

// The secrets that are files of the web service's.
static int take_web_secrets(struct run *run, struct error *err)
{
    const struct {
        const char *option, *uri;
        json_t **ret;
    } secrets[] = {
        {"external-web-requests-api-keys", run->settings.api_keys_secret, &run->api_keys},
        {"github-secrets", run->settings.github_secrets, &run->github_secrets},
        {"github-status-credentials", run->settings.github_credentials, &run->github_credentials},
    };

    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        int r = !run->settings.web || str_empty(secrets[i].uri)
                    ? 0
                    : read_secret(run, secrets[i].option, secrets[i].uri, secrets[i].ret, err);

        if (r)
            return r;
    }
    return 0;
}

// The password of the secret takes the place of the option's.
static int take_swift_password(struct run *run, struct error *err)
{
    struct swift_options *swift = &run->settings.swift;
    _cleanup_json_ json_t *secret = NULL;
    const char *password;
    int r;

    if (!settings_use_swift(&run->settings) || str_empty(swift->secret))
        return 0;
    r = read_secret(run, "swift-secret", swift->secret, &secret, err);
    if (r)
        return r;
    password = json_string_value(json_object_get(secret, "password"));
    if (str_empty(password))
        return blocked(run, "swift-secret: the secret has no key password", err);
    if (str_has_control(password)) // a line break at its end, mostly
        return blocked(run, "swift-secret: password: expected one line of text", err);
    free(swift->password);
    swift->password = strdup(password);
    return swift->password ? 0 : error_oom(err);
}

// Whom the web reads with, if that is another one.
static int take_store_reader(struct run *run, struct error *err)
{
    const char *uri = run->settings.reader.secret;
    _cleanup_json_ json_t *secret = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (!run->settings.web || !settings_use_swift(&run->settings) || str_empty(uri))
        return 0;
    r = read_secret(run, "public-swift-creds", uri, &secret, err);
    if (r)
        return r;
    r = store_reader_read(secret, &run->settings, &why);
    if (r == -EINVAL)
        return blocked(run, error_message(&why), err);
    return r < 0 ? error_set(err, r, "%s", error_message(&why)) : 0;
}

// Whether every region that shall have workers can have them.
static int check_regions(struct run *run, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = 0;

    if (run->settings.worker)
        r = novarcs_check(&run->novarcs, &run->settings, run->model.app, &why);
    if (r == -EINVAL)
        return blocked(run, error_message(&why), err);
    return r < 0 ? error_set(err, r, "%s", error_message(&why)) : 0;
}

// Who we are at the InfluxDB.
static int take_influx(struct run *run, struct error *err)
{
    struct influx_options *influx = &run->settings.influx;
    _cleanup_json_ json_t *secret = NULL;
    const char *user, *password;
    int r;

    if (str_empty(influx->url) || str_empty(influx->secret))
        return 0;
    r = read_secret(run, "influxdb-secret", influx->secret, &secret, err);
    if (r)
        return r;
    user = json_text(secret, "username");
    password = json_text(secret, "password");
    if (!*user || !*password || str_has_control(user) || str_has_control(password))
        return blocked(run, "influxdb-secret: expected keys username and password, one line each",
                       err);
    influx->username = strdup(user);
    influx->password = strdup(password);
    return influx->username && influx->password ? 0 : error_oom(err);
}

static int take_source(struct run *run, struct error *err)
{
    const struct apply a = {.root = run->root, .model = &run->model, .state = &run->state};
    _cleanup_strv_ struct strv packages = STRV_INIT;
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *message = NULL;
    int r;

    if (!run->settings.worker || !run->settings.source_url) {
        run->autopkgtest = strdup("/usr/bin/autopkgtest");
        return run->autopkgtest ? 0 : error_oom(err);
    }
    if (plan_packages(run->root, &run->settings, &packages) < 0)
        return error_oom(err);
    r = apply_packages(&a, &packages, false, err);
    if (r < 0)
        return r;
    r = source_ensure(run->root, &run->state, run->settings.source_url, run->settings.source_branch,
                      &run->autopkgtest, &why);
    if (r >= 0)
        return 0;
    if (r != -EIO && r != -ENOENT && r != -ETIMEDOUT)
        return error_set(err, r, "%s", error_message(&why));
    message = str_format("autopkgtest-source: %s", error_message(&why));
    return message ? blocked(run, message, err) : error_oom(err);
}

// Checks one set of option values and fetches what it refers to. 1: the operator has to act.
static int try_config(struct run *run, const json_t *config, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    settings_release(&run->settings);
    r = options_parse(config, &run->settings, &why);
    if (r == -EINVAL)
        return blocked(run, error_message(&why), err);
    if (r < 0)
        return error_set(err, r, "%s", error_message(&why));
    r = worker_counts_apply(&run->state, config, &run->settings, NULL, err);
    if (r < 0)
        return r;
    r = take_web_secrets(run, err);
    if (r == 0)
        r = take_swift_password(run, err);
    if (r == 0)
        r = take_store_reader(run, err);
    if (r == 0)
        r = take_influx(run, err);
    if (r == 0)
        r = take_novarcs(run, err);
    if (r == 0)
        r = check_regions(run, err);
    return r ? r : take_source(run, err);
}

// The options as they are; with something wrong in them the last ones that were right, so that
// everything else (a new password of the broker) still reaches the services.
static int choose_settings(struct run *run, struct error *err)
{
    const json_t *last = state_value(&run->state, "config");
    int r;

    r = try_config(run, run->model.config, err);
    if (r == 0) {
        run->usable = true;
        // Juju does not tell whether detached storage was removed; who changes options has read the
        // status.
        if (run->model.hook == HOOK_CONFIG_CHANGED && last && !json_equal(last, run->model.config))
            r = model_forget_storage(&run->state, err);
        return r < 0 ? r : state_set_value(&run->state, "config", run->model.config, err);
    }
    if (r < 0 || !last)
        return r < 0 ? r : 0;
    json_decref(TAKE_PTR(run->api_keys));
    json_decref(TAKE_PTR(run->github_secrets));
    json_decref(TAKE_PTR(run->github_credentials));
    r = try_config(run, last, err);
    run->usable = r == 0;
    return r < 0 ? r : 0;
}

// ---- the machine

// The built-in store's password: made once, then kept.
static int store_password(const struct run *run, char **ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" ETC_DIR "/store.cred", run->root);
    _cleanup_buf_ struct buf text = BUF_INIT(64 * 1024);
    static const char key[] = "SWIFT_PASSWORD=";
    unsigned char random[32];
    const char *line;

    if (!path)
        return error_oom(err);
    if (file_read(path, &text, NULL) == 0 && text.len > 0 && (line = strstr(buf_str(&text), key)) &&
        (line == text.data || line[-1] == '\n')) {
        line += strlen(key);
        *ret = strndup(line, strcspn(line, "\n"));
        if (!*ret)
            return error_oom(err);
        if (**ret)
            return 0;
        free(TAKE_PTR(*ret));
    }
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return error_errno(err, -EIO, "cannot make a password");
    *ret = malloc(2 * sizeof(random) + 1);
    if (!*ret)
        return error_oom(err);
    hex_encode(random, sizeof(random), *ret);
    return 0;
}

// Debian's name of this machine's architecture, as far as the charm is built for it.
static const char *machine_arch(void)
{
    static const char *const names[][2] = {{"x86_64", "amd64"},
                                           {"aarch64", "arm64"},
                                           {"ppc64le", "ppc64el"},
                                           {"armv7l", "armhf"},
                                           {"i686", "i386"}};
    static struct utsname machine;

    if (uname(&machine) < 0)
        return "amd64";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(machine.machine, names[i][0]) == 0)
            return names[i][1];
    return machine.machine; // riscv64, s390x
}

// Opens the port and closes others of ours. What a hook asks for Juju does only when the hook has
// ended well, so memory has what a later hook has seen to be open.
static int open_port(struct run *run, unsigned wanted, struct error *err)
{
    _cleanup_free_ char *port = str_format("%u", wanted), *entry = str_format("%u/tcp", wanted);
    _cleanup_json_ json_t *opened = NULL;
    bool is_open = false, as_wanted = true;
    json_t *item;
    size_t i;
    int r;

    if (!port || !entry)
        return error_oom(err);
    if (state_is(&run->state, "port", port))
        return 0;
    r = juju_opened_ports(&opened, err);
    if (r < 0)
        return r;
    json_array_foreach (opened, i, item) {
        if (str_equal(json_string_value(item), entry)) {
            is_open = true;
            continue;
        }
        as_wanted = false;
        r = juju_port(false, json_string_value(item), err);
        if (r < 0)
            return r;
    }
    if (wanted > 0 && !is_open)
        return juju_port(true, entry, err);
    return as_wanted ? state_set(&run->state, "port", port, err) : 0;
}

static int tell_status(struct run *run, const struct plan *plan, const struct result_store *store,
                       const struct unit_states *states)
{
    struct status *status = &run->status;

    if (status_add_model(status, &run->model, &run->settings, run->api_keys != NULL) < 0 ||
        (store->trouble && status_add(status, store->urgency, "%s", store->trouble) < 0) ||
        status_add_images(status, plan, run->root, run->model.unit) < 0 ||
        status_add_lists(status, plan, run->root) < 0 ||
        status_add_services(status, plan, states, run->model.unit) < 0)
        return -ENOMEM;
    return status_add_storage(status, &run->model, &run->state);
}

static int carry_out(struct run *run, const struct apply *a, struct plan *plan,
                     const json_t *remotes, struct unit_states *ret, struct error *err)
{
    int r;

    if ((r = apply_scratch_dir(a, err)) < 0 || (r = apply_files(a, plan, err)) < 0 ||
        (r = remotes_apply(a, remotes, plan, &run->status, err)) < 0 ||
        (r = apply_services(a, plan, ret, err)) < 0)
        return r;
    return open_port(run, plan->port, err);
}

static int make_it_so(struct run *run, struct error *err)
{
    const struct apply a = {.root = run->root, .model = &run->model, .state = &run->state};
    _cleanup_plan_ struct plan plan = {0};
    _cleanup_unit_states_ struct unit_states states = {0};
    _cleanup_(result_store_release) struct result_store store = {0};
    _cleanup_free_ char *password = NULL, *lost = NULL;
    _cleanup_json_ json_t *remotes = NULL;
    struct plan_input input = {.root = run->root,
                               .model = &run->model,
                               .settings = &run->settings,
                               .api_keys = run->api_keys,
                               .github_secrets = run->github_secrets,
                               .github_credentials = run->github_credentials,
                               .novarcs = &run->novarcs,
                               .autopkgtest = run->autopkgtest,
                               .store = &store,
                               .arch = machine_arch()};
    int r;

    if ((r = store_password(run, &password, err)) < 0 ||
        (r = remotes_list(run->root, &run->state, &run->settings, &remotes, err)) < 0 ||
        (r = result_store_find(run->root, &run->model, &run->settings, &run->state, password,
                               &store, err)) < 0)
        return r;
    r = cluster_session_key(run->root, &run->model, &run->settings, &run->state, &run->session_key,
                            &run->session_key_made, err);
    if (r < 0)
        return r;
    input.session_key = run->session_key;
    input.store_password = store.token ? store.token : password;
    input.remotes = remotes;
    if ((r = plan_make(&input, &plan, err)) < 0 ||
        (r = apply_data_dir(&a, run->settings.web, store.place == RESULT_STORE_HERE, &lost, err)) <
            0)
        return r;
    if (lost)
        return status_add_lost(&run->status, lost) < 0 ? error_oom(err) : 0;
    r = carry_out(run, &a, &plan, remotes, &states, err);
    if (r < 0)
        return r;
    return tell_status(run, &plan, &store, &states) < 0 ? error_oom(err) : 0;
}

// ---- what others are told

// The account we ask the broker for. There is no key `admin`: any value of it, even "false", makes
// an administrator.
static int publish_broker(const struct run *run, struct error *err)
{
    _cleanup_json_ json_t *data = json_pack("{s:s, s:s}", "username", "autopkgtest", "vhost", "/");

    if (!run->model.broker.relation)
        return 0;
    return data ? juju_relation_set(run->model.broker.relation, data, err) : error_oom(err);
}

// The administrator's account, which actions use. `admin` is in the first write: the broker's charm
// does not look at it later.
static int publish_broker_admin(struct error *err)
{
    const char *id = getenv("JUJU_RELATION_ID");
    _cleanup_json_ json_t *data = NULL;

    if (!id || !str_starts_with(id, "amqp-admin:"))
        return 0;
    data = json_pack("{s:s, s:s, s:s}", "username", "autopkgtest-admin", "vhost", "/", "admin",
                     "true");
    return data ? juju_relation_set(id, data, err) : error_oom(err);
}

static int publish_website(struct run *run, struct error *err)
{
    _cleanup_free_ char *address = NULL;
    _cleanup_json_ json_t *data = NULL;
    json_t *id;
    size_t i;
    int r;

    if (!run->usable || json_array_size(run->model.website) == 0)
        return 0;
    if (run->settings.web && (r = juju_ingress_address("website", &address, err)) < 0)
        return r;
    r = website_data(run->model.app, run->model.unit, address, run->settings.http_port, &data, err);
    if (r < 0)
        return r;
    json_array_foreach (run->model.website, i, id) {
        r = relations_tell(&run->model, &run->state, json_string_value(id), false, data, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// A revision of a secret of ours that nobody reads any more: Juju keeps it, and what is in it,
// until its owner takes it away.
static int drop_secret_revision(const struct run *run, struct error *err)
{
    const char *id = getenv("JUJU_SECRET_ID"), *revision = getenv("JUJU_SECRET_REVISION");
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (run->model.hook != HOOK_SECRET_REMOVE || str_empty(id) || str_empty(revision))
        return 0;
    r = juju_secret_remove(id, revision, &why);
    if (r == -ENOENT || r == -EACCES) // gone already, or another unit leads now and is told too
        return 0;
    return r < 0 ? error_set(err, r, "%s", error_message(&why)) : 0;
}

static int publish(struct run *run, struct error *err)
{
    enum hook hook = run->model.hook;
    bool first =
        hook == HOOK_RELATION_CREATED || hook == HOOK_RELATION_JOINED || hook == HOOK_UPGRADE_CHARM;
    int r = 0;

    if (first)
        r = publish_broker(run, err);
    if (r >= 0 && first)
        r = publish_broker_admin(err);
    if (r >= 0 && (first || hook == HOOK_CONFIG_CHANGED))
        r = publish_website(run, err);
    if (r >= 0 && run->usable)
        r = ingress_publish(&run->model, &run->settings, &run->state, err);
    if (r >= 0 && run->session_key_made)
        r = cluster_share(run->root, &run->model, err);
    return r < 0 ? r
                 : cos_agent_publish(&run->model, run->usable ? &run->settings : NULL, &run->state,
                                     err);
}

static int tell_version(struct run *run, struct error *err)
{
    int r;

    if (state_is(&run->state, "version", VERSION))
        return 0;
    r = juju_version_set(VERSION, err);
    return r < 0 ? r : state_set(&run->state, "version", VERSION, err);
}

// ---- hooks

// Tells one content of the charm from another, by the list of checksums that was packed with it. ""
// when there is no such list.
static char *charm_fingerprint(const struct run *run)
{
    _cleanup_free_ char *path = path_join(run->model.charm_dir, "manifest.files");
    _cleanup_buf_ struct buf list = BUF_INIT(1024 * 1024);

    if (!path)
        return NULL;
    if (file_read(path, &list, NULL) < 0)
        return strdup("");
    return str_format("%016" PRIx64, hash_add(HASH_START, buf_str(&list), list.len));
}

// What a new charm makes stale of what the unit remembers: programs, templates and pages.
static int forget(struct run *run, struct error *err)
{
    static const char *const services[] = {"systemd", "workers", "web", "indexer"};
    const struct apply a = {.root = run->root, .model = &run->model, .state = &run->state};
    _cleanup_free_ char *fingerprint = NULL;
    int r = 0;

    if (run->model.hook != HOOK_UPGRADE_CHARM && run->model.hook != HOOK_INSTALL)
        return 0;
    fingerprint = charm_fingerprint(run);
    if (!fingerprint)
        return error_oom(err);
    if (*fingerprint && state_is(&run->state, "charm-files", fingerprint))
        return 0;
    for (size_t i = 0; run->model.hook == HOOK_UPGRADE_CHARM && i < ARRAY_SIZE(services) && r >= 0;
         i++)
        r = apply_remember(&a, services[i], err);
    return r < 0 ? r : state_set(&run->state, "charm-files", fingerprint, err);
}

static bool is_storage_hook(const struct run *run, const char *prefix)
{
    const char *id = getenv("JUJU_STORAGE_ID");

    return (run->model.hook == HOOK_STORAGE_ATTACHED ||
            run->model.hook == HOOK_STORAGE_DETACHING) &&
           id && str_starts_with(id, prefix);
}

// Before it goes: a unit that is removed has no storage any more when it stops.
static int warn_of_storage(const struct run *run, struct error *err)
{
    const char *data_dir = state_get(&run->state, "data-dir");
    _cleanup_free_ char *with = NULL;

    if (run->model.hook != HOOK_STORAGE_DETACHING || !is_storage_hook(run, "data/") || !data_dir ||
        strcmp(data_dir, DATA_DIR) == 0)
        return 0;
    with = str_format("storage %s", getenv("JUJU_STORAGE_ID"));
    return with ? result_store_warn(run->root, &run->model, &run->state, with, err)
                : error_oom(err);
}

// Storage `tmp` that goes is the folder of running tests: they cannot go on. When it comes they
// can, unless the store is away: what they leave in the old place would be tested a second time.
static int move_scratch(struct run *run, struct error *err)
{
    const struct apply a = {.root = run->root, .model = &run->model, .state = &run->state};
    bool stop = run->model.hook == HOOK_STORAGE_DETACHING;
    int r = 0;

    if (!is_storage_hook(run, "tmp/") || (!stop && !run->usable))
        return 0;
    if (!stop)
        r = apply_scratch_waits(&a, &stop, err);
    if (r >= 0 && stop)
        r = apply_drain(&a, run->settings.drain_timeout_s, err);
    // Here because results are not to go with the storage, whatever the settings are.
    return r < 0 ? r : apply_scratch_dir(&a, err);
}

// Juju attaches storage before it runs install: then there is nothing yet to move.
static bool is_before_install(const struct run *run)
{
    _cleanup_free_ char *link = str_format("%s" CHARM_LINK, run->root);
    struct stat st;

    return run->model.hook == HOOK_STORAGE_ATTACHED && link && lstat(link, &st) < 0;
}

static int converge(struct run *run, struct error *err)
{
    int r;

    if ((r = forget(run, err)) < 0 || (r = model_read(&run->model, &run->state, err)) < 0)
        return r;
    if (is_before_install(run))
        return status_add(&run->status, STATUS_MAINTENANCE, "storage attached") < 0 ? error_oom(err)
                                                                                    : 0;
    r = choose_settings(run, err);
    if (r < 0)
        return r;
    if ((r = warn_of_storage(run, err)) < 0 || (r = move_scratch(run, err)) < 0)
        return r;
    if (run->usable && (r = make_it_so(run, err)) < 0)
        return r;
    if ((r = publish(run, err)) < 0 || (r = drop_secret_revision(run, err)) < 0)
        return r;
    return tell_version(run, err);
}

// Of the options as they are; with something wrong in them, of the last ones that were right. 0:
// there are none so far.
static unsigned drain_timeout(struct run *run)
{
    const json_t *configs[] = {run->model.config, state_value(&run->state, "config")};

    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        _cleanup_error_ struct error why = ERROR_INIT;

        settings_release(&run->settings);
        if (configs[i] && options_parse(configs[i], &run->settings, &why) >= 0)
            return run->settings.drain_timeout_s;
    }
    return 0;
}

static int stop(struct run *run, struct error *err)
{
    const struct apply a = {.root = run->root, .model = &run->model, .state = &run->state};
    int r = juju_config_get(&run->model.config, err);

    if (r < 0)
        return r;
    r = apply_stop(&a, drain_timeout(run), err);
    if (r < 0 ||
        (r = result_store_warn(run->root, &run->model, &run->state, "its machine", err)) < 0)
        return r;
    return status_add(&run->status, STATUS_MAINTENANCE, "stopped") < 0 ? error_oom(err) : 0;
}

static int remove_all(struct run *run, struct error *err)
{
    const struct apply a = {.root = run->root, .model = &run->model, .state = &run->state};
    int r;

    r = apply_remove(&a, err);
    if (r < 0)
        return r;
    run->state.changed = false; // its file is gone
    r = juju_log("INFO",
                 "results and results that were not uploaded stay in " DATA_DIR
                 "; remove it when they are not needed",
                 err);
    if (r < 0)
        return r;
    return status_add(&run->status, STATUS_MAINTENANCE, "removed") < 0 ? error_oom(err) : 0;
}

static int act(struct run *run, struct error *err)
{
    _cleanup_free_ char *other = NULL;
    int r;

    r = owner_claim(run->root, &run->model, &other, err);
    if (r < 0)
        return r;
    if (other) {
        r = status_add(&run->status, STATUS_BLOCKED,
                       "%s runs on this machine already: give each unit a machine of its own: juju "
                       "remove-unit %s; juju add-unit %s",
                       other, run->model.unit, run->model.app);
        return r < 0 ? error_oom(err) : 0;
    }
    switch (run->model.hook) {
    case HOOK_STOP:
        return stop(run, err);
    case HOOK_REMOVE:
        return remove_all(run, err);
    default:
        return converge(run, err);
    }
}

int charm_reconcile(const char *root, enum hook hook, struct error *err)
{
    _cleanup_(run_release) struct run run = {.root = root};
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if ((r = model_read_environment(hook, &run.model, err)) < 0 ||
        (r = state_load(root, &run.state, err)) < 0)
        return r;
    r = act(&run, err);
    if (r < 0)
        (void)relations_forget_told(&run.state, NULL);
    // Also after a failure: what was begun must be known to the retry.
    if (state_save(&run.state, &why) < 0 && r >= 0)
        r = error_set(err, -EIO, "%s", error_message(&why));
    if (r < 0)
        return r;
    return juju_status_set(status_word(run.status.urgency),
                           run.status.message ? run.status.message : "", err);
}

int charm_hook_main(enum hook hook)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (charm_reconcile("", hook, &err) >= 0)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%s\n", error_message(&err));
    return EXIT_FAILURE;
}
