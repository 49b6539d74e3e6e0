// SPDX-License-Identifier: GPL-3.0-only
#include "worker/scratch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

// The root of a user namespace is another user, who passes through it.
#define SCRATCH_MODE 0711
#define EVERYBODY_MODE 01777
#define WAIT_US (30 * USEC_PER_SEC)
#define OUTPUT_MAX ((size_t)4096)

// Of the folder and of where it goes; NULL where there is none. The caller frees.
static int scratch_path(const struct worker_settings *settings, char **ret, char **ret_gone,
                        struct error *err)
{
    const char *parent = getenv("TMPDIR");
    _cleanup_free_ char *path = NULL, *gone = NULL;

    *ret = *ret_gone = NULL;
    if (!parent || !*parent)
        return 0;
    path = path_join(parent, settings->name);
    gone = str_format("%s/.gone-%s", parent, settings->name);
    if (!path || !gone)
        return error_oom(err);
    *ret = TAKE_PTR(path);
    *ret_gone = TAKE_PTR(gone);
    return 0;
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
    r = process_run(&spec, NULL, 0, USEC_INFINITY, &result, err);
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

int scratch_empty(const char *dir)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    int failed = 0, r = dir_list(dir, &names, &err);

    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_error_ struct error why = ERROR_INIT;

        if (!path)
            return -ENOMEM;
        r = remove_tree(path, &why);
        if (r < 0) {
            log_warning("temporary files of a test are left behind: %s", error_message(&why));
            failed = r;
        }
    }
    (void)rmdir(dir); // where nothing has come there meanwhile
    return r < 0 && failed == 0 ? r : failed;
}

static int start_removal(struct scratch *scratch, const char *gone, struct error *err)
{
    const char *const argv[] = {"/proc/self/exe", "--empty", gone, NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;

    scratch->more = scratch->removal.pid != 0;
    if (scratch->more)
        return 0;
    spec.argv = argv;
    spec.stderr_fd = STDERR_FILENO;
    spec.new_session = true;
    spec.die_with_parent = true;
    return process_start(&spec, &scratch->removal, err);
}

static int move_to(const char *path, const char *gone, struct error *err)
{
    for (unsigned number = 0;; number++) {
        _cleanup_free_ char *target = str_format("%s/%u", gone, number);

        if (!target)
            return error_oom(err);
        if (rename(path, target) == 0)
            return 1;
        if (errno == ENOENT)
            return 0; // there is none
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return error_errno(err, -errno, "cannot rename %s to %s", path, target);
    }
}

// 1: it is there, with something to remove in it. The removal takes it away when it is empty.
static int move_away(const char *path, const char *gone, struct error *err)
{
    int r = 0;

    while (r == 0 && access(path, F_OK) == 0) {
        if (mkdir(gone, 0700) < 0 && errno != EEXIST)
            return error_errno(err, -errno, "cannot create %s", gone);
        r = move_to(path, gone, err);
    }
    return r;
}

static int remove_scratch(struct scratch *scratch, const struct worker_settings *settings,
                          bool earlier, struct error *err)
{
    _cleanup_free_ char *path = NULL, *gone = NULL;
    int r = scratch_path(settings, &path, &gone, err);

    if (r == 0 && path)
        r = move_away(path, gone, err);
    if (r == 0 && path && earlier)
        r = access(gone, F_OK) == 0;
    return r > 0 ? start_removal(scratch, gone, err) : r;
}

static void log_left(const struct error *err)
{
    log_warning("temporary files of a test are left behind: %s", error_message(err));
}

void scratch_remove(struct scratch *scratch, const struct worker_settings *settings)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (remove_scratch(scratch, settings, false, &err) < 0)
        log_left(&err);
}

void scratch_recover(struct scratch *scratch, const struct worker_settings *settings)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (remove_scratch(scratch, settings, true, &err) < 0)
        log_left(&err);
}

void scratch_removal_ended(struct scratch *scratch, const struct worker_settings *settings)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int status; // it has logged what it could not do

    if (process_wait(&scratch->removal, &status, NULL, &err) < 0 ||
        (scratch->more && remove_scratch(scratch, settings, true, &err) < 0))
        log_left(&err);
}

void scratch_release(struct scratch *scratch)
{
    struct pollfd ended = {.fd = scratch->removal.pidfd, .events = POLLIN};

    if (scratch->removal.pid != 0)
        (void)poll(&ended, 1, WAIT_US / USEC_PER_MSEC);
    process_release(&scratch->removal);
}

static int make(struct scratch *scratch, const struct worker_settings *settings, const char *path,
                struct error *err)
{
    mode_t mode = str_equal(settings->backend, "null") ? EVERYBODY_MODE : SCRATCH_MODE;
    int r = remove_scratch(scratch, settings, false, err);

    if (r < 0)
        return r;
    if (mkdir(path, mode) < 0 || chmod(path, mode) < 0)
        return error_errno(err, -errno, "cannot create %s", path);
    return 0;
}

int scratch_prepare(struct scratch *scratch, const struct worker_settings *settings,
                    struct strv *ret_env, struct error *err)
{
    _cleanup_strv_ struct strv env = STRV_INIT;
    _cleanup_free_ char *path = NULL, *gone = NULL;
    int r = scratch_path(settings, &path, &gone, err);

    if (r == 0 && path)
        r = make(scratch, settings, path, err);
    for (char **variable = environ; r == 0 && *variable; variable++)
        if ((!path || !str_starts_with(*variable, "TMPDIR=")) && strv_add(&env, *variable) < 0)
            r = error_oom(err);
    if (r == 0 && path && strv_addf(&env, "TMPDIR=%s", path) < 0)
        r = error_oom(err);
    if (r == 0)
        *ret_env = strv_move(&env);
    return r;
}
