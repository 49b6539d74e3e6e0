// SPDX-License-Identifier: GPL-3.0-only
// Listings walk the folders in the order of the objects' names and skip those that cannot hold one
// that is wanted, so that the next page of a large container costs what it shows, not what is
// there.
#include "web/store_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct entry {
    char *key;  // name within the folder, with '/' behind it for a folder: sorts as full names do
    char *file; // as on disk
};

struct entries {
    struct entry *items;
    size_t len, alloc;
};

struct walk {
    const struct store_query *query;
    int (*visit)(const struct store_entry *entry, void *userdata);
    void *userdata;
    struct error *err;
    struct buf name; // of the objects in the folder being read, ends in '/' or is empty
    struct buf path;
    struct buf skip; // last prefix given out: its objects are done
    size_t count;
};

enum { WALK_MORE, WALK_DONE };

static void entries_release(struct entries *e)
{
    for (size_t i = 0; i < e->len; i++) {
        free(e->items[i].key);
        free(e->items[i].file);
    }
    free(e->items);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static int entries_add(struct entries *e, const char *file, bool is_dir)
{
    _cleanup_buf_ struct buf key = BUF_INIT(PATH_MAX);
    struct entry item = {0};

    if (store_name_decode(file, &key) < 0)
        return 0; // not ours
    if (is_dir && buf_add_char(&key, '/') < 0)
        return -ENOMEM;
    if (e->len == e->alloc) {
        size_t alloc = e->alloc ? e->alloc * 2 : 32;
        struct entry *items = reallocarray(e->items, alloc, sizeof(*items));

        if (!items)
            return -ENOMEM;
        e->items = items;
        e->alloc = alloc;
    }
    item.key = buf_take(&key);
    item.file = strdup(file);
    if (!item.key || !item.file) {
        free(item.key);
        free(item.file);
        return -ENOMEM;
    }
    e->items[e->len++] = item;
    return 0;
}

static bool entry_is_dir(int dir_fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int entries_read(const char *path, struct entries *ret, struct error *err)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : error_errno(err, -errno, "cannot read the container");
    while (r == 0 && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            r = entries_add(ret, entry->d_name, entry_is_dir(dirfd(dir), entry));
    (void)closedir(dir);
    if (r < 0)
        return error_oom(err);
    if (ret->len)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_entries);
    return 0;
}

static bool is_done(const struct walk *w, const char *name)
{
    return w->skip.len > 0 && str_starts_with(name, buf_str(&w->skip));
}

// Whether a folder (name with '/' behind it) can hold a wanted name.
static bool folder_wanted(const struct walk *w, const char *name)
{
    const struct store_query *q = w->query;

    if (!str_empty(q->prefix) && !str_starts_with(name, q->prefix) &&
        !str_starts_with(q->prefix, name))
        return false;
    if (!str_empty(q->marker) && strcmp(name, q->marker) < 0 && !str_starts_with(q->marker, name))
        return false;
    return !is_done(w, name);
}

static int give(struct walk *w, const char *name, bool is_prefix)
{
    const struct store_entry entry = {
        .name = name, .is_prefix = is_prefix, .path = buf_str(&w->path)};
    int r = w->visit(&entry, w->userdata);

    if (r < 0)
        return r;
    return ++w->count >= w->query->limit ? WALK_DONE : WALK_MORE;
}

static int visit_object(struct walk *w, const char *name)
{
    const struct store_query *q = w->query;
    size_t prefix_len = q->prefix ? strlen(q->prefix) : 0;
    size_t delimiter_len = q->delimiter ? strlen(q->delimiter) : 0;
    const char *cut;

    if (prefix_len && !str_starts_with(name, q->prefix))
        return WALK_MORE;
    if ((!str_empty(q->marker) && strcmp(name, q->marker) <= 0) || is_done(w, name))
        return WALK_MORE;
    cut = delimiter_len ? strstr(name + prefix_len, q->delimiter) : NULL;
    if (!cut)
        return give(w, name, false);
    buf_truncate(&w->skip, 0);
    if (buf_add(&w->skip, name, (size_t)(cut - name) + delimiter_len) < 0)
        return -ENOMEM;
    // The prefix itself was the last of the page before. A marker inside of it does not hide it
    // while more follows, as in Swift.
    if (str_equal(buf_str(&w->skip), q->marker))
        return WALK_MORE;
    return give(w, buf_str(&w->skip), true);
}

static int walk_folder(struct walk *w);

static int walk_entry(struct walk *w, const struct entry *entry)
{
    size_t name_len = w->name.len, path_len = w->path.len;
    const struct store_query *q = w->query;
    bool is_dir = str_ends_with(entry->key, "/");
    int r;

    if (buf_add_str(&w->name, entry->key) < 0 || buf_addf(&w->path, "/%s", entry->file) < 0)
        return -ENOMEM;
    if (!str_empty(q->end_marker) && strcmp(buf_str(&w->name), q->end_marker) >= 0)
        r = WALK_DONE;
    else if (!is_dir)
        r = visit_object(w, buf_str(&w->name));
    else
        r = folder_wanted(w, buf_str(&w->name)) ? walk_folder(w) : WALK_MORE;
    buf_truncate(&w->name, name_len);
    buf_truncate(&w->path, path_len);
    return r;
}

static int walk_folder(struct walk *w)
{
    _cleanup_(entries_release) struct entries entries = {0};
    int r = entries_read(buf_str(&w->path), &entries, w->err);

    for (size_t i = 0; i < entries.len && r == WALK_MORE; i++)
        r = walk_entry(w, &entries.items[i]);
    return r;
}

// The folder that all names of the prefix are in: what lies beside the way to it is not read.
// 0, or 1: no object can have such a name.
static int enter_folder(const struct store *store, const char *container, struct walk *w)
{
    const char *prefix = w->query->prefix ? w->query->prefix : "", *end = strrchr(prefix, '/');
    _cleanup_free_ char *dir = NULL, *folder = NULL;
    int r = store_path_container(store, container, &dir, w->err);

    if (r == 0 && end > prefix) {
        folder = strndup(prefix, (size_t)(end - prefix));
        free(TAKE_PTR(dir));
        r = folder ? store_path_object(store, container, folder, &dir, NULL) : -ENOMEM;
        if (r == -EINVAL)
            return 1;
        if (r == 0)
            r = buf_add(&w->name, prefix, (size_t)(end - prefix) + 1);
    }
    return r < 0 ? r : buf_add_str(&w->path, dir);
}

int store_list(const struct store *store, const char *container, const struct store_query *query,
               int (*visit)(const struct store_entry *entry, void *userdata), void *userdata,
               struct error *err)
{
    struct walk w = {.query = query,
                     .visit = visit,
                     .userdata = userdata,
                     .err = err,
                     .name = BUF_INIT(PATH_MAX),
                     .path = BUF_INIT(2 * PATH_MAX),
                     .skip = BUF_INIT(PATH_MAX)};
    int r = enter_folder(store, container, &w);

    if (r == 0 && query->limit > 0)
        r = walk_folder(&w);
    buf_release(&w.name);
    buf_release(&w.path);
    buf_release(&w.skip);
    return r < 0 ? r : 0;
}
