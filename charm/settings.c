// SPDX-License-Identifier: GPL-3.0-only
#include "charm/settings.h"

#include "base/buf.h"
#include "data/remote.h"

static const char *const backend_names[BACKEND_COUNT] = {"null",    "unshare", "qemu",
                                                         "schroot", "podman",  "lxc"};

const char *backend_name(enum backend backend)
{
    return backend_names[backend];
}

bool backend_needs_root(enum backend backend)
{
    return backend == BACKEND_NULL || backend == BACKEND_SCHROOT || backend == BACKEND_PODMAN ||
           backend == BACKEND_LXC;
}

enum backend backend_from_name(const char *name)
{
    unsigned i = 0;

    while (i < BACKEND_COUNT && strcmp(name, backend_names[i]) != 0)
        i++;
    return (enum backend)i;
}

unsigned settings_count(const struct settings *settings, enum backend backend)
{
    unsigned count = 0;

    for (size_t i = 0; i < settings->local_len; i++)
        count += settings->local[i].count[backend];
    return count;
}

// The entry of an architecture, made when there is none, in ascending order.
static struct local_workers *local_entry(struct settings *settings, const char *arch)
{
    struct local_workers *grown;
    size_t at = 0;
    char *copy;

    while (at < settings->local_len && strcmp(settings->local[at].arch, arch) < 0)
        at++;
    if (at < settings->local_len && strcmp(settings->local[at].arch, arch) == 0)
        return &settings->local[at];
    grown = reallocarray(settings->local, settings->local_len + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    settings->local = grown;
    copy = strdup(arch);
    if (!copy)
        return NULL;
    memmove(&grown[at + 1], &grown[at], (settings->local_len - at) * sizeof(*grown));
    settings->local_len++;
    grown[at] = (struct local_workers){.arch = copy};
    return &grown[at];
}

int settings_set_local(struct settings *settings, const char *arch, enum backend backend,
                       unsigned count)
{
    struct local_workers *entry;

    if (backend == BACKEND_COUNT)
        return 0;
    entry = local_entry(settings, arch);
    if (!entry)
        return -ENOMEM;
    entry->count[backend] = count;
    return 0;
}

static int compare_cloud(const struct cloud_workers *entry, const char *cloud, const char *arch)
{
    int order = strcmp(entry->cloud, cloud);

    return order ? order : strcmp(entry->arch, arch);
}

int settings_set_cloud(struct settings *settings, enum cloud_kind kind, const char *cloud,
                       const char *arch, unsigned count)
{
    struct cloud_workers *grown, entry = {.kind = kind, .count = count};
    size_t at = 0;

    while (at < settings->clouds_len && compare_cloud(&settings->clouds[at], cloud, arch) < 0)
        at++;
    if (at < settings->clouds_len && compare_cloud(&settings->clouds[at], cloud, arch) == 0) {
        settings->clouds[at].count = count;
        return 0;
    }
    grown = reallocarray(settings->clouds, settings->clouds_len + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    settings->clouds = grown;
    entry.cloud = strdup(cloud);
    entry.arch = strdup(arch);
    if (!entry.cloud || !entry.arch) {
        free(entry.cloud);
        free(entry.arch);
        return -ENOMEM;
    }
    memmove(&grown[at + 1], &grown[at], (settings->clouds_len - at) * sizeof(*grown));
    settings->clouds_len++;
    grown[at] = entry;
    return 0;
}

const struct cloud_workers *settings_find_cloud(const struct settings *settings, const char *cloud,
                                                const char *arch)
{
    for (size_t i = 0; i < settings->clouds_len; i++)
        if (strcmp(settings->clouds[i].cloud, cloud) == 0 &&
            (!arch || strcmp(settings->clouds[i].arch, arch) == 0))
            return &settings->clouds[i];
    return NULL;
}

int settings_set_remote(struct settings *settings, const char *arch, const char *address,
                        unsigned count)
{
    _cleanup_free_ char *cloud = remote_name(address);
    char *copy = strdup(address);

    if (!cloud || !copy || settings_set_cloud(settings, CLOUD_LXD, cloud, arch, count) < 0) {
        free(copy);
        return -ENOMEM;
    }
    for (size_t i = 0; i < settings->clouds_len; i++) {
        struct cloud_workers *entry = &settings->clouds[i];

        if (copy && compare_cloud(entry, cloud, arch) == 0) {
            free(entry->address);
            entry->address = TAKE_PTR(copy);
        }
    }
    return 0;
}

unsigned settings_count_clouds(const struct settings *settings, enum cloud_kind kind)
{
    unsigned count = 0;

    for (size_t i = 0; i < settings->clouds_len; i++)
        if (settings->clouds[i].kind == kind)
            count += settings->clouds[i].count;
    return count;
}

bool settings_use_swift(const struct settings *settings)
{
    return !str_empty(settings->swift.auth_url);
}

static void release_swift(struct swift_options *swift)
{
    char *const texts[] = {
        swift->auth_url,         swift->username, swift->project_name, swift->project_domain_name,
        swift->user_domain_name, swift->region,   swift->secret};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    if (swift->password)
        explicit_bzero(swift->password, strlen(swift->password));
    free(swift->password);
}

static void release_nova(struct nova_options *nova)
{
    char *const texts[] = {nova->secret,  nova->flavor,         nova->big_flavor, nova->image,
                           nova->network, nova->security_group, nova->keypair};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    if (nova->novarcs)
        explicit_bzero(nova->novarcs, strlen(nova->novarcs));
    free(nova->novarcs);
}

void settings_release(struct settings *settings)
{
    strv_release(&settings->releases);
    for (size_t i = 0; i < settings->local_len; i++)
        free(settings->local[i].arch);
    free(settings->local);
    for (size_t i = 0; i < settings->clouds_len; i++) {
        free(settings->clouds[i].cloud);
        free(settings->clouds[i].arch);
        free(settings->clouds[i].address);
    }
    free(settings->clouds);
    free(settings->source_url);
    free(settings->lists_url);
    free(settings->lists_branch);
    free(settings->source_branch);
    free(settings->worker_args);
    free(settings->setup_command);
    free(settings->setup_command2);
    free(settings->mirror);
    free(settings->hostname);
    free(settings->influx.url);
    free(settings->influx.database);
    free(settings->influx.context);
    free(settings->influx.secret);
    free(settings->influx.username);
    free(settings->influx.password);
    free(settings->authorization);
    free(settings->login_url);
    strv_release(&settings->allowed_requestors);
    strv_release(&settings->trusted_proxies);
    free(settings->launchpad_api_url);
    free(settings->api_keys_secret);
    free(settings->github_secrets);
    free(settings->github_credentials);
    release_swift(&settings->swift);
    release_swift(&settings->reader);
    release_nova(&settings->nova);
    free(settings->archive_url);
    free(settings->storage_url);
    memset(settings, 0, sizeof(*settings));
}
