// SPDX-License-Identifier: GPL-3.0-only
#include "worker/lists.h"

#include "base/file.h"

#include <fnmatch.h>

#define LIST_MAX ((size_t)1024 * 1024)

static bool part_matches(const char *part, const char *value)
{
    return !part || str_equal(part, "all") || str_equal(part, value);
}

// Cuts the text at the first slash; gives what is behind it, NULL when there is none.
static char *cut(char *text)
{
    char *slash = text ? strchr(text, '/') : NULL;

    if (!slash)
        return NULL;
    *slash = '\0';
    return slash + 1;
}

bool lists_line_matches(const char *line, const char *package, const char *arch,
                        const char *release)
{
    _cleanup_free_ char *copy = strndup(line, strcspn(line, "#"));
    char *name, *line_arch, *line_release;

    if (!copy)
        return false;
    name = str_strip(copy);
    line_arch = cut(name);
    line_release = cut(line_arch);
    if (str_empty(name))
        return false;
    return (str_equal(name, "all") || fnmatch(name, package, 0) == 0) &&
           part_matches(line_arch, arch) && part_matches(line_release, release);
}

int lists_contain(const char *dir, const char *name, const char *package, const char *arch,
                  const char *release, bool *ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, name);
    _cleanup_buf_ struct buf text = BUF_INIT(LIST_MAX);
    bool found = false;
    char *line, *rest;
    int r;

    if (!path)
        return error_oom(err);
    r = file_read(path, &text, err);
    if (r == -ENOENT || r == -ENOTDIR)
        error_clear(err);
    else if (r < 0)
        return r;
    for (rest = text.data; rest && !found && (line = strsep(&rest, "\n"));)
        found = lists_line_matches(line, package, arch, release);
    *ret = found;
    return 0;
}
