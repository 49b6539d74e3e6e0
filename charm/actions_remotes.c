// SPDX-License-Identifier: GPL-3.0-only
// LXD hosts that workers of this unit test on: adding and removing them at run time. A token goes
// to the unit's command line by standard input.
#include "charm/actions.h"

#include "base/file.h"
#include "charm/action_target.h"
#include "charm/action_token.h"
#include "charm/options.h"
#include "charm/reconcile.h"
#include "charm/remotes.h"
#include "charm/unit_command.h"
#include "charm/worker_counts.h"
#include "data/json.h"
#include "data/remote.h"

#include <time.h>

#define JOBS_MAX 1000 // more is a slip of the finger
#define END_TRIES 30  // tenths of a second
#define CERTIFICATE_MAX ((size_t)64 * 1024)

#define ADDRESS_EXPECTED "an address such as 10.0.0.1 or lxd.example:8443"

// ---- add-remote

static const struct param add_params[] = {
    {.name = "arch", .required = true, .ok = action_is_arch, .expected = "an architecture"},
    {.name = "address", .ok = remote_is_address, .expected = ADDRESS_EXPECTED},
    {.name = "token"},
    {.name = "jobs", .type = PARAM_NUMBER, .number = 0, .min = 1, .max = JOBS_MAX},
};

// Lets the host trust the unit; *ret: {"name", "address", "fingerprint", "version"}.
static int trust(const struct action *action, json_t **ret, struct error *err)
{
    _cleanup_(action_token_release) struct buf token = BUF_INIT(ACTION_TOKEN_MAX);
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_free_ char *name = remotes_client_name(action->model.unit);
    int r;

    if (!name || strv_add(&words, "remote") < 0 || strv_add(&words, "trust") < 0 ||
        strv_add(&words, "--format=json") < 0 || strv_addf(&words, "--as=%s", name) < 0 ||
        (action_has(action, "address") && strv_add(&words, action_text(action, "address")) < 0))
        return error_oom(err);
    r = action_token_read(action, &token, err);
    return r < 0 ? r : unit_command_json(action, &words, &token, ret, err);
}

// A host that knows the unit by its certificate; the same answer.
static int meet(struct action *action, json_t **ret, struct error *err)
{
    const char *address = action_text(action, "address");
    _cleanup_free_ char *path = str_format("%s" REMOTES_DIR "/client.crt", action->root);
    _cleanup_buf_ struct buf certificate = BUF_INIT(CERTIFICATE_MAX);
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *answers = NULL;
    json_t *answer;
    int r;

    if (!path || strv_add(&words, "remote") < 0 || strv_add(&words, "check") < 0 ||
        strv_add(&words, "--format=json") < 0 || strv_add(&words, address) < 0)
        return error_oom(err);
    r = unit_command_json(action, &words, NULL, &answers, err);
    if (r < 0)
        return r;
    answer = json_object_get(answers, address);
    if (json_is_true(json_object_get(answer, "ready"))) {
        *ret = json_incref(answer);
        return json_put_string(answer, "address", address) < 0 ? error_oom(err) : 0;
    }
    if (!json_is_true(json_object_get(answer, "refused")))
        return error_set(err, -EIO, "%s: %s", address, json_text(answer, "why"));
    if ((r = file_read(path, &certificate, err)) < 0)
        return r;
    if (action_result_text(action, "certificate", buf_str(&certificate)) < 0)
        return error_oom(err);
    return error_set(err, -EACCES,
                     "%s does not trust %s: give token=…, which `lxc config trust add` prints "
                     "there; or put the result `certificate` into a file there, and: lxc config "
                     "trust add FILE",
                     address, action->model.unit);
}

struct remote {
    char *cloud;
    char *address; // as the unit writes it, when it knows the host
    const char *arch;
    unsigned jobs;
};

static void remote_release(struct remote *remote)
{
    free(remote->cloud);
    free(remote->address);
}

static int identify(const struct settings *settings, const char *arch, const char *address,
                    struct remote *ret, struct error *err)
{
    const struct cloud_workers *known;

    ret->cloud = remote_name(address);
    known = ret->cloud ? settings_find_cloud(settings, ret->cloud, NULL) : NULL;
    ret->address = known ? strdup(known->address) : remote_shortest(address);
    ret->arch = arch;
    return ret->cloud && ret->address ? 0 : error_oom(err);
}

// The number that was asked for; without, the one that holds already, or 1. A number that holds by
// the option needs not be remembered.
static int set_jobs(const struct action *action, struct action_target *target,
                    struct remote *remote, struct error *err)
{
    const struct cloud_workers *there =
        settings_find_cloud(&target->settings, remote->cloud, remote->arch);

    remote->jobs = 1;
    if (there && there->count > 0)
        remote->jobs = there->count;
    if (action_has(action, "jobs"))
        remote->jobs = (unsigned)action_number(action, "jobs");
    if (there && there->count == remote->jobs)
        return 0;
    return worker_counts_set(&target->state, state_value(&target->state, "config"),
                             WORKER_COUNTS_ADDED, remote->arch, remote->address, remote->jobs, err);
}

static int put_remote(struct action *action, const struct remote *remote, const json_t *answer)
{
    if (action_result_text(action, "cloud", remote->cloud) < 0 ||
        action_result_text(action, "address", remote->address) < 0 ||
        action_result_text(action, "arch", remote->arch) < 0 ||
        action_result(action, "jobs", "%u", remote->jobs) < 0 ||
        action_result_text(action, "fingerprint", json_text(answer, "fingerprint")) < 0)
        return -ENOMEM;
    return action_result_text(action, "lxd-version", json_text(answer, "version"));
}

static int run_add(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    const struct apply a = {.root = action->root, .model = &action->model, .state = &target.state};
    _cleanup_(remote_release) struct remote remote = {0};
    _cleanup_json_ json_t *answer = NULL;
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = action_needs_workers(action, &target.settings, err)) < 0)
        return r;
    if (!action_has(action, "address") && !action_has(action, "token"))
        return error_set(err, -EINVAL, "address: is missing, and there is no token with one in it");
    if ((r = remotes_prepare(&a, err)) < 0 || (r = state_save(&target.state, err)) < 0)
        return r;
    r = action_has(action, "token") ? trust(action, &answer, err) : meet(action, &answer, err);
    if (r < 0 || (r = identify(&target.settings, action_text(action, "arch"),
                               json_text(answer, "address"), &remote, err)) < 0)
        return r;
    if ((r = set_jobs(action, &target, &remote, err)) < 0 ||
        (r = state_save(&target.state, err)) < 0 ||
        (r = charm_reconcile(action->root, HOOK_UPDATE_STATUS, err)) < 0)
        return r;
    return put_remote(action, &remote, answer) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_add_remote = {.name = "add-remote",
                                                    .params = add_params,
                                                    .params_len = ARRAY_SIZE(add_params),
                                                    .run = run_add};

// ---- remove-remote

static const struct param remove_params[] = {
    {.name = "arch", .required = true, .ok = action_is_arch, .expected = "an architecture"},
    {.name = "address", .required = true, .ok = remote_is_address, .expected = ADDRESS_EXPECTED},
};

static int unknown_remote(const struct action *action, const struct settings *settings,
                          struct error *err)
{
    _cleanup_strv_ struct strv places = STRV_INIT;
    _cleanup_free_ char *list = NULL;

    for (size_t i = 0; i < settings->clouds_len; i++)
        if (settings->clouds[i].kind == CLOUD_LXD && settings->clouds[i].count > 0 &&
            strv_addf(&places, "%s for %s", settings->clouds[i].address, settings->clouds[i].arch) <
                0)
            return error_oom(err);
    list = strv_join(&places, ", ");
    return list ? error_set(err, -ENOENT, "%s does not test on %s for %s; it does on %s",
                            action->model.unit, action_text(action, "address"),
                            action_text(action, "arch"), *list ? list : "no LXD host")
                : error_oom(err);
}

// Whether the option itself has it.
static int is_in_option(const json_t *config, const struct remote *remote, bool *ret,
                        struct error *err)
{
    _cleanup_settings_ struct settings settings = {0};
    int r = options_parse(config, &settings, err);

    *ret = r == 0 && settings_find_cloud(&settings, remote->cloud, remote->arch) != NULL;
    return r;
}

static int unset(struct action_target *target, const struct remote *remote, bool *ret_option,
                 struct error *err)
{
    const json_t *config = state_value(&target->state, "config");
    bool added = false;
    int r;

    if ((r = worker_counts_unset(&target->state, config, WORKER_COUNTS_ADDED, remote->arch,
                                 remote->address, &added, err)) < 0 ||
        (r = is_in_option(config, remote, ret_option, err)) < 0)
        return r;
    return *ret_option ? worker_counts_set(&target->state, config, "lxd-remotes", remote->arch,
                                           remote->address, 0, err)
                       : 0;
}

// Workers without a test end within moments.
static bool wait_for_end(const char *root, const struct remote *remote)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};

    for (unsigned i = 0; i < END_TRIES; i++) {
        if (!remotes_in_use(root, remote->cloud, remote->arch))
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static int put_removed(struct action *action, const struct remote *remote, bool in_option,
                       bool ended)
{
    int r = action_result_text(action, "cloud", remote->cloud);

    if (r >= 0)
        r = action_result_text(action, "arch", remote->arch);
    if (r >= 0)
        r = action_result(action, "tests-running", "%s", ended ? "false" : "true");
    if (r >= 0 && in_option)
        r = action_result(action, "note",
                          "option lxd-remotes has it still: without it there, too, it does not "
                          "come back when the option changes");
    return r;
}

static int run_remove(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    _cleanup_(remote_release) struct remote remote = {0};
    const struct cloud_workers *there;
    bool in_option = false, ended;
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = identify(&target.settings, action_text(action, "arch"),
                               action_text(action, "address"), &remote, err)) < 0)
        return r;
    there = settings_find_cloud(&target.settings, remote.cloud, remote.arch);
    if (!there || there->count == 0)
        return unknown_remote(action, &target.settings, err);
    if ((r = unset(&target, &remote, &in_option, err)) < 0 ||
        (r = state_save(&target.state, err)) < 0 ||
        (r = charm_reconcile(action->root, HOOK_UPDATE_STATUS, err)) < 0)
        return r;
    ended = wait_for_end(action->root, &remote);
    // Nobody needs the host's certificate any more.
    if (ended && (r = charm_reconcile(action->root, HOOK_UPDATE_STATUS, err)) < 0)
        return r;
    return put_removed(action, &remote, in_option, ended) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_remove_remote = {.name = "remove-remote",
                                                       .params = remove_params,
                                                       .params_len = ARRAY_SIZE(remove_params),
                                                       .run = run_remove};
