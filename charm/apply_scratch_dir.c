// SPDX-License-Identifier: GPL-3.0-only
#include "charm/apply.h"

#include "base/clock.h"
#include "base/file.h"
#include "charm/juju.h"
#include "charm/relocation.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

// Storage `tmp` that workers of this unit have had, until none of them is there any more.
#define DIRS "scratch-dirs"

#define BROKEN ".broken-" // put aside by a worker (courier.c), for a person
#define UPLOAD_US (60 * USEC_PER_SEC)

// The usual place is always looked at.
static int known_dirs(const struct state *state, struct strv *ret, struct error *err)
{
    return strv_add(ret, DATA_DIR) < 0 ? error_oom(err) : state_words(state, DIRS, ret, err);
}

// ---- who works there

// A worker holds its folder for as long as it runs (services/worker/folder.c).
static bool is_held(const char *work, const char *name)
{
    _cleanup_free_ char *path = path_join(work, name);
    _cleanup_close_ int fd =
        path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

    return !path || (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
}

// Whether any runs in a folder, be it only to finish its last test.
static int is_used(const char *work, bool *ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir_list(work, &names, err);

    *ret = false;
    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    STRV_FOREACH (name, &names)
        *ret = *ret || is_held(work, name);
    return r;
}

// ---- what waits there

// 1: it is one; 0: it is something else, or not there.
static int is_folder(const char *path, struct error *err)
{
    struct stat st;

    if (lstat(path, &st) == 0)
        return S_ISDIR(st.st_mode);
    return errno == ENOENT ? 0 : error_errno(err, -errno, "cannot look at %s", path);
}

// Appends the names of run folders.
static int list_waiting(const char *spool, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r;

    // The spool is the account's, which could have put a link to another folder there.
    r = is_folder(spool, err);
    if (r > 0)
        r = dir_list(spool, &names, err);
    for (size_t i = 0; r >= 0 && i < names.len; i++) {
        const char *name = names.items[i];
        _cleanup_free_ char *path = path_join(spool, name);

        if (name[0] == '.' && !str_starts_with(name, BROKEN))
            continue;
        r = path ? is_folder(path, err) : error_oom(err);
        if (r > 0 && strv_add(ret, name) < 0)
            return error_oom(err);
    }
    return r < 0 ? r : 0;
}

// Longer than an upload takes: the store is away.
static bool waits_long(const char *spool, const char *name)
{
    _cleanup_free_ char *path = path_join(spool, name);
    struct stat st;

    return path && name[0] != '.' && lstat(path, &st) == 0 &&
           (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC + UPLOAD_US < clock_realtime_us();
}

int apply_scratch_waits(const struct apply *a, bool *ret, struct error *err)
{
    _cleanup_strv_ struct strv dirs = STRV_INIT;
    int r = known_dirs(a->state, &dirs, err);
    bool waits = false;

    for (size_t i = 0; r >= 0 && i < dirs.len; i++) {
        _cleanup_free_ char *spool = str_format("%s%s/spool", a->root, dirs.items[i]);
        _cleanup_strv_ struct strv names = STRV_INIT;

        if (!spool)
            return error_oom(err);
        if (str_equal(dirs.items[i], model_scratch_dir(a->model)))
            continue;
        r = list_waiting(spool, &names, err);
        STRV_FOREACH (name, &names)
            waits = waits || waits_long(spool, name);
    }
    if (r >= 0)
        *ret = waits;
    return r;
}

// ---- the move

static int relocate(const struct relocation *move, const struct strv *waiting, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int r;

    r = relocation_run(move, waiting, err); // owner and mode of the folder are apply_files()'s
    if (r < 0)
        return r;
    text = str_format("%zu results that wait for their upload are moved from %s to %s",
                      waiting->len, move->from, move->to);
    return text ? juju_log("INFO", text, err) : error_oom(err);
}

// Takes what waits in a folder that workers have left. *ret_left: nobody is there any more.
static int leave(const struct apply *a, const char *dir, bool *ret_left, struct error *err)
{
    const char *now = model_scratch_dir(a->model);
    _cleanup_free_ char *from = str_format("%s%s/spool", a->root, dir);
    _cleanup_free_ char *work = str_format("%s%s/work", a->root, dir);
    _cleanup_free_ char *staging = str_format("%s%s", a->root, now);
    _cleanup_free_ char *to = str_format("%s%s/spool", a->root, now);
    struct relocation move = {.from = from, .to = to, .staging = staging};
    _cleanup_strv_ struct strv waiting = STRV_INIT;
    bool used = false;
    int r;

    if (!from || !work || !staging || !to)
        return error_oom(err);
    r = relocation_resume(&move, err);
    if (r > 0)
        r = apply_remember(a, "workers", err);
    if (r < 0 || (r = list_waiting(from, &waiting, err)) < 0)
        return r;
    // The usual place is looked at by every hook: most often there is nothing.
    if ((waiting.len > 0 || !str_equal(dir, DATA_DIR)) && (r = is_used(work, &used, err)) < 0)
        return r;
    *ret_left = !used;
    // Who is there ends with the test it runs; what it leaves a later hook moves.
    if (used || waiting.len == 0)
        return 0;
    r = relocate(&move, &waiting, err);
    // Those that run in the new place already shall look at it.
    return r < 0 ? r : apply_remember(a, "workers", err);
}

int apply_scratch_dir(const struct apply *a, struct error *err)
{
    const char *now = model_scratch_dir(a->model);
    _cleanup_strv_ struct strv dirs = STRV_INIT, kept = STRV_INIT;
    int r = known_dirs(a->state, &dirs, err);

    for (size_t i = 0; r >= 0 && i < dirs.len; i++) {
        bool left = false;

        if (str_equal(dirs.items[i], now))
            continue;
        r = leave(a, dirs.items[i], &left, err);
        if (r >= 0 && !left && !str_equal(dirs.items[i], DATA_DIR) &&
            strv_add(&kept, dirs.items[i]) < 0)
            return error_oom(err);
    }
    if (r >= 0 && !str_equal(now, DATA_DIR) && strv_add(&kept, now) < 0)
        return error_oom(err);
    return r < 0 ? r : state_set_words(a->state, DIRS, &kept, err);
}
