// SPDX-License-Identifier: GPL-3.0-only
#include "charm/merge.h"

#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define MERGING ".merging"
#define MERGED ".merged"
#define DEPTH_MAX 64 // of folders; what is deeper no store has made
#define ATTRIBUTE_PREFIX "user."

struct walk {
    const struct merge *merge;
    size_t files; // copied
};

static int open_folder(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static bool is_absent(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

static bool exists(int at, const char *name)
{
    struct stat st;

    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

// Calls `each` for all names in a folder; ends at the first that fails.
static int each_entry(int folder, int (*each)(const char *name, void *userdata), void *userdata)
{
    int fd = fcntl(folder, F_DUPFD_CLOEXEC, 3), r = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        r = -errno;
        close_fd(&fd);
        return r;
    }
    rewinddir(dir);
    for (errno = 0; r >= 0 && (entry = readdir(dir)); errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = each(entry->d_name, userdata);
    if (r >= 0 && errno != 0)
        r = -errno;
    (void)closedir(dir);
    return r < 0 ? r : 0;
}

// ---- copies

static int copy_attributes(int from, int to)
{
    char names[4096], value[64 * 1024];
    ssize_t len = flistxattr(from, names, sizeof(names));

    if (len < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        ssize_t n;

        if (!str_starts_with(name, ATTRIBUTE_PREFIX))
            continue;
        n = fgetxattr(from, name, value, sizeof(value));
        if (n < 0 || fsetxattr(to, name, value, (size_t)n, 0) < 0)
            return -errno;
    }
    return 0;
}

static int copy_bytes(int from, int to)
{
    _cleanup_free_ char *chunk = malloc(256 * 1024);
    ssize_t n;
    int r = 0;

    if (!chunk)
        return -ENOMEM;
    while (r >= 0 && (n = read(from, chunk, 256 * 1024)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        r = n < 0 ? -errno : fd_write_all(to, chunk, (size_t)n);
    }
    return r;
}

static int copy_file(int from, const struct stat *st, int at, const char *name)
{
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    _cleanup_close_ int to =
        openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = to < 0 ? -errno : copy_bytes(from, to);

    if (r >= 0)
        r = copy_attributes(from, to);
    if (r >= 0 && (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 0777) < 0 ||
                   futimens(to, times) < 0))
        r = -errno;
    return r;
}

// A folder of the copies with the attributes of its original; a descriptor.
static int make_folder(int at, const char *name, int original)
{
    _cleanup_close_ int fd = -1;
    struct stat st;

    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = open_folder(at, name);
    if (fd < 0)
        return fd;
    if (fstat(original, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 ||
        fchmod(fd, st.st_mode & 0777) < 0)
        return -errno;
    return take_fd(&fd);
}

// One level of the walk over what may be missing.
struct level {
    struct walk *walk;
    int from, to; // to: -1 when there is no such folder
    int copies;   // the folder that copies go to; -1 as long as there is none
    struct level *above;
    const char *name;
    unsigned depth;
};

// The folder for copies of this level, with all above it, made when the first copy needs it.
static int copies_folder(struct level *level)
{
    int above;

    if (level->copies >= 0)
        return level->copies;
    above = copies_folder(level->above);
    if (above < 0)
        return above;
    level->copies = make_folder(above, level->name, level->from);
    return level->copies;
}

static bool is_left_out(const struct merge *merge, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(merge->without); i++)
        if (merge->without[i] && str_equal(name, merge->without[i]))
            return true;
    return false;
}

static int copy_missing(const char *name, void *userdata);

static int copy_folder(struct level *level, const char *name, int from)
{
    struct level below = {.walk = level->walk,
                          .from = from,
                          .to = level->to < 0 ? -ENOENT : open_folder(level->to, name),
                          .copies = -1,
                          .above = level,
                          .name = name,
                          .depth = level->depth + 1};
    int r;

    if (below.depth > DEPTH_MAX)
        r = 0;
    else if (below.to < 0 && (!is_absent(below.to) || (level->to >= 0 && exists(level->to, name))))
        r = is_absent(below.to) ? 0 : below.to; // something else has the name
    else
        r = each_entry(from, copy_missing, &below);
    close_fd(&below.to);
    close_fd(&below.copies);
    return r;
}

static bool is_missing(const struct level *level, const char *name, const struct stat *st)
{
    struct stat folder;

    // A file of another owner is none of the store's.
    return S_ISREG(st->st_mode) && fstat(level->from, &folder) == 0 &&
           st->st_uid == folder.st_uid && st->st_ctim.tv_sec >= level->walk->merge->since &&
           (level->to < 0 || !exists(level->to, name));
}

static int copy_missing(const char *name, void *userdata)
{
    struct level *level = userdata;
    _cleanup_close_ int fd =
        openat(level->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    int at, r;

    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? 0 : -errno; // a link, a socket
    if (level->depth == 1 && is_left_out(level->walk->merge, name))
        return 0;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return copy_folder(level, name, fd);
    if (!is_missing(level, name, &st))
        return 0;
    at = copies_folder(level);
    r = at < 0 ? at : copy_file(fd, &st, at, name);
    if (r >= 0)
        level->walk->files++;
    return r;
}

// ---- to their places

struct placing {
    int from, to;
    unsigned depth;
};

static int place(const char *name, void *userdata)
{
    const struct placing *p = userdata;
    struct placing below = {.from = -1, .to = -1, .depth = p->depth + 1};
    int r = 0;

    if (!exists(p->to, name))
        return renameat(p->from, name, p->to, name) < 0 ? -errno : 0;
    below.from = open_folder(p->from, name);
    below.to = open_folder(p->to, name);
    if (below.depth <= DEPTH_MAX && below.from >= 0 && below.to >= 0)
        r = each_entry(below.from, place, &below);
    if (r >= 0 && below.to >= 0 && fsync(below.to) < 0)
        r = -errno;
    close_fd(&below.from);
    close_fd(&below.to);
    return r;
}

// Of copies that a killed call may have left: what has got its place in the meantime stays.
static int place_copies(int to, const char *path, struct error *err)
{
    struct placing placing = {.from = open_folder(to, MERGED), .to = to};
    int r;

    if (placing.from == -ENOENT)
        return 0;
    r = placing.from < 0 ? placing.from : each_entry(placing.from, place, &placing);
    close_fd(&placing.from);
    if (r >= 0 && fsync(to) < 0)
        r = -errno;
    return r < 0 ? error_errno(err, r, "cannot put what is in %s in its place", path)
                 : dir_remove(path, err);
}

static int copy_tree(const struct merge *merge, int to, struct walk *walk)
{
    _cleanup_close_ int from = open(merge->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int copies = -1, tree = -1;
    struct level top = {.walk = walk, .from = from, .to = to, .name = merge->name};

    tree = from < 0 ? -errno : open_folder(from, merge->name);
    if (tree < 0)
        return is_absent(tree) ? 0 : tree;
    if (mkdirat(to, MERGING, 0700) < 0) // ours, whoever else may write beside it
        return -errno;
    copies = top.copies = open_folder(to, MERGING);
    return copies < 0 ? copies : copy_folder(&top, merge->name, tree);
}

int merge_run(const struct merge *merge, size_t *ret_files, struct error *err)
{
    _cleanup_free_ char *merging = path_join(merge->to, MERGING);
    _cleanup_free_ char *merged = path_join(merge->to, MERGED);
    _cleanup_close_ int to = open(merge->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct walk walk = {.merge = merge};
    int r;

    if (!merging || !merged)
        return error_oom(err);
    if (to < 0)
        return error_errno(err, -errno, "cannot open %s", merge->to);
    if ((r = place_copies(to, merged, err)) < 0 || (r = dir_remove(merging, err)) < 0)
        return r;
    r = copy_tree(merge, to, &walk);
    // A machine that crashes now shall find what the next rename promises.
    if (r >= 0 && walk.files > 0 && (syncfs(to) < 0 || renameat(to, MERGING, to, MERGED) < 0))
        r = -errno;
    if (r < 0)
        return error_errno(err, r, "cannot copy what %s has in %s to %s", merge->name, merge->from,
                           merge->to);
    r = walk.files > 0 ? place_copies(to, merged, err) : dir_remove(merging, err);
    if (r >= 0)
        *ret_files = walk.files;
    return r;
}
