// SPDX-License-Identifier: GPL-3.0-only
#include "base/watch.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

// Of the folder it is also told what is written in place.
#define PLACES                                                                                     \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |         \
     IN_ONLYDIR | IN_MASK_ADD)

// The folder itself, and the one that it is in, which tells when it is replaced; where that is not
// there either, the next one up.
static void arm(const struct watch *watch, const char *dir)
{
    _cleanup_free_ char *path = path_parent(dir);

    (void)inotify_add_watch(watch->fd, dir, PLACES | IN_CLOSE_WRITE);
    while (path && inotify_add_watch(watch->fd, path, PLACES) < 0 && !str_equal(path, "/")) {
        char *up = path_parent(path);

        free(path);
        path = up;
    }
}

// ---------------------------------------------------------------- without inotify

// Of a file or folder: which one it is, and when it was changed. 0: it is not there.
static uint64_t digest_entry(int at, const char *name)
{
    uint64_t sum = hash_add(HASH_START, name, strlen(name));
    struct stat st;

    if (fstatat(at, name, &st, 0) < 0)
        return 0;
    sum = hash_add(sum, &st.st_dev, sizeof(st.st_dev));
    sum = hash_add(sum, &st.st_ino, sizeof(st.st_ino));
    sum = hash_add(sum, &st.st_size, sizeof(st.st_size));
    return hash_add(sum, &st.st_mtim, sizeof(st.st_mtim));
}

// Whatever order they are read in.
static uint64_t digest_dir(const char *dir)
{
    DIR *stream = opendir(dir);
    uint64_t sum = digest_entry(AT_FDCWD, dir);
    const struct dirent *entry;

    if (!stream)
        return sum;
    while ((entry = readdir(stream)))
        if (entry->d_name[0] != '.')
            sum += digest_entry(dirfd(stream), entry->d_name);
    (void)closedir(stream);
    return sum;
}

static bool look(struct watch *watch)
{
    uint64_t before = watch->seen, sum = 0;

    STRV_FOREACH (dir, &watch->dirs)
        sum = hash_add(sum, &(uint64_t){digest_dir(dir)}, sizeof(uint64_t));
    watch->seen = sum;
    watch->look_at_us = clock_monotonic_us() + WATCH_LOOK_US;
    return sum != before;
}

// ---------------------------------------------------------------- either way

static int open_watch(struct watch *watch, const char *dir, struct error *err)
{
    if (watch->fd >= 0 || watch->look_at_us > 0)
        return 0;
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0 && errno != EMFILE)
        return error_errno(err, -errno, "cannot watch %s for changes", dir);
    watch->look_at_us = watch->fd < 0 ? clock_monotonic_us() : 0;
    return 0;
}

int watch_add(struct watch *watch, const char *dir, struct error *err)
{
    int r;

    if (dir[0] != '/')
        return error_set(err, -EINVAL, "cannot watch %s: not an absolute path", dir);
    r = open_watch(watch, dir, err);
    if (r < 0)
        return r;
    if (strv_add(&watch->dirs, dir) < 0)
        return error_oom(err);
    if (watch->fd >= 0)
        arm(watch, dir);
    else
        (void)look(watch);
    return 0;
}

bool watch_changed(struct watch *watch)
{
    char events[4096] __attribute__((aligned(8)));
    bool told = false;

    if (watch->fd < 0)
        return watch->look_at_us > 0 && look(watch);
    // What the events say does not matter: also those that did not fit the queue are told of.
    while (read(watch->fd, events, sizeof events) > 0)
        told = true;
    if (told)
        STRV_FOREACH (dir, &watch->dirs)
            arm(watch, dir);
    return told;
}

uint64_t watch_deadline(const struct watch *watch)
{
    return watch->look_at_us > 0 ? watch->look_at_us : USEC_INFINITY;
}

void watch_release(struct watch *watch)
{
    close_fd(&watch->fd);
    strv_release(&watch->dirs);
    *watch = (struct watch)WATCH_INIT;
}
