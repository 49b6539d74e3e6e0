// SPDX-License-Identifier: GPL-3.0-only
#include "fault.h"

#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

// A scenario makes fewer calls than this; more would be a scenario that never ends.
#define CALLS_MAX 100000

// Shared with children, so that a call they fail is known here.
static struct {
    unsigned kinds; // 0: not armed
    unsigned left;  // calls until the failing one
    int number;
    unsigned fired;
} * fault;

static bool hit(enum fault_kind kind)
{
    if (!fault || !(fault->kinds & kind) || fault->fired || --fault->left > 0)
        return false;
    fault->fired = 1;
    errno = kind == FAULT_MEMORY ? ENOMEM : fault->number;
    return true;
}

// The linker gives these names; __real_NAME is the function itself.
#define WRAP(kind, failure, type, name, parameters, arguments)                                     \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return hit(kind) ? (failure) : __real_##name arguments;                                    \
    }

WRAP(FAULT_MEMORY, NULL, void *, malloc, (size_t n), (n))
WRAP(FAULT_MEMORY, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAP(FAULT_MEMORY, NULL, void *, realloc, (void *p, size_t n), (p, n))
WRAP(FAULT_MEMORY, NULL, void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAP(FAULT_MEMORY, NULL, char *, strdup, (const char *s), (s))
WRAP(FAULT_MEMORY, NULL, char *, strndup, (const char *s, size_t n), (s, n))
WRAP(FAULT_MEMORY, -1, int, vasprintf, (char **p, const char *format, va_list args),
     (p, format, args))

WRAP(FAULT_IO, -1, ssize_t, read, (int fd, void *bytes, size_t n), (fd, bytes, n))
WRAP(FAULT_IO, -1, ssize_t, write, (int fd, const void *bytes, size_t n), (fd, bytes, n))
WRAP(FAULT_IO, -1, int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
WRAP(FAULT_IO, -1, int, ppoll,
     (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
     (fds, n, timeout, mask))
WRAP(FAULT_IO, -1, pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *usage),
     (pid, status, options, usage))

WRAP(FAULT_FILE, -1, int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(FAULT_FILE, -1, int, fsync, (int fd), (fd))
WRAP(FAULT_FILE, -1, int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(FAULT_FILE, -1, int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(FAULT_FILE, -1, int, chmod, (const char *path, mode_t mode), (path, mode))
WRAP(FAULT_FILE, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(FAULT_FILE, -1, int, rename, (const char *from, const char *to), (from, to))
WRAP(FAULT_FILE, -1, int, renameat, (int a, const char *from, int b, const char *to),
     (a, from, b, to))
WRAP(FAULT_FILE, -1, int, symlink, (const char *target, const char *path), (target, path))
WRAP(FAULT_FILE, -1, int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(FAULT_FILE, -1, int, mkostemp, (char *name, int flags), (name, flags))
WRAP(FAULT_FILE, NULL, DIR *, fdopendir, (int fd), (fd))
WRAP(FAULT_FILE, NULL, struct dirent *, readdir, (DIR * dir), (dir))
WRAP(FAULT_FILE, -1, ssize_t, getrandom, (void *bytes, size_t n, unsigned flags), (bytes, n, flags))
WRAP(FAULT_FILE, -1, int, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(FAULT_FILE, -1, int, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(FAULT_FILE, -1, pid_t, fork, (void), ())
WRAP(FAULT_FILE, -1, int, dup2, (int from, int to), (from, to))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return hit(FAULT_FILE) ? -1 : __real_open(path, flags, mode);
}

int __real_asprintf(char **p, const char *format, ...);
int __wrap_asprintf(char **p, const char *format, ...) _printf_(2, 3);
int __wrap_asprintf(char **p, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = __wrap_vasprintf(p, format, args);
    va_end(args);
    return n;
}

// Without what only threads need.
int __real_clone(int (*run)(void *), void *stack, int flags, void *userdata, ...);
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *userdata, ...);
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *userdata, ...)
{
    return hit(FAULT_CLONE) ? -1 : __real_clone(run, stack, flags, userdata);
}

static void *json_malloc(size_t n)
{
    return __wrap_malloc(n);
}

static void json_free(void *p)
{
    free(p);
}

// One try; whether the scenario met the failure.
static bool try_one(unsigned kinds, unsigned nth, int number, enum fault_expectation expected,
                    fault_scenario scenario)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool met;
    int r;

    fault->left = nth;
    fault->number = number;
    fault->fired = 0;
    fault->kinds = kinds;
    r = scenario(&err);
    fault->kinds = 0;
    met = fault->fired != 0;
    if (!met)
        ck_assert_msg(r == 0, "undisturbed: %d: %s", r, error_message(&err));
    else if (expected == FAULT_FAILS)
        ck_assert_msg(r == -number, "failure of call %u: got %d: %s", nth, r, error_message(&err));
    else if (expected == FAULT_REPORTED)
        ck_assert_msg(r < 0, "failure of call %u was not noticed", nth);
    else
        ck_assert_msg(r <= 0, "failure of call %u: got %d", nth, r);
    ck_assert_msg((r < 0) == (err.message != NULL), "failure of call %u: %d: %s", nth, r,
                  error_message(&err));
    return met;
}

void fault_try_each(unsigned kinds, int number, enum fault_expectation expected,
                    fault_scenario scenario)
{
    unsigned nth;

    fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(fault, MAP_FAILED);
    json_set_alloc_funcs(json_malloc, json_free);
    for (nth = 1; nth < CALLS_MAX; nth++)
        if (!try_one(kinds, nth, number, expected, scenario))
            break;
    ck_assert_uint_gt(nth, 1);
    ck_assert_uint_lt(nth, CALLS_MAX);
    munmap(fault, sizeof(*fault));
    fault = NULL;
}
