// SPDX-License-Identifier: GPL-3.0-only
#include "adt/drain.h"

#include "base/file.h"
#include "data/ini.h"

#include <unistd.h>

int drain_dir(const char *settings_dir, char **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(settings_dir, "worker.conf");
    _cleanup_(ini_freep) struct ini *ini = NULL;
    const char *dir;
    int r = path ? ini_load(path, &ini, err) : error_oom(err);

    if (r < 0)
        return r;
    dir = ini_get(ini, "worker", "drain-dir");
    *ret = strdup(dir ? dir : DRAIN_DIR);
    return *ret ? 0 : error_oom(err);
}

static int check_name(const char *what, const char *name, struct error *err)
{
    if (!name)
        return 0;
    if (name[0] == '\0' || name[0] == '.' || strpbrk(name, "/:") || str_equal(name, DRAIN_ALL))
        return error_set(err, -EINVAL, "\"%s\" is no name of %s", name, what);
    return 0;
}

static char *order_path(const char *dir, const char *cloud, const char *arch)
{
    return str_format("%s/%s:%s", dir, cloud ? cloud : DRAIN_ALL, arch ? arch : DRAIN_ALL);
}

static int find_path(const char *dir, const char *cloud, const char *arch, char **ret,
                     struct error *err)
{
    int r;

    if ((r = check_name("a cloud", cloud, err)) < 0 ||
        (r = check_name("an architecture", arch, err)) < 0)
        return r;
    *ret = order_path(dir, cloud, arch);
    return *ret ? 0 : error_oom(err);
}

int drain_set(const char *dir, const char *cloud, const char *arch, bool *ret_changed,
              struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_free_ char *path = NULL;
    int r;

    if ((r = find_path(dir, cloud, arch, &path, err)) < 0 || (r = dir_make(dir, 0755, err)) < 0)
        return r;
    return file_replace(path, "", 0, &attributes, ret_changed, err);
}

int drain_clear(const char *dir, const char *cloud, const char *arch, bool *ret_changed,
                struct error *err)
{
    _cleanup_free_ char *path = NULL;
    int r = find_path(dir, cloud, arch, &path, err);

    return r < 0 ? r : file_remove(path, ret_changed, err);
}

int drain_list(const char *dir, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = dir_list(dir, &names, err);

    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    STRV_FOREACH (name, &names)
        if (name[0] != '.' && strchr(name, ':') && strv_add(ret, name) < 0)
            return error_oom(err);
    return 0;
}

bool drain_covers(const char *dir, const char *cloud, const char *arch)
{
    const char *const clouds[] = {cloud, NULL}, *const archs[] = {arch, NULL};

    for (size_t c = 0; c < ARRAY_SIZE(clouds); c++)
        for (size_t a = 0; a < ARRAY_SIZE(archs); a++) {
            _cleanup_free_ char *path = order_path(dir, clouds[c], archs[a]);

            if (path && access(path, F_OK) == 0)
                return true;
        }
    return false;
}
