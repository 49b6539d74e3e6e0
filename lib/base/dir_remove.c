// SPDX-License-Identifier: GPL-3.0-only
// dir_remove(): tests leave trees of any depth, folders nobody may read, and links to everywhere.
//
// Two folders are open at any time, whatever the depth: the root of the tree and one child of it.
// What the child's files leave over, its non-empty folders, is moved up into the root, where a
// later pass finds it. Links are removed, never followed: every step is one name below an open
// folder. A mount point can be neither removed nor moved (EBUSY), so nothing behind one is ever
// reached.
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

// Passes that find a folder still filled though nothing was moved: somebody else writes there.
#define IDLE_PASSES 3

DEFINE_CLEANUP(DIR *, closedir)

struct removal {
    int root;
    unsigned number; // of the folder moved last
    unsigned moved;  // in this pass
};

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

// Removes a name that is no filled folder; 1: it is one.
static int remove_name(int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == ENOTEMPTY ? 1 : -errno;
}

// Opens a folder below `dir` so that its content can be listed and removed.
static int open_folder(int dir, const char *name, DIR **ret)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd = openat(dir, name, flags);
    struct stat st;

    if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(dir, name, flags);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    // Where this fails, the removal that needs it says why.
    if ((st.st_mode & 0700) != 0700)
        (void)fchmod(fd, 0700);
    *ret = fdopendir(fd);
    if (!*ret)
        return -errno;
    (void)take_fd(&fd);
    return 0;
}

// Gives a filled folder a free name in the root.
static int move_up(struct removal *job, int dir, const char *name)
{
    // Moving a folder changes its "..", which needs write permission on itself.
    bool opened = false;

    for (;;) {
        _cleanup_free_ char *fresh = str_format(".removed-%u", job->number++);

        if (!fresh)
            return -ENOMEM;
        if (renameat(dir, name, job->root, fresh) == 0) {
            job->moved++;
            return 0;
        }
        if (errno == EACCES && !opened && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0) {
            opened = true;
            continue;
        }
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            return -errno;
    }
}

// Removes or moves up all that is in a child of the root.
static int clear_child(struct removal *job, const char *child)
{
    _cleanup_(closedirp) DIR *dir = NULL;
    int r = open_folder(job->root, child, &dir);

    if (r < 0 || !dir)
        return r;
    for (;;) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(dir);
        if (!entry)
            return -errno;
        if (is_dot(entry->d_name))
            continue;
        r = remove_name(dirfd(dir), entry->d_name);
        if (r > 0)
            r = move_up(job, dirfd(dir), entry->d_name);
        if (r < 0)
            return r;
    }
}

// One pass over the root.
static int clear_root(struct removal *job, DIR *root, const char *path, struct error *err)
{
    job->moved = 0;
    rewinddir(root);
    for (;;) {
        const struct dirent *entry;
        int r;

        errno = 0;
        entry = readdir(root);
        if (!entry)
            return errno ? error_errno(err, -errno, "cannot read the folder %s", path) : 0;
        if (is_dot(entry->d_name))
            continue;
        r = remove_name(job->root, entry->d_name);
        if (r > 0) {
            r = clear_child(job, entry->d_name);
            if (r == 0)
                r = remove_name(job->root, entry->d_name);
        }
        if (r < 0)
            return error_errno(err, r, "cannot remove %s/%s", path, entry->d_name);
    }
}

int dir_remove(const char *path, struct error *err)
{
    _cleanup_(closedirp) DIR *root = NULL;
    struct removal job = {0};
    unsigned idle = 0;
    int r;

    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY)
        return error_errno(err, -errno, "cannot remove the folder %s", path);
    r = open_folder(AT_FDCWD, path, &root);
    if (r < 0 || !root)
        return error_errno(err, r, "cannot open the folder %s", path);
    job.root = dirfd(root);
    for (;;) {
        r = clear_root(&job, root, path, err);
        if (r < 0)
            return r;
        if (rmdir(path) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY || (job.moved == 0 && ++idle > IDLE_PASSES))
            return error_errno(err, -errno, "cannot remove the folder %s", path);
    }
}
