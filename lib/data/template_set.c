// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "data/template_internal.h"

#include <string.h>
#include <sys/stat.h>

enum {
    FILE_MAX = 16 * 1024 * 1024,
    FOLDERS_MAX = 32, // inside one another
};

static const char suffix[] = ".mustache";

struct entry {
    char *name;
    struct template *t;
};

// Sorted by name.
struct template_set {
    struct entry *entries;
    size_t count, allocated;
};

struct template_set *template_set_new(void)
{
    return calloc(1, sizeof(struct template_set));
}

void template_set_free(struct template_set *set)
{
    size_t i;

    if (!set)
        return;
    for (i = 0; i < set->count; i++) {
        free(set->entries[i].name);
        template_free(set->entries[i].t);
    }
    free(set->entries);
    free(set);
}

// Where `name` is, or would be put.
static size_t position(const struct template_set *set, const char *name, bool *ret_found)
{
    size_t low = 0, high = set->count;

    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, set->entries[middle].name);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int make_room(struct template_set *set)
{
    size_t more = set->allocated ? set->allocated * 2 : 16;
    struct entry *entries;

    if (set->count < set->allocated)
        return 0;
    entries = reallocarray(set->entries, more, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    set->entries = entries;
    set->allocated = more;
    return 0;
}

int template_set_add(struct template_set *set, const char *name, const char *text, size_t len,
                     struct error *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_free_ char *copy = NULL;
    bool found;
    size_t at;
    int r = template_parse(text, len, name, &t, err);

    if (r < 0)
        return r;
    at = position(set, name, &found);
    if (found) {
        template_free(set->entries[at].t);
        set->entries[at].t = TAKE_PTR(t);
        return 0;
    }
    copy = strdup(name);
    if (!copy || make_room(set) < 0)
        return error_oom(err);
    memmove(&set->entries[at + 1], &set->entries[at], (set->count - at) * sizeof(struct entry));
    set->entries[at] = (struct entry){.name = TAKE_PTR(copy), .t = TAKE_PTR(t)};
    set->count++;
    return 0;
}

const struct template *template_set_find(const struct template_set *set, const char *name)
{
    bool found;
    size_t at = position(set, name, &found);

    return found ? set->entries[at].t : NULL;
}

// Reads the file `path` as the partial `name`, given with the suffix.
static int load_file(struct template_set *set, const char *path, const char *name,
                     struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_free_ char *stem = strndup(name, strlen(name) - strlen(suffix));
    int r;

    if (!stem)
        return error_oom(err);
    r = file_read(path, &text, err);
    return r < 0 ? r : template_set_add(set, stem, buf_str(&text), text.len, err);
}

static int load_dir(struct template_set *set, const char *dir, const char *prefix, int depth,
                    struct error *err);

static int load_entry(struct template_set *set, const char *dir, const char *prefix,
                      const char *entry, int depth, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s/%s", dir, entry);
    _cleanup_free_ char *name = str_format("%s%s", prefix, entry);
    _cleanup_free_ char *below = str_format("%s%s/", prefix, entry);
    struct stat st;

    if (!path || !name || !below)
        return error_oom(err);
    if (entry[0] == '.')
        return 0;
    if (stat(path, &st) < 0)
        return error_errno(err, -errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return load_dir(set, path, below, depth + 1, err);
    if (!S_ISREG(st.st_mode) || !str_ends_with(entry, suffix))
        return 0;
    return load_file(set, path, name, err);
}

static int load_dir(struct template_set *set, const char *dir, const char *prefix, int depth,
                    struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r;

    if (depth > FOLDERS_MAX)
        return error_set(err, -ELOOP, "%s: folders are more than %d deep in one another", dir,
                         FOLDERS_MAX);
    r = dir_list(dir, &names, err);
    for (size_t i = 0; r == 0 && i < names.len; i++)
        r = load_entry(set, dir, prefix, names.items[i], depth, err);
    return r;
}

int template_set_load(struct template_set *set, const char *dir, struct error *err)
{
    return load_dir(set, dir, "", 0, err);
}
