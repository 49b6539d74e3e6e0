// SPDX-License-Identifier: GPL-3.0-only
#include "charm/source.h"

#include "base/file.h"
#include "charm/command.h"

#define CLONE_TIMEOUT_S 1800
#define PROGRAM "runner/autopkgtest"

static int clone(const char *url, const char *branch, const char *dir, struct error *err)
{
    _cleanup_strv_ struct strv argv = STRV_INIT;
    int r;

    if (setenv("GIT_TERMINAL_PROMPT", "0", 1) < 0 || strv_add(&argv, "git") < 0 ||
        strv_add(&argv, "clone") < 0 || strv_add(&argv, "--quiet") < 0 ||
        (branch && (strv_add(&argv, "--branch") < 0 || strv_add(&argv, branch) < 0)) ||
        strv_add(&argv, "--") < 0 || strv_add(&argv, url) < 0 || strv_add(&argv, dir) < 0)
        return error_oom(err);
    r = dir_remove(dir, err); // what a killed hook has left
    if (r < 0)
        return r;
    return command_run((const char *const *)argv.items, CLONE_TIMEOUT_S, err);
}

static int commit_of(const char *dir, char **ret, struct error *err)
{
    _cleanup_buf_ struct buf out = BUF_INIT(4096);
    _cleanup_free_ char *text = NULL;
    const char *commit;
    int r;

    r = command_output((const char *[]){"git", "-C", dir, "rev-parse", "--short=12", "HEAD", NULL},
                       60, &out, err);
    if (r < 0)
        return r;
    text = buf_take(&out);
    if (!text)
        return error_oom(err);
    commit = str_strip(text);
    if (!path_is_inside(commit) || strchr(commit, '/'))
        return error_set(err, -EIO, "git rev-parse answered \"%s\"", commit);
    *ret = strdup(commit);
    return *ret ? 0 : error_oom(err);
}

// Removes every checkout but these two (either may be NULL).
static int remove_others(const char *root, const char *keep, const char *keep_too,
                         struct error *err)
{
    _cleanup_free_ char *path = str_format("%s%s", root, SOURCE_DIR);
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = path ? dir_list(path, &names, err) : error_oom(err);

    if (r < 0)
        return r;
    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *old = NULL;

        if (name[0] == '.' || str_equal(name, keep) || str_equal(name, keep_too))
            continue;
        old = path_join(path, name);
        if (!old)
            return error_oom(err);
        r = dir_remove(old, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool has_program(const char *dir)
{
    _cleanup_free_ char *path = path_join(dir, PROGRAM);

    return path && access(path, X_OK) == 0;
}

// Clones into a hidden folder and moves it to its place.
static int fetch(const char *root, const char *url, const char *branch, char **ret_commit,
                 struct error *err)
{
    _cleanup_free_ char *fresh = str_format("%s%s/.new", root, SOURCE_DIR);
    _cleanup_free_ char *base = str_format("%s%s", root, SOURCE_DIR);
    _cleanup_free_ char *commit = NULL, *dir = NULL;
    int r;

    if (!fresh || !base)
        return error_oom(err);
    if ((r = dir_make(base, 0755, err)) < 0 || (r = clone(url, branch, fresh, err)) < 0)
        return r;
    if (!has_program(fresh))
        return error_set(err, -ENOENT, "%s has no " PROGRAM ": it is not autopkgtest", url);
    r = commit_of(fresh, &commit, err);
    if (r < 0)
        return r;
    dir = path_join(base, commit);
    if (!dir)
        return error_oom(err);
    if (access(dir, F_OK) == 0)
        r = dir_remove(fresh, err);
    else if (rename(fresh, dir) < 0)
        r = error_errno(err, -errno, "cannot rename %s", fresh);
    if (r < 0)
        return r;
    *ret_commit = TAKE_PTR(commit);
    return 0;
}

int source_update(const char *root, struct state *state, const char *url, const char *branch,
                  char **ret_commit, struct error *err)
{
    _cleanup_free_ char *wanted = str_format("%s#%s", url, branch ? branch : "");
    _cleanup_free_ char *commit = NULL;
    const char *old = state_get(state, "source-commit");
    int r = wanted ? fetch(root, url, branch, &commit, err) : error_oom(err);

    // Where nothing is new a test may still run from the one before.
    if (r >= 0 && !str_equal(commit, old))
        r = remove_others(root, commit, old, err);
    if (r < 0 || (r = state_set(state, "source", wanted, err)) < 0 ||
        (r = state_set(state, "source-commit", commit, err)) < 0)
        return r;
    *ret_commit = TAKE_PTR(commit);
    return 0;
}

int source_ensure(const char *root, struct state *state, const char *url, const char *branch,
                  char **ret_program, struct error *err)
{
    _cleanup_free_ char *wanted = str_format("%s#%s", url, branch ? branch : "");
    _cleanup_free_ char *commit = NULL, *dir = NULL;
    const char *old = state_get(state, "source-commit");
    int r;

    if (!wanted)
        return error_oom(err);
    if (old && state_is(state, "source", wanted)) {
        dir = str_format("%s%s/%s", root, SOURCE_DIR, old);
        if (dir && has_program(dir)) {
            *ret_program = str_format("%s/%s/" PROGRAM, SOURCE_DIR, old);
            return *ret_program ? 0 : error_oom(err);
        }
    }
    r = source_update(root, state, url, branch, &commit, err);
    if (r < 0)
        return r;
    *ret_program = str_format("%s/%s/" PROGRAM, SOURCE_DIR, commit);
    return *ret_program ? 0 : error_oom(err);
}
