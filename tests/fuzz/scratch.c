// SPDX-License-Identifier: GPL-3.0-only
#include "scratch.h"

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

static char dir[] = "/tmp/fuzz-XXXXXX";

static void remove_dir(void)
{
    (void)dir_remove(dir, NULL);
}

const char *scratch_dir(void)
{
    static bool made;

    if (!made && (!mkdtemp(dir) || atexit(remove_dir) != 0))
        abort();
    made = true;
    return dir;
}

// Without the care of file_replace() for power cuts.
void scratch_put(const char *name, const void *content, size_t len)
{
    _cleanup_free_ char *path = path_join(scratch_dir(), name);
    _cleanup_free_ char *folder = path ? strdup(path) : NULL;
    _cleanup_close_ int fd = -1;

    if (!folder)
        abort();
    *strrchr(folder, '/') = '\0';
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        abort();
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fd_write_all(fd, content, len) < 0)
        abort();
}
