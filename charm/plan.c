// SPDX-License-Identifier: GPL-3.0-only
#include "charm/plan.h"

#include "base/file.h"
#include "charm/accounts.h"
#include "charm/images.h"
#include "charm/instances.h"
#include "charm/lists.h"
#include "charm/plan_files.h"
#include "charm/remotes.h"
#include "charm/result_store.h"

static int add_instance(const struct instance *instance, void *userdata)
{
    struct plan *plan = userdata;

    if (!strv_contains(&plan->clouds, instance->cloud) &&
        strv_add(&plan->clouds, instance->cloud) < 0)
        return -ENOMEM;
    return strv_take(&plan->instances, instance_name(instance));
}

// The emulator of an architecture, where it has a package of its own.
static const char *emulator(const char *arch)
{
    static const char *const packages[][2] = {
        {"amd64", "qemu-system-x86"}, {"i386", "qemu-system-x86"},  {"arm64", "qemu-system-arm"},
        {"armhf", "qemu-system-arm"}, {"armel", "qemu-system-arm"}, {"ppc64el", "qemu-system-ppc"}};

    for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
        if (strcmp(packages[i][0], arch) == 0)
            return packages[i][1];
    return "qemu-system-misc";
}

static int add_once(struct strv *list, const char *name)
{
    return strv_contains(list, name) ? 0 : strv_add(list, name);
}

// What the unit makes root file systems with.
static int add_image_packages(struct strv *ret)
{
    static const char *const packages[] = {"mmdebstrap", "uidmap", "zstd", "distro-info-data"};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(packages); i++)
        r = add_once(ret, packages[i]);
    return r;
}

static int add_local_packages(const struct local_workers *local, struct strv *ret)
{
    static const char *const of[BACKEND_COUNT][6] = {
        // Fetching and unpacking a source package on the machine itself.
        [BACKEND_NULL] = {"dpkg-dev"},
        [BACKEND_QEMU] = {"qemu-utils", "fdisk", "e2fsprogs"},
        [BACKEND_SCHROOT] = {"schroot"},
        // netavark and what it runs give containers their network.
        [BACKEND_PODMAN] = {"podman", "netavark", "iptables"},
        [BACKEND_LXC] = {"lxc", "rsync", "dnsmasq-base"},
    };
    int r = 0;

    for (size_t b = 0; r >= 0 && b < BACKEND_COUNT; b++) {
        if (local->count[b] == 0)
            continue;
        for (size_t i = 0; r >= 0 && of[b][i]; i++)
            r = add_once(ret, of[b][i]);
        if (r >= 0 && image_is_made((enum backend)b, local->arch))
            r = add_image_packages(ret);
        if (r >= 0 && b == BACKEND_QEMU)
            r = add_once(ret, emulator(local->arch));
    }
    return r;
}

int plan_packages(const char *root, const struct settings *settings, struct strv *ret)
{
    // What the program in a checkout needs, as the package's Depends say.
    static const char *const from_git[] = {
        "git",    "ca-certificates", "python3",      "python3-debian",
        "procps", "apt-utils",       "libdpkg-perl", NULL};
    static const char *const for_lists[] = {"git", "ca-certificates", NULL};
    static const char *const from_archive[] = {"autopkgtest", NULL};
    int r;

    if (!settings->worker)
        return 0;
    r = strv_add_all(ret, settings->source_url ? from_git : from_archive);
    if (r >= 0 && settings->lists_url)
        r = strv_add_all(ret, for_lists);
    for (size_t i = 0; r >= 0 && i < settings->local_len; i++)
        r = add_local_packages(&settings->local[i], ret);
    if (r >= 0 && settings_count_clouds(settings, CLOUD_OPENSTACK) > 0)
        r = strv_add(ret, "openssh-client");
    if (r < 0 || settings_count_clouds(settings, CLOUD_LXD) == 0)
        return r;
    r = remotes_packages(root, ret);
    return r >= 0 && str_empty(settings->worker_args) ? add_image_packages(ret) : r;
}

static int add_folder(struct plan *plan, char *path, mode_t mode, const char *user,
                      const char *group)
{
    struct plan_folder *grown =
        reallocarray(plan->folders, plan->folders_len + 1, sizeof(*plan->folders));

    if (grown)
        plan->folders = grown;
    if (!grown || !path) {
        free(path);
        return -ENOMEM;
    }
    grown[plan->folders_len++] =
        (struct plan_folder){.path = path, .mode = mode, .user = user, .group = group};
    return 0;
}

static int add_worker_folders(const char *scratch, struct plan *plan)
{
    int r;

    if ((r = add_folder(plan, strdup(DATA_DIR "/drained"), 0755, "root", "root")) < 0 ||
        (r = add_folder(plan, strdup(NOVARCS_DIR), 0750, "root", ACCOUNT)) < 0 ||
        (r = add_folder(plan, path_join(scratch, "work"), 0755, ACCOUNT, ACCOUNT)) < 0 ||
        (r = add_folder(plan, path_join(scratch, "ssh"), 0700, ACCOUNT, ACCOUNT)) < 0)
        return r;
    return add_folder(plan, path_join(scratch, "spool"), 0750, ACCOUNT, ACCOUNT);
}

static int add_remotes_folders(struct plan *plan)
{
    int r = add_folder(plan, strdup(REMOTES_DIR), 0750, "root", ACCOUNT);

    return r < 0 ? r : add_folder(plan, strdup(REMOTES_DIR "/servercerts"), 0755, "root", "root");
}

// Those of every unit.
static int add_common_folders(struct plan *plan)
{
    const char *lists_owner = plan->lists ? ACCOUNT : "root"; // who fetches them, or the operator
    int r;

    // Sticky: the services make their files here, and cannot move away what is root's.
    if ((r = add_folder(plan, strdup(ETC_DIR), 0750, "root", ACCOUNT)) < 0 ||
        (r = add_folder(plan, strdup(DATA_DIR), 01775, "root", ACCOUNT)) < 0 ||
        (r = add_folder(plan, strdup(LISTS_DIR), 0755, lists_owner, lists_owner)) < 0)
        return r;
    return add_folder(plan, strdup(ACCOUNT_HOME), 0750, ACCOUNT, ACCOUNT);
}

static int add_folders(const struct plan_input *input, struct plan *plan)
{
    const char *data = model_data_dir(input->model), *scratch = model_scratch_dir(input->model);
    int r = add_common_folders(plan);

    if (r < 0)
        return r;
    if (strcmp(data, DATA_DIR) != 0 &&
        (r = add_folder(plan, strdup(data), 01775, "root", ACCOUNT)) < 0)
        return r;
    if (input->settings->web &&
        ((r = add_folder(plan, path_join(data, "store"), 0750, ACCOUNT, ACCOUNT)) < 0 ||
         (r = add_folder(plan, path_join(data, "public"), 0755, ACCOUNT, ACCOUNT)) < 0))
        return r;
    if (images_are_made(input->settings) &&
        (r = add_folder(plan, strdup(IMAGES_DIR), 0750, ACCOUNT, ACCOUNT)) < 0)
        return r;
    if (json_object_size(input->remotes) > 0 && (r = add_remotes_folders(plan)) < 0)
        return r;
    return input->settings->worker ? add_worker_folders(scratch, plan) : 0;
}

static int add_services(const struct plan_input *input, struct plan *plan)
{
    const struct settings *settings = input->settings;
    bool broker = input->model->broker.state == BROKER_READY;
    int r = 0;

    // Without a broker there is nothing to take, without a store nowhere to put it.
    plan->can_work = settings->worker && input->store->place != RESULT_STORE_UNKNOWN && broker;
    plan->web = settings->web;
    plan->indexer = settings->web && broker;
    plan->influx = !str_empty(settings->influx.url);
    plan->metrics = json_array_size(input->model->cos_agent) > 0;
    plan->public_url = settings->web ? input->model->public_url : NULL;
    plan->port = settings->web ? settings->http_port : 0;
    if (!settings->worker)
        return 0;
    r = instances_each(settings, add_instance, plan);
    for (size_t i = 0; plan->can_work && r >= 0 && i < plan->instances.len; i++)
        r = strv_addf(&plan->workers, WORKER_PREFIX "%s.service", plan->instances.items[i]);
    return r;
}

int plan_make(const struct plan_input *input, struct plan *ret, struct error *err)
{
    _cleanup_plan_ struct plan plan = {0};
    int r;

    if (plan_packages(input->root, input->settings, &plan.packages) < 0 ||
        images_needed(input->root, input->settings, &plan.images) < 0 ||
        images_awaited(input->root, input->settings, &plan.awaited) < 0)
        return error_oom(err);
    plan.lists = input->settings->worker && input->settings->lists_url;
    plan.schroot = input->settings->worker && settings_count(input->settings, BACKEND_SCHROOT) > 0;
    plan.kvm = input->settings->worker && settings_count(input->settings, BACKEND_QEMU) > 0;
    if (add_folders(input, &plan) < 0 || add_services(input, &plan) < 0)
        return error_oom(err);
    r = plan_files(input, &plan, err);
    if (r < 0)
        return r;
    *ret = plan;
    memset(&plan, 0, sizeof(plan));
    return 0;
}

void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->files_len; i++) {
        free(plan->files[i].path);
        strv_release(&plan->files[i].restart);
        buf_release(&plan->files[i].content);
    }
    free(plan->files);
    for (size_t i = 0; i < plan->folders_len; i++)
        free(plan->folders[i].path);
    free(plan->folders);
    strv_release(&plan->packages);
    strv_release(&plan->images);
    strv_release(&plan->awaited);
    strv_release(&plan->instances);
    strv_release(&plan->clouds);
    strv_release(&plan->workers);
    memset(plan, 0, sizeof(*plan));
}
