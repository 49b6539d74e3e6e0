// SPDX-License-Identifier: GPL-3.0-only
#include "cli/rebuild.h"

#include "adt/database_rebuild.h"
#include "adt/names.h"

#define PAGE 1000
#define CHUNK_ROUNDS                                                                               \
    5 // runs of one transaction, in what is downloaded at once: a kill loses little
#define FOLDERS_MAX 10000
#define PUBLIC "autopkgtest-"
#define PRIVATE "private-"
#define SEGMENTS "_segments"

bool rebuild_wants_container(const char *name, const struct strv *releases)
{
    const char *rest = str_starts_with(name, PRIVATE) ? name + strlen(PRIVATE) : name;

    if (!str_starts_with(rest, PUBLIC) || str_ends_with(name, SEGMENTS))
        return false;
    rest += strlen(PUBLIC);
    STRV_FOREACH (release, releases)
        if (str_starts_with(rest, release) &&
            (rest[strlen(release)] == '\0' || rest[strlen(release)] == '-'))
            return true;
    return releases->len == 0;
}

// ---------------------------------------------------------------- runs

static int copy_part(const struct strv *from, size_t start, size_t n, struct strv *to)
{
    int r = 0;

    for (size_t i = start; i < from->len && i < start + n && r == 0; i++) {
        size_t len = strlen(from->items[i]);

        // What a listing gives for a run has no slash behind it.
        r = len > 0 && from->items[i][len - 1] == '@' ? strv_add(to, from->items[i]) : 0;
    }
    return r;
}

static int read_page(struct rebuild *x, const char *container, const char *prefix,
                     const struct strv *page, struct error *err)
{
    size_t chunk = (size_t)x->parallel * CHUNK_ROUNDS;

    for (size_t at = 0; at < page->len; at += chunk) {
        _cleanup_strv_ struct strv paths = STRV_INIT;
        int r;

        if (copy_part(page, at, chunk, &paths) < 0)
            return error_oom(err);
        r = paths.len > 0 ? rebuild_chunk(x, container, prefix, &paths, err) : 0;
        if (r < 0)
            return r;
    }
    if (x->dry_run)
        return 0;
    return database_set_rebuild_marker(x->db, container, prefix, page->items[page->len - 1], err);
}

// All runs below RELEASE/ARCH/, from where an earlier rebuild has stopped.
static int read_folder(struct rebuild *x, const char *container, const char *prefix,
                       struct error *err)
{
    _cleanup_free_ char *marker = NULL;
    int r = 0;

    if (x->db && !x->restart && !x->dry_run)
        r = database_rebuild_marker(x->db, container, prefix, &marker, err);
    while (r == 0) {
        _cleanup_strv_ struct strv page = STRV_INIT;
        const char *last;

        r = swift_list(x->swift, container, prefix, "@", marker, PAGE, &page, err);
        if (r < 0 || page.len == 0)
            break;
        last = page.items[page.len - 1];
        if (marker && strcmp(last, marker) <= 0)
            return error_set(err, -EIO, "store: the listing of %s does not come to its end",
                             container);
        r = read_page(x, container, prefix, &page, err);
        free(marker);
        marker = strdup(last);
        if (!marker)
            return error_oom(err);
    }
    return r;
}

// ---------------------------------------------------------------- folders

struct folder {
    char *container, *prefix;
};

struct folders {
    struct folder *items;
    size_t len;
};

static void folders_release(struct folders *f)
{
    for (size_t i = 0; i < f->len; i++) {
        free(f->items[i].container);
        free(f->items[i].prefix);
    }
    free(f->items);
}

static int add_folder(struct folders *f, const char *container, const char *prefix)
{
    struct folder *items = reallocarray(f->items, f->len + 1, sizeof(*items));

    if (!items)
        return -ENOMEM;
    f->items = items;
    items[f->len] = (struct folder){.container = strdup(container), .prefix = strdup(prefix)};
    f->len++;
    return items[f->len - 1].container && items[f->len - 1].prefix ? 0 : -ENOMEM;
}

static bool wants_release(const struct rebuild *x, const char *folder)
{
    _cleanup_free_ char *name = strndup(folder, strcspn(folder, "/"));

    return name && name_is_release(name) &&
           (x->releases->len == 0 || strv_contains(x->releases, name));
}

// The RELEASE/ARCH/ of a container.
static int find_folders(struct rebuild *x, const char *container, struct folders *ret,
                        struct error *err)
{
    _cleanup_strv_ struct strv releases = STRV_INIT;
    int r = swift_list(x->swift, container, NULL, "/", NULL, FOLDERS_MAX, &releases, err);

    for (size_t i = 0; i < releases.len && r == 0; i++) {
        _cleanup_strv_ struct strv archs = STRV_INIT;
        const char *release = releases.items[i];

        if (!str_ends_with(release, "/") || !wants_release(x, release))
            continue;
        r = swift_list(x->swift, container, release, "/", NULL, FOLDERS_MAX, &archs, err);
        for (size_t n = 0; n < archs.len && r == 0; n++)
            if (str_ends_with(archs.items[n], "/") &&
                add_folder(ret, container, archs.items[n]) < 0)
                r = error_oom(err);
    }
    return r;
}

static int list_containers(struct rebuild *x, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv all = STRV_INIT;
    int r = 0;

    if (x->known) {
        STRV_FOREACH (release, x->known)
            if (strv_addf(&all, PUBLIC "%s", release) < 0)
                return error_oom(err);
    } else {
        _cleanup_strv_ struct strv private = STRV_INIT;

        r = swift_list_containers(x->swift, PUBLIC, &all, err);
        if (r == 0)
            r = swift_list_containers(x->swift, PRIVATE, &private, err);
        if (r == 0 && strv_add_list(&all, &private) < 0)
            r = error_oom(err);
    }
    STRV_FOREACH (name, &all)
        if (r == 0 && rebuild_wants_container(name, x->releases) && strv_add(ret, name) < 0)
            r = error_oom(err);
    return r;
}

static int find_all_folders(struct rebuild *x, struct folders *ret, struct error *err)
{
    _cleanup_strv_ struct strv containers = STRV_INIT;
    int r = list_containers(x, &containers, err);

    for (size_t i = 0; i < containers.len && r == 0; i++) {
        r = find_folders(x, containers.items[i], ret, err);
        if (r == -EACCES) {
            x->counts.refused++;
            x->complain(containers.items[i], err, x->userdata);
        }
        if (r == -EACCES || r == -ENOENT) { // no run has made it so far
            error_clear(err);
            r = 0;
        }
    }
    return r;
}

static int forget_markers(struct rebuild *x, const struct folders *folders, struct error *err)
{
    int r = database_begin(x->db, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < folders->len && r == 0; i++)
        r = database_forget_rebuild_marker(x->db, folders->items[i].container,
                                           folders->items[i].prefix, err);
    if (r == 0)
        r = database_commit(x->db, err);
    if (r < 0)
        (void)database_rollback(x->db);
    return r;
}

int rebuild_run(struct rebuild *x, struct error *err)
{
    _cleanup_(folders_release) struct folders folders = {0};
    int r = find_all_folders(x, &folders, err);

    for (size_t i = 0; i < folders.len && r == 0; i++)
        r = read_folder(x, folders.items[i].container, folders.items[i].prefix, err);
    return r == 0 && !x->dry_run ? forget_markers(x, &folders, err) : r;
}
