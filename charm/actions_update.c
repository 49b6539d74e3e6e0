// SPDX-License-Identifier: GPL-3.0-only
// What tests are made with, anew: the checkout of autopkgtest, images.
#include "charm/actions.h"

#include "charm/action_target.h"
#include "charm/apply.h"
#include "charm/images.h"
#include "charm/lists.h"
#include "charm/reconcile.h"
#include "charm/source.h"
#include "charm/systemd.h"

#define IMAGES_TIMEOUT_S (6 * 3600) // systemd gives each an hour

// ---- update-sources

static int put_source(struct action *action, const struct settings *settings, const char *old,
                      const char *commit)
{
    if (action_result_text(action, "autopkgtest", settings->source_url) < 0 ||
        action_result_text(action, "commit", commit) < 0 ||
        action_result(action, "changed", "%s", str_equal(old, commit) ? "false" : "true") < 0)
        return -ENOMEM;
    return old ? action_result_text(action, "previous", old) : 0;
}

static int update_autopkgtest(struct action *action, struct action_target *target,
                              struct error *err)
{
    const struct settings *settings = &target->settings;
    _cleanup_free_ char *old = NULL, *commit = NULL;
    int r;

    if (state_get(&target->state, "source-commit")) {
        old = strdup(state_get(&target->state, "source-commit"));
        if (!old)
            return error_oom(err);
    }
    if ((r = source_update(action->root, &target->state, settings->source_url,
                           settings->source_branch, &commit, err)) < 0)
        return error_prefix(err, r, "autopkgtest-source");
    if ((r = state_save(&target->state, err)) < 0 ||
        (r = charm_reconcile(action->root, HOOK_UPDATE_STATUS, err)) < 0)
        return r;
    return put_source(action, settings, old, commit) < 0 ? error_oom(err) : 0;
}

static int update_lists(struct action *action, const struct settings *settings, struct error *err)
{
    _cleanup_free_ char *commit = NULL;
    int r = lists_update(action->root, &commit, err);

    if (r < 0)
        return error_prefix(err, r, "package-configs-source");
    return action_result_text(action, "package-configs", settings->lists_url) < 0 ||
                   action_result_text(action, "package-configs-commit", commit) < 0
               ? error_oom(err)
               : 0;
}

static int run_update(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    const struct settings *settings = &target.settings;
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = action_needs_workers(action, settings, err)) < 0)
        return r;
    if (!settings->source_url && !settings->lists_url)
        return error_set(err, -EINVAL,
                         "autopkgtest is the distribution's package, which apt updates, and the "
                         "per-package lists are files of this unit; for checkouts: juju config %s "
                         "autopkgtest-source=https://… package-configs-source=https://…",
                         action->model.app);
    if (settings->lists_url && (r = update_lists(action, settings, err)) < 0)
        return r;
    return settings->source_url ? update_autopkgtest(action, &target, err) : 0;
}

const struct action_definition action_update_sources = {.name = "update-sources",
                                                        .run = run_update};

// ---- build-images

static const struct param images_params[] = {
    {.name = "release", .ok = action_is_release, .expected = "the name of a release"},
    {.name = "arch", .ok = action_is_arch, .expected = "an architecture"},
    {.name = "vm", .type = PARAM_FLAG},
};

// Whether "noble-amd64" or "lxd-10.0.0.1-noble-armhf" is meant.
static bool is_meant(const struct action *action, const char *name)
{
    const char *release = action_text(action, "release"), *arch = action_text(action, "arch");
    const char *dash = strrchr(name, '-');
    const char *begin = dash;
    size_t len;

    while (begin > name && begin[-1] != '-')
        begin--;
    len = (size_t)(dash - begin);
    return (!*release || (strlen(release) == len && strncmp(begin, release, len) == 0)) &&
           (!*arch || strcmp(dash + 1, arch) == 0);
}

// Images of machines are large: those that are there are renewed with the others, new ones made
// when they are asked for.
static bool is_wanted(const struct action *action, const char *name)
{
    return is_meant(action, name) &&
           (!str_starts_with(name, IMAGE_MACHINE_PREFIX) || action_flag(action, "vm") ||
            image_is_there(action->root, name, false));
}

// What disks are made with, beside what root file systems are.
static int install_for_machines(struct action *action, struct state *state, struct error *err)
{
    static const char *const packages[] = {"qemu-utils", "fdisk", "e2fsprogs", "mtools", NULL};
    const struct apply a = {.root = action->root, .model = &action->model, .state = state};
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = strv_add_all(&names, packages) < 0 ? error_oom(err)
                                               : apply_packages(&a, &names, false, err);

    return r < 0 ? r : state_save(state, err);
}

static int choose_images(const struct action *action, const struct settings *settings,
                         struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv all = STRV_INIT;
    _cleanup_free_ char *known = NULL;

    if (images_possible(settings, &all) < 0)
        return error_oom(err);
    if (all.len == 0)
        return error_set(err, -EINVAL,
                         "%s tests in no image: they are of LXD hosts and of local workers with "
                         "another backend than null, without worker-args",
                         action->model.unit);
    STRV_FOREACH (name, &all)
        if (is_wanted(action, name) && strv_add(ret, name) < 0)
            return error_oom(err);
    if (ret->len > 0)
        return 0;
    known = strv_join(&all, ", ");
    return known ? error_set(err, -EINVAL, "there is no such image; this unit has %s", known)
                 : error_oom(err);
}

// Results for each, and the names of those that failed.
static int put_images(struct action *action, bool schroot, const struct strv *names,
                      struct strv *ret_failed)
{
    int r = 0;

    for (size_t i = 0; i < names->len && r >= 0; i++) {
        const char *name = names->items[i];
        _cleanup_free_ char *failure = image_failure(action->root, name);

        if (!failure && image_is_there(action->root, name, schroot)) {
            r = action_result(action, name, "made");
            continue;
        }
        r = action_result(action, name, "failed: %s", failure ? failure : "see its journal");
        if (r >= 0)
            r = strv_add(ret_failed, name);
    }
    return r;
}

static int run_images(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    _cleanup_strv_ struct strv names = STRV_INIT, services = STRV_INIT, failed = STRV_INIT;
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *list = NULL;
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = action_needs_workers(action, &target.settings, err)) < 0 ||
        (r = choose_images(action, &target.settings, &names, err)) < 0 ||
        (action_flag(action, "vm") && (r = install_for_machines(action, &target.state, err)) < 0))
        return r;
    STRV_FOREACH (name, &names)
        if (strv_take(&services, image_service(name)) < 0)
            return error_oom(err);
    r = systemd_run_timeout("restart", &services, IMAGES_TIMEOUT_S, &why);
    if (r < 0 && r != -EIO) // each tells its own failure
        return error_set(err, r, "%s", error_message(&why));
    if (put_images(action, settings_count(&target.settings, BACKEND_SCHROOT) > 0, &names, &failed) <
        0)
        return error_oom(err);
    // systemctl fails as well for what never began.
    if (r < 0 && failed.len == 0)
        return error_set(err, r, "%s", error_message(&why));
    if (failed.len == 0) // what was made for the first time is renewed by a timer
        return charm_reconcile(action->root, HOOK_UPDATE_STATUS, err);
    list = strv_join(&failed, ", ");
    return list ? error_set(err, -EIO,
                            "not made: %s; the old one stays in use where there is one (but for "
                            "the first one on an LXD host it is tried again every 5 minutes): juju "
                            "ssh %s journalctl -u '" IMAGE_PREFIX "*'",
                            list, action->model.unit)
                : error_oom(err);
}

const struct action_definition action_build_images = {.name = "build-images",
                                                      .params = images_params,
                                                      .params_len = ARRAY_SIZE(images_params),
                                                      .run = run_images};
