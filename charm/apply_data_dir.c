// SPDX-License-Identifier: GPL-3.0-only
#include "charm/apply.h"

#include "base/file.h"
#include "charm/command.h"

#include <fcntl.h>

// In the new folder: what is copied, until all of it is there; then under the second name, from
// where each is renamed to its place. A hook that is killed goes on where it was.
#define COPYING ".copying"
#define COPIED ".copied"

static const char *const names[] = {"store", "public", "results.db", "results.db-wal"};

// Appends those of the names that are in a folder, as paths.
static int present(const char *folder, struct strv *ret, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = path_join(folder, names[i]);

        if (!path)
            return error_oom(err);
        if (access(path, F_OK) == 0 && strv_add(ret, path) < 0)
            return error_oom(err);
    }
    return 0;
}

static int copy(const struct strv *paths, const char *folder, struct error *err)
{
    // It ends with the hook: the one that is tried again shall not meet it.
    static const char *const head[] = {"setpriv",   "--pdeathsig",        "KILL", "cp",
                                       "--archive", "--target-directory", NULL};
    _cleanup_strv_ struct strv argv = STRV_INIT;
    int r;

    if (strv_add_all(&argv, head) < 0 || strv_add(&argv, folder) < 0 || strv_add(&argv, "--") < 0 ||
        strv_add_list(&argv, paths) < 0)
        return error_oom(err);
    r = dir_remove(folder, err);
    if (r >= 0)
        r = dir_make(folder, 0700, err);
    return r < 0 ? r : command_run((const char *const *)argv.items, 0, err);
}

// A machine that crashes now shall find what the next rename promises.
static int sync_all(const char *folder, struct error *err)
{
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || syncfs(fd) < 0 ? error_errno(err, -errno, "cannot sync %s", folder) : 0;
}

static int put_in_place(const char *copied, const char *to, struct error *err)
{
    _cleanup_strv_ struct strv paths = STRV_INIT;
    int r;

    r = present(copied, &paths, err);
    if (r < 0)
        return r;
    STRV_FOREACH (path, &paths) {
        _cleanup_free_ char *place = path_join(to, strrchr(path, '/') + 1);

        if (!place)
            return error_oom(err);
        if (rename(path, place) < 0)
            return error_errno(err, -errno, "cannot rename %s", path);
    }
    r = dir_sync(to, err);
    return r < 0 ? r : dir_remove(copied, err);
}

static int copy_results(const char *from, const char *to, struct error *err)
{
    _cleanup_free_ char *copying = path_join(to, COPYING), *copied = path_join(to, COPIED);
    _cleanup_strv_ struct strv old = STRV_INIT, own = STRV_INIT;
    int r;

    if (!copying || !copied)
        return error_oom(err);
    if (access(copied, F_OK) == 0)
        return put_in_place(copied, to, err);
    if ((r = present(to, &own, err)) < 0 || (r = present(from, &old, err)) < 0)
        return r;
    if (own.len > 0 || old.len == 0)
        return 0; // it brings results of its own, or there are none
    r = copy(&old, copying, err);
    if (r >= 0)
        r = sync_all(copying, err);
    if (r < 0)
        return r;
    if (rename(copying, copied) < 0)
        return error_errno(err, -errno, "cannot rename %s", copying);
    return put_in_place(copied, to, err);
}

int apply_data_dir(const struct apply *a, const char *data_dir, struct error *err)
{
    const char *before = state_get(a->state, "data-dir");
    _cleanup_free_ char *from = NULL, *to = NULL;
    _cleanup_strv_ struct strv services = STRV_INIT;
    int r = 0;

    if (!before)
        return state_set(a->state, "data-dir", data_dir, err);
    if (strcmp(before, data_dir) == 0)
        return 0;
    from = str_format("%s%s", a->root, before);
    to = str_format("%s%s", a->root, data_dir);
    if (!from || !to || strv_add(&services, WEB_SERVICE) < 0 ||
        strv_add(&services, INDEXER_SERVICE) < 0)
        return error_oom(err);
    r = systemd_run("stop", false, &services, err);
    // Storage that goes takes its results along.
    if (r >= 0 && strcmp(data_dir, DATA_DIR) != 0)
        r = copy_results(from, to, err);
    return r < 0 ? r : state_set(a->state, "data-dir", data_dir, err);
}
