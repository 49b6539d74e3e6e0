// SPDX-License-Identifier: GPL-3.0-only
#include "base/watch.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <sys/inotify.h>
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

int watch_add(struct watch *watch, const char *dir, struct error *err)
{
    if (dir[0] != '/')
        return error_set(err, -EINVAL, "cannot watch %s: not an absolute path", dir);
    if (watch->fd < 0)
        watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        return error_errno(err, -errno, "cannot watch %s for changes", dir);
    if (strv_add(&watch->dirs, dir) < 0)
        return error_oom(err);
    arm(watch, dir);
    return 0;
}

bool watch_changed(struct watch *watch)
{
    char events[4096] __attribute__((aligned(8)));
    bool told = false;

    // What the events say does not matter: also those that did not fit the queue are told of.
    while (watch->fd >= 0 && read(watch->fd, events, sizeof events) > 0)
        told = true;
    if (told)
        STRV_FOREACH (dir, &watch->dirs)
            arm(watch, dir);
    return told;
}

void watch_release(struct watch *watch)
{
    close_fd(&watch->fd);
    watch->fd = -1;
    strv_release(&watch->dirs);
}
