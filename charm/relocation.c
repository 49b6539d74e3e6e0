// SPDX-License-Identifier: GPL-3.0-only
#include "charm/relocation.h"

#include "base/file.h"
#include "charm/command.h"

#include <fcntl.h>
#include <sys/stat.h>

#define COPYING ".copying"
#define COPIED ".copied"

// 1: there is such an entry, 0: there is none, -ENOMEM.
static int has(const char *folder, const char *name)
{
    _cleanup_free_ char *path = path_join(folder, name);
    struct stat st;

    return path ? lstat(path, &st) == 0 : -ENOMEM;
}

int relocation_present(const char *folder, const char *const *names, size_t len, struct strv *ret,
                       struct error *err)
{
    for (size_t i = 0; i < len; i++) {
        int r = has(folder, names[i]);

        if (r < 0 || (r > 0 && strv_add(ret, names[i]) < 0))
            return error_oom(err);
    }
    return 0;
}

static int copy(const char *from, const struct strv *names, const char *folder, struct error *err)
{
    // It ends with the hook: the one that is tried again shall not meet it.
    static const char *const head[] = {"setpriv",   "--pdeathsig",        "KILL", "cp",
                                       "--archive", "--target-directory", NULL};
    _cleanup_strv_ struct strv argv = STRV_INIT;
    int r;

    if (strv_add_all(&argv, head) < 0 || strv_add(&argv, folder) < 0 || strv_add(&argv, "--") < 0)
        return error_oom(err);
    STRV_FOREACH (name, names)
        if (strv_addf(&argv, "%s/%s", from, name) < 0)
            return error_oom(err);
    r = dir_remove(folder, err);
    if (r < 0)
        return r;
    if (mkdir(folder, 0700) < 0) // ours, whoever else may write beside it
        return error_errno(err, -errno, "cannot create %s", folder);
    return command_run((const char *const *)argv.items, 0, err);
}

// A machine that crashes now shall find what the next rename promises.
static int sync_all(const char *folder, struct error *err)
{
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || syncfs(fd) < 0 ? error_errno(err, -errno, "cannot sync %s", folder) : 0;
}

static int remove_sources(const char *from, const struct strv *names, struct error *err)
{
    int r = 0;

    STRV_FOREACH (name, names) {
        _cleanup_free_ char *path = path_join(from, name);

        if (!path)
            return error_oom(err);
        if (r == 0 && unlink(path) < 0) // a folder, or gone
            r = dir_remove(path, err);
    }
    return r;
}

static int put_in_place(const struct relocation *move, const char *copied, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir_list(copied, &names, err);

    if (r == 0 && !move->keep)
        r = remove_sources(move->from, &names, err);
    if (r < 0)
        return r;
    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *path = path_join(copied, name), *place = path_join(move->to, name);

        if (!path || !place)
            return error_oom(err);
        if (rename(path, place) < 0)
            return error_errno(err, -errno, "cannot rename %s to %s", path, place);
    }
    r = dir_sync(move->to, err);
    return r < 0 ? r : dir_remove(copied, err);
}

int relocation_resume(const struct relocation *move, struct error *err)
{
    _cleanup_free_ char *copied = path_join(move->staging, COPIED);
    int r;

    if (!copied)
        return error_oom(err);
    if (access(copied, F_OK) < 0)
        return 0;
    r = dir_make(move->to, 0750, err);
    if (r == 0)
        r = put_in_place(move, copied, err);
    return r < 0 ? r : 1;
}

int relocation_run(const struct relocation *move, const struct strv *names, struct error *err)
{
    _cleanup_free_ char *copying = path_join(move->staging, COPYING);
    _cleanup_free_ char *copied = path_join(move->staging, COPIED);
    _cleanup_strv_ struct strv there = STRV_INIT, missing = STRV_INIT;
    int r;

    if (!copying || !copied)
        return error_oom(err);
    STRV_FOREACH (name, names) {
        r = has(move->to, name);
        if (r < 0 || strv_add(r > 0 ? &there : &missing, name) < 0)
            return error_oom(err);
    }
    if (!move->keep && (r = remove_sources(move->from, &there, err)) < 0)
        return r;
    if (missing.len == 0)
        return 0;
    if ((r = dir_make(move->to, 0750, err)) < 0 ||
        (r = copy(move->from, &missing, copying, err)) < 0 || (r = sync_all(copying, err)) < 0)
        return r;
    if (rename(copying, copied) < 0)
        return error_errno(err, -errno, "cannot rename %s", copying);
    r = dir_sync(move->staging, err);
    return r < 0 ? r : put_in_place(move, copied, err);
}
