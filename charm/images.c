// SPDX-License-Identifier: GPL-3.0-only
#include "charm/images.h"

#include "base/buf.h"
#include "base/file.h"
#include "charm/command.h"
#include "data/remote.h"

#include <unistd.h>

#define FAILURE_MAX 4096
#define REMOVE_TIMEOUT_S 60
#define PODMAN_IMAGE "localhost/autopkgtest-cloud:"
#define LXC_CONTAINER "autopkgtest-cloud-"

// How images are called, and the files that tell of them; the two of a root file system are of one
// image.
static const struct kind {
    const char *prefix, *suffix;
    const char *arguments; // image_arguments(); NULL: of a host, whose workers know it by its name
} kinds[BACKEND_COUNT] = {
    [BACKEND_UNSHARE] = {"", ".tar.zst", "--tarball " IMAGES_DIR "/$RELEASE-$HOSTARCH.tar.zst"},
    // What the worker does by itself gives large packages a larger machine.
    [BACKEND_QEMU] = {"qemu-", IMAGE_QEMU_SUFFIX, ""},
    [BACKEND_SCHROOT] = {"", IMAGE_SCHROOT_SUFFIX, ""},
    [BACKEND_PODMAN] = {"podman-", ".podman",
                        "--init " PODMAN_IMAGE "$RELEASE-$HOSTARCH -- --name $NAME"},
    [BACKEND_LXC] = {"lxc-", ".lxc", "--name $NAME " LXC_CONTAINER "$RELEASE-$HOSTARCH"},
};
// That the image on the host was made by this unit: of containers, of virtual machines.
static const struct kind on_host[] = {{REMOTE_PREFIX, ".lxd", NULL},
                                      {IMAGE_MACHINE_PREFIX REMOTE_PREFIX, ".lxd", NULL}};

static bool is_on_host(const struct kind *kind)
{
    return !kind->arguments;
}

static const struct kind *kind_of(const char *name, bool schroot)
{
    for (size_t i = 0; i < ARRAY_SIZE(on_host); i++)
        if (str_starts_with(name, on_host[i].prefix))
            return &on_host[i];
    for (size_t i = 0; i < BACKEND_COUNT; i++)
        if (!str_empty(kinds[i].prefix) && str_starts_with(name, kinds[i].prefix))
            return &kinds[i];
    return &kinds[schroot ? BACKEND_SCHROOT : BACKEND_UNSHARE];
}

// The caller frees.
static char *name_of(const char *prefix, const char *release, const char *arch)
{
    // i386 is tested as a foreign architecture of amd64.
    return str_format("%s%s-%s", prefix, release, strcmp(arch, "i386") == 0 ? "amd64" : arch);
}

static int add_once(struct strv *list, const char *name)
{
    return !name ? -ENOMEM : strv_contains(list, name) ? 0 : strv_add(list, name);
}

static int add_of_host(const struct cloud_workers *place, const char *release, struct strv *ret)
{
    _cleanup_free_ char *container = str_format("%s-", place->cloud);
    _cleanup_free_ char *machine = str_format(IMAGE_MACHINE_PREFIX "%s-", place->cloud);
    _cleanup_free_ char *first = container ? name_of(container, release, place->arch) : NULL;
    _cleanup_free_ char *second = machine ? name_of(machine, release, place->arch) : NULL;
    int r = add_once(ret, first);

    return r < 0 ? r : add_once(ret, second);
}

static int add_of_hosts(const struct settings *settings, struct strv *ret)
{
    int r = 0;

    STRV_FOREACH (release, &settings->releases)
        for (size_t i = 0; i < settings->clouds_len && r >= 0; i++) {
            const struct cloud_workers *place = &settings->clouds[i];

            if (place->kind == CLOUD_LXD && place->count > 0)
                r = add_of_host(place, release, ret);
        }
    return r;
}

static int add_of_workers(const struct local_workers *local, const char *release, struct strv *ret)
{
    for (size_t b = 0; b < BACKEND_COUNT; b++) {
        _cleanup_free_ char *name = NULL;

        if (local->count[b] == 0 || !image_is_made((enum backend)b, local->arch))
            continue;
        name = name_of(kinds[b].prefix, release, local->arch);
        if (add_once(ret, name) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int add_of_unit(const struct settings *settings, struct strv *ret)
{
    STRV_FOREACH (release, &settings->releases)
        for (size_t i = 0; i < settings->local_len; i++)
            if (add_of_workers(&settings->local[i], release, ret) < 0)
                return -ENOMEM;
    return 0;
}

int images_possible(const struct settings *settings, struct strv *ret)
{
    int r;

    if (!settings->worker || !str_empty(settings->worker_args))
        return 0;
    r = add_of_unit(settings, ret);
    return r < 0 ? r : add_of_hosts(settings, ret);
}

int images_needed(const char *root, const struct settings *settings, struct strv *ret)
{
    _cleanup_strv_ struct strv all = STRV_INIT;

    if (images_possible(settings, &all) < 0)
        return -ENOMEM;
    STRV_FOREACH (name, &all)
        if ((!is_on_host(kind_of(name, false)) || image_is_there(root, name, false)) &&
            strv_add(ret, name) < 0)
            return -ENOMEM;
    return 0;
}

static int add_awaited(const char *root, const struct local_workers *local, const char *release,
                       struct strv *ret)
{
    _cleanup_free_ char *name = name_of(kinds[BACKEND_QEMU].prefix, release, local->arch);

    return name && image_is_there(root, name, false) ? 0 : add_once(ret, name);
}

int images_awaited(const char *root, const struct settings *settings, struct strv *ret)
{
    if (!settings->worker || !str_empty(settings->worker_args))
        return 0;
    STRV_FOREACH (release, &settings->releases)
        for (size_t i = 0; i < settings->local_len; i++)
            if (settings->local[i].count[BACKEND_QEMU] > 0 &&
                !image_is_made(BACKEND_QEMU, settings->local[i].arch) &&
                add_awaited(root, &settings->local[i], release, ret) < 0)
                return -ENOMEM;
    return 0;
}

static bool has_local_images(const struct settings *settings)
{
    for (size_t i = 0; i < settings->local_len; i++)
        for (size_t b = 0; b < BACKEND_COUNT; b++)
            if (settings->local[i].count[b] > 0 &&
                image_is_made((enum backend)b, settings->local[i].arch))
                return true;
    return false;
}

bool images_are_made(const struct settings *settings)
{
    return settings->worker && str_empty(settings->worker_args) &&
           (has_local_images(settings) || settings_count_clouds(settings, CLOUD_LXD) > 0);
}

static bool has_image(enum backend backend)
{
    return backend < BACKEND_COUNT && kinds[backend].prefix;
}

bool image_is_made(enum backend backend, const char *arch)
{
    // autopkgtest-image-disk has a boot loader for PCs.
    return has_image(backend) &&
           (backend != BACKEND_QEMU || str_equal(arch, "amd64") || str_equal(arch, "i386"));
}

char *image_of_test(enum backend backend)
{
    const struct kind *kind = &kinds[backend];

    return has_image(backend)
               ? str_format(IMAGES_DIR "/%s$RELEASE-$HOSTARCH%s", kind->prefix, kind->suffix)
               : NULL;
}

const char *image_arguments(enum backend backend)
{
    return has_image(backend) ? kinds[backend].arguments : "";
}

bool image_is_root(const char *name)
{
    return *kind_of(name, false)->prefix == '\0';
}

char *image_title(const char *name)
{
    const struct kind *kind = kind_of(name, false);
    size_t prefix = is_on_host(kind) ? 0 : strlen(kind->prefix);
    const char *dash = strrchr(name, '-');

    return str_format("%.*s/%s%s%.*s", (int)(dash - name - (ptrdiff_t)prefix), name + prefix,
                      dash + 1, prefix ? " for " : "", prefix ? (int)prefix - 1 : 0, name);
}

bool image_is_there(const char *root, const char *name, bool schroot)
{
    const char *suffix = kind_of(name, schroot)->suffix; // schroot's is given last
    _cleanup_free_ char *path = str_format("%s" IMAGES_DIR "/%s%s", root, name, suffix);

    return path && access(path, F_OK) == 0;
}

// "noble-amd64" of the file "podman-noble-amd64.podman", behind `before`; NULL for another file,
// and for lack of memory. The caller frees.
static char *name_in_store(enum backend backend, const char *file, const char *before)
{
    const struct kind *kind = &kinds[backend];
    size_t prefix = strlen(kind->prefix), suffix = strlen(kind->suffix), len = strlen(file);

    if (!str_starts_with(file, kind->prefix) || !str_ends_with(file, kind->suffix))
        return NULL;
    return str_format("%s%.*s", before, (int)(len - prefix - suffix), file + prefix);
}

static void remove_from_store(const char *file)
{
    _cleanup_free_ char *image = name_in_store(BACKEND_PODMAN, file, PODMAN_IMAGE);
    _cleanup_free_ char *container = name_in_store(BACKEND_LXC, file, LXC_CONTAINER);

    if (image)
        (void)command_run((const char *[]){"podman", "rmi", "--force", image, NULL},
                          REMOVE_TIMEOUT_S, NULL);
    if (container)
        (void)command_run((const char *[]){"lxc-destroy", "--force", "--name", container, NULL},
                          REMOVE_TIMEOUT_S, NULL);
}

int images_remove(const char *root, struct error *err)
{
    _cleanup_free_ char *dir = str_format("%s" IMAGES_DIR, root);
    _cleanup_strv_ struct strv files = STRV_INIT;
    int r = dir ? dir_list(dir, &files, err) : error_oom(err);

    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    for (size_t i = 0; r >= 0 && i < files.len; i++)
        remove_from_store(files.items[i]);
    return r;
}

char *image_failure(const char *root, const char *name)
{
    _cleanup_free_ char *path = str_format("%s" IMAGES_DIR "/%s.failed", root, name);
    _cleanup_buf_ struct buf text = BUF_INIT(FAILURE_MAX);

    if (!path || file_read(path, &text, NULL) < 0)
        return NULL;
    return strndup(buf_str(&text), strcspn(buf_str(&text), "\n"));
}

char *image_service(const char *name)
{
    return str_format(IMAGE_PREFIX "%s.service", name);
}

char *image_service_of(const char *timer)
{
    return str_format("%.*s.service", (int)(strlen(timer) - strlen(".timer")), timer);
}
