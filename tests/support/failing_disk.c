// SPDX-License-Identifier: GPL-3.0-only
// Preloaded into a program of ours, a disk that fails: while the file that FAILING_DISK names is
// there, nothing can be read of or written to files with "results.db" in their names, which is EIO.
// (What SQLite calls; each of its files is one of these.)
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd)
{
    const char *flag = getenv("FAILING_DISK");
    char link[64], name[4096] = "";
    ssize_t n;

    if (!flag || access(flag, F_OK) < 0)
        return 0;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, name, sizeof(name) - 1);
    if (n <= 0 || !strstr(name, "results.db"))
        return 0;
    errno = EIO;
    return 1;
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t at)
{
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");

    return fails(fd) ? -1 : real(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

    return fails(fd) ? -1 : real(fd, bytes, n, at);
}

int fdatasync(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");

    return fails(fd) ? -1 : real(fd);
}
