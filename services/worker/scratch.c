// SPDX-License-Identifier: GPL-3.0-only
#include "worker/scratch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#include <sys/stat.h>
#include <unistd.h>

// The root of a user namespace is another user, who passes through it.
#define SCRATCH_MODE 0711
#define WAIT_US (30 * USEC_PER_SEC)
#define OUTPUT_MAX ((size_t)4096)

// *ret: NULL where there is none. The caller frees.
static int scratch_path(const struct worker_settings *settings, char **ret, struct error *err)
{
    const char *parent = getenv("TMPDIR");

    *ret = NULL;
    if (!parent || !*parent)
        return 0;
    *ret = path_join(parent, settings->name);
    return *ret ? 0 : error_oom(err);
}

// Its files belong to the subordinate users of ours (subuid(5)): their root removes them.
static int remove_as_their_root(const char *path, struct error *err)
{
    const char *const argv[] = {
        "unshare",     "--map-auto", "--map-root-user",   "rm",
        "--recursive", "--force",    "--one-file-system", "--",
        path,          NULL,
    };
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(OUTPUT_MAX);
    int r;

    spec.argv = argv;
    spec.die_with_parent = true;
    r = process_run(&spec, NULL, 0, WAIT_US, &result, err);
    if (r == 0 && result.status != 0)
        return error_set(err, -EACCES, "cannot remove %s: %s", path, buf_str(&result.errors));
    return r;
}

static int remove_tree(const char *path, struct error *err)
{
    _cleanup_error_ struct error first = ERROR_INIT;
    int r = dir_remove(path, &first);

    if (r == -EACCES || r == -EPERM)
        return remove_as_their_root(path, err);
    return r < 0 ? error_set(err, r, "%s", error_message(&first)) : 0;
}

void scratch_remove(const struct worker_settings *settings)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = NULL;

    if (scratch_path(settings, &path, &err) < 0 || (path && remove_tree(path, &err) < 0))
        log_warning("temporary files of a test are left behind: %s", error_message(&err));
}

static int make(const char *path, struct error *err)
{
    int r = remove_tree(path, err);

    if (r < 0)
        return r;
    if (mkdir(path, SCRATCH_MODE) < 0 || chmod(path, SCRATCH_MODE) < 0)
        return error_errno(err, -errno, "cannot create %s", path);
    return 0;
}

int scratch_prepare(const struct worker_settings *settings, struct strv *ret_env, struct error *err)
{
    _cleanup_strv_ struct strv env = STRV_INIT;
    _cleanup_free_ char *path = NULL;
    int r = scratch_path(settings, &path, err);

    if (r == 0 && path)
        r = make(path, err);
    for (char **variable = environ; r == 0 && *variable; variable++)
        if ((!path || !str_starts_with(*variable, "TMPDIR=")) && strv_add(&env, *variable) < 0)
            r = error_oom(err);
    if (r == 0 && path && strv_addf(&env, "TMPDIR=%s", path) < 0)
        r = error_oom(err);
    if (r == 0)
        *ret_env = strv_move(&env);
    return r;
}
