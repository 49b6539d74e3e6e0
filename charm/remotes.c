// SPDX-License-Identifier: GPL-3.0-only
#include "charm/remotes.h"

#include "base/file.h"
#include "charm/accounts.h"
#include "charm/command.h"
#include "charm/packages.h"
#include "data/json.h"

#include <sys/stat.h>

#define KEY "remotes"
#define CERTIFICATE REMOTES_DIR "/client.crt"
#define PRIVATE_KEY REMOTES_DIR "/client.key"
#define OPENSSL_TIMEOUT_S 60
#define CHECK_TIMEOUT_S 120

bool remotes_in_use(const char *root, const char *cloud, const char *arch)
{
    // The service's folder there is systemd's, which removes it when the worker has ended.
    _cleanup_free_ char *path = str_format("%s/run/autopkgtest-cloud", root);
    _cleanup_free_ char *prefix =
        str_format("worker-%s-%s%s", cloud, arch ? arch : "", arch ? "-" : "");
    _cleanup_strv_ struct strv names = STRV_INIT;

    if (path && prefix)
        (void)dir_list(path, &names, NULL);
    STRV_FOREACH (name, &names)
        if (str_starts_with(name, prefix))
            return true;
    return false;
}

int remotes_packages(const char *root, struct strv *ret)
{
    const char *client = packages_lxd_client(root);
    int r = strv_add(ret, "openssl"); // for the unit's certificate

    return r < 0 || !client ? r : strv_add(ret, client);
}

int remotes_list(const char *root, struct state *state, const struct settings *settings,
                 json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *list = json_object();
    const json_t *known = state_value(state, KEY);
    const char *cloud;
    json_t *address;
    int r = list ? 0 : -ENOMEM;

    for (size_t i = 0; settings->worker && i < settings->clouds_len && r == 0; i++) {
        const struct cloud_workers *place = &settings->clouds[i];

        if (place->kind == CLOUD_LXD && place->count > 0)
            r = json_put_string(list, place->cloud, place->address);
    }
    json_object_foreach ((json_t *)(uintptr_t)known, cloud, address)
        if (r == 0 && !json_object_get(list, cloud) && remotes_in_use(root, cloud, NULL))
            r = json_put(list, cloud, json_incref(address));
    if (r < 0)
        return error_oom(err);
    r = state_set_value(state, KEY, json_object_size(list) > 0 ? list : NULL, err);
    if (r == 0)
        *ret = TAKE_PTR(list);
    return r;
}

// ---- the unit's certificate

char *remotes_client_name(const char *unit)
{
    char *name = strdup(unit);

    for (char *c = name; c && *c; c++)
        if (*c == '/')
            *c = '-';
    return name;
}

static int make_certificate(const char *unit, const char *key, const char *certificate,
                            struct error *err)
{
    _cleanup_free_ char *name = remotes_client_name(unit);
    _cleanup_free_ char *subject = name ? str_format("/O=autopkgtest-cloud/CN=%s", name) : NULL;
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:secp384r1",
                                "-sha384",
                                "-nodes",
                                "-days",
                                "3650",
                                "-subj",
                                subject,
                                "-keyout",
                                key,
                                "-out",
                                certificate,
                                NULL};

    return subject ? command_run(argv, OPENSSL_TIMEOUT_S, err) : error_oom(err);
}

static int keep(const char *made, const char *path, mode_t mode, gid_t group)
{
    if (chown(made, (uid_t)-1, group) < 0 || chmod(made, mode) < 0)
        return -errno;
    return rename(made, path) < 0 ? -errno : 0;
}

// Both are there, or the next hook makes both anew.
static int ensure_certificate(const struct apply *a, struct error *err)
{
    _cleanup_free_ char *certificate = str_format("%s" CERTIFICATE, a->root);
    _cleanup_free_ char *key = str_format("%s" PRIVATE_KEY, a->root);
    _cleanup_free_ char *new_certificate = str_format("%s.new", certificate ? certificate : "");
    _cleanup_free_ char *new_key = str_format("%s.new", key ? key : "");
    gid_t group = 0;
    int r;

    if (!certificate || !key || !new_certificate || !new_key)
        return error_oom(err);
    if (access(certificate, F_OK) == 0 && access(key, F_OK) == 0)
        return 0;
    if ((r = account_group(a->root, ACCOUNT, &group, err)) < 0 ||
        (r = make_certificate(a->model->unit, new_key, new_certificate, err)) < 0)
        return r;
    if (keep(new_key, key, 0640, group) < 0 || keep(new_certificate, certificate, 0644, group) < 0)
        return error_errno(err, -errno, "cannot keep %s", certificate);
    return 0;
}

int remotes_prepare(const struct apply *a, struct error *err)
{
    _cleanup_free_ char *dir = str_format("%s" REMOTES_DIR, a->root);
    _cleanup_free_ char *servers = str_format("%s" REMOTES_DIR "/servercerts", a->root);
    struct file_attributes ours = FILE_ATTRIBUTES(0750), roots = FILE_ATTRIBUTES(0755);
    _cleanup_strv_ struct strv packages = STRV_INIT;
    int r;

    if (!dir || !servers || remotes_packages(a->root, &packages) < 0)
        return error_oom(err);
    if ((r = apply_packages(a, &packages, false, err)) < 0 ||
        (r = account_group(a->root, ACCOUNT, &ours.gid, err)) < 0 ||
        (r = dir_ensure(dir, &ours, NULL, err)) < 0 ||
        (r = dir_ensure(servers, &roots, NULL, err)) < 0)
        return r;
    return ensure_certificate(a, err);
}

// ---- who trusts the unit

static bool is_known(const char *root, const char *cloud)
{
    _cleanup_free_ char *path = str_format("%s" REMOTES_DIR "/servercerts/%s.crt", root, cloud);

    return path && access(path, F_OK) == 0;
}

static int forget_others(const struct apply *a, const json_t *remotes, struct error *err)
{
    _cleanup_free_ char *dir = str_format("%s" REMOTES_DIR "/servercerts", a->root);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = 0;

    if (!dir)
        return error_oom(err);
    (void)dir_list(dir, &names, NULL); // no such folder: none
    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_free_ char *cloud = strdup(name);

        if (!path || !cloud)
            return error_oom(err);
        if (r < 0 || !str_ends_with(name, ".crt"))
            continue;
        cloud[strlen(cloud) - strlen(".crt")] = '\0';
        if (!json_object_get(remotes, cloud))
            r = file_remove(path, NULL, err);
    }
    return r;
}

// Asks all at once; *ret is what `remote check` says: address -> {"ready", "refused", "why"}.
static int check(const struct apply *a, const struct strv *addresses, json_t **ret,
                 struct error *err)
{
    _cleanup_strv_ struct strv argv = STRV_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);
    int r;

    if (strv_take(&argv, path_join(a->model->charm_dir, "bin/autopkgtest-cloud")) < 0 ||
        strv_add(&argv, "remote") < 0 || strv_add(&argv, "check") < 0 ||
        strv_add(&argv, "--format=json") < 0 || strv_add_list(&argv, addresses) < 0)
        return error_oom(err);
    r = command_output((const char *const *)argv.items, CHECK_TIMEOUT_S, &out, err);
    return r < 0 ? r : json_parse(buf_str(&out), out.len, "remote check", ret, err);
}

static bool is_worker_of(const char *service, const char *cloud)
{
    size_t len = strlen(cloud);

    return str_starts_with(service, WORKER_PREFIX) &&
           strncmp(service + strlen(WORKER_PREFIX), cloud, len) == 0 &&
           service[strlen(WORKER_PREFIX) + len] == '-';
}

static void drop_workers(struct plan *plan, const char *cloud)
{
    struct strv *workers = &plan->workers;
    size_t kept = 0;

    for (size_t i = 0; i < workers->len; i++) {
        if (is_worker_of(workers->items[i], cloud))
            free(workers->items[i]);
        else
            workers->items[kept++] = workers->items[i];
    }
    if (workers->items && kept < workers->len)
        workers->items[kept] = NULL;
    workers->len = kept;
}

static int tell(const struct apply *a, const char *address, const json_t *answer,
                struct status *status)
{
    const char *unit = a->model->unit;

    if (json_is_true(json_object_get(answer, "refused")))
        return status_add(status, STATUS_BLOCKED,
                          "lxd-remotes: %s does not trust %s yet: juju run %s add-remote arch=… "
                          "address=%s token=…, with what `lxc config trust add` prints there",
                          address, unit, unit, address);
    return status_add(status, STATUS_WAITING, "lxd-remotes: %s", json_text(answer, "why"));
}

static int check_unknown(const struct apply *a, const json_t *remotes, struct plan *plan,
                         struct status *status, struct error *err)
{
    _cleanup_strv_ struct strv addresses = STRV_INIT;
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_json_ json_t *answers = NULL;
    const char *cloud;
    json_t *address;

    json_object_foreach ((json_t *)(uintptr_t)remotes, cloud, address)
        if (!is_known(a->root, cloud) && strv_add(&addresses, json_string_value(address)) < 0)
            return error_oom(err);
    if (addresses.len == 0)
        return 0;
    // The next hook asks again; update-status at the latest.
    if (check(a, &addresses, &answers, &why) < 0 &&
        status_add(status, STATUS_WAITING, "lxd-remotes: %s", error_message(&why)) < 0)
        return error_oom(err);
    json_object_foreach ((json_t *)(uintptr_t)remotes, cloud, address) {
        const char *text = json_string_value(address);
        const json_t *answer = json_object_get(answers, text);

        if (is_known(a->root, cloud))
            continue;
        drop_workers(plan, cloud);
        if (answer && tell(a, text, answer, status) < 0)
            return error_oom(err);
    }
    return 0;
}

int remotes_apply(const struct apply *a, const json_t *remotes, struct plan *plan,
                  struct status *status, struct error *err)
{
    int r = forget_others(a, remotes, err);

    if (r < 0 || json_object_size(remotes) == 0 || (r = ensure_certificate(a, err)) < 0)
        return r;
    return check_unknown(a, remotes, plan, status, err);
}
