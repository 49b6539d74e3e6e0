// SPDX-License-Identifier: GPL-3.0-only
#include "worker/lists.h"

#include "base/file.h"
#include "base/log.h"

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

// What is wrong with a line; NULL: nothing.
static const char *find_fault(const char *line)
{
    size_t slashes = 0;

    for (const char *c = line; *c; c++)
        slashes += *c == '/';
    if (slashes > 2 || line[strcspn(line, " \t")])
        return "expected PACKAGE[/ARCH[/RELEASE]]";
    if (line[0] == '/' || strstr(line, "//") || line[strlen(line) - 1] == '/')
        return "a part of PACKAGE[/ARCH[/RELEASE]] is empty; \"all\" stands for any";
    return NULL;
}

static int add_line(struct strv *to, char *line, const char *path, size_t number)
{
    const char *text, *fault;

    line[strcspn(line, "#")] = '\0';
    text = str_strip(line);
    if (str_empty(text))
        return 0;
    fault = find_fault(text);
    if (fault) {
        log_warning("%s:%zu: \"%s\" does not count: %s", path, number, text, fault);
        return 0;
    }
    return strv_add(to, text);
}

static int load_list(struct strv *lines, const char *path, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(LIST_MAX);
    _cleanup_strv_ struct strv fresh = STRV_INIT;
    char *line, *rest;
    size_t number = 0;
    int r = file_read(path, &text, err);

    if (r < 0 && r != -ENOENT && r != -ENOTDIR) {
        if (r != -ENOMEM)
            log_error("%s; what was known of it still counts", error_message(err));
        return r == -ENOMEM ? r : 0;
    }
    for (rest = text.data; rest && (line = strsep(&rest, "\n"));)
        if (add_line(&fresh, line, path, ++number) < 0)
            return error_oom(err);
    strv_release(lines);
    *lines = fresh;
    fresh = (struct strv)STRV_INIT;
    return 0;
}

int lists_load(struct lists *lists, const char *dir, struct error *err)
{
    static const char *const names[LIST_COUNT] = {"never_run", "big_packages", "long_tests",
                                                  "vm_packages"};

    for (int i = 0; i < LIST_COUNT; i++) {
        _cleanup_free_ char *path = path_join(dir, names[i]);
        int r = path ? load_list(&lists->lines[i], path, err) : error_oom(err);

        if (r < 0)
            return r;
        error_clear(err);
    }
    return 0;
}

void lists_release(struct lists *lists)
{
    for (int i = 0; i < LIST_COUNT; i++)
        strv_release(&lists->lines[i]);
}

bool lists_contain(const struct lists *lists, enum list list, const char *package, const char *arch,
                   const char *release)
{
    STRV_FOREACH (line, &lists->lines[list])
        if (lists_line_matches(line, package, arch, release))
            return true;
    return false;
}
