// SPDX-License-Identifier: GPL-3.0-only
//
// enter: runs one program inside a machine of juju-local and tells how it ended.
//
//   enter [--target PID] [--cgroup DIR]... [--cwd DIR] [--report FD] -- PROGRAM [ARG...]
//   enter --init
//
// The program gets enter's environment, stdin, stdout and stderr as they are, a session of its own,
// the namespaces and the root of process PID (those that differ from enter's), and the given
// cgroups. It is a child of this small process and not of the caller, so that wait4() speaks of the
// program alone: memory that a large caller had before exec would be counted as the program's peak.
//
// FD gets one line: "end STATUS USER_US SYSTEM_US MAX_RSS_KB" (STATUS is the exit status, or minus
// the signal that killed it), or "error ERRNO WHAT" when the program could not be run.
// TERM, INT and HUP are passed on; when enter is killed, so is the program.
//
// --init is process 1 of a scratch machine: it collects orphans and does nothing else.
//
// Statically linked: it needs nothing of the machine it enters.

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
    long target;
    const char **cgroups;
    int *cgroup_fds;
    size_t n_cgroups;
    const char *cwd;
    int report;
    char **program;
};

static volatile pid_t child = -1;

static void pass_on(int number)
{
    if (child > 0)
        (void)kill(child, number);
}

__attribute__((noreturn)) static void fail(const struct options *o, int number, const char *what)
{
    if (o->report >= 0)
        (void)dprintf(o->report, "error %d %s\n", number, what);
    else
        (void)dprintf(STDERR_FILENO, "enter: %s: %s\n", what, strerror(number));
    _exit(125);
}

static long parse_number(const char *text)
{
    char *end = NULL;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || value < 0 || value > 0x7fffffff) {
        (void)dprintf(STDERR_FILENO, "enter: not a number: '%s'\n", text);
        _exit(125);
    }
    return value;
}

// Opened out here, where the folders can be seen; written by the program's own process: this one
// stays outside of the machine's cgroups, since its systemd could not make sense of it there.
static void open_cgroups(const struct options *o)
{
    for (size_t i = 0; i < o->n_cgroups; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/cgroup.procs", o->cgroups[i]) < 0)
            fail(o, ENOMEM, "cgroup");
        o->cgroup_fds[i] = open(path, O_WRONLY | O_CLOEXEC);
        if (o->cgroup_fds[i] < 0)
            fail(o, errno, path);
        free(path);
    }
}

static int open_of_process(const struct options *o, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "/proc/%ld/%s", o->target, name) < 0)
        fail(o, ENOMEM, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail(o, errno, path);
    free(path);
    return fd;
}

// A process cannot join the pid or the mount namespace it is in already without side effects, so
// only the ones that differ are joined. All are opened first: /proc is another one afterwards.
static void join_namespaces(const struct options *o)
{
    static const char *const names[] = {"ns/cgroup", "ns/ipc", "ns/uts",
                                        "ns/net",    "ns/pid", "ns/mnt"};
    int fds[sizeof(names) / sizeof(names[0])];
    const size_t n = sizeof(names) / sizeof(names[0]);

    for (size_t i = 0; i < n; i++) {
        char *own_path = NULL;
        struct stat own, other;
        fds[i] = open_of_process(o, names[i]);
        if (asprintf(&own_path, "/proc/self/%s", names[i]) < 0)
            fail(o, ENOMEM, names[i]);
        if (stat(own_path, &own) < 0 || fstat(fds[i], &other) < 0)
            fail(o, errno, own_path);
        free(own_path);
        if (own.st_ino == other.st_ino && own.st_dev == other.st_dev) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
    int root = open_of_process(o, "root");
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < 0)
            continue;
        if (setns(fds[i], 0) < 0)
            fail(o, errno, names[i]);
        close(fds[i]);
    }
    if (fchdir(root) < 0 || chroot(".") < 0)
        fail(o, errno, "root of the machine");
    close(root);
}

__attribute__((noreturn)) static void run(const struct options *o, const sigset_t *mask)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        fail(o, errno, "prctl");
    for (int number = 1; number < SIGRTMIN; number++)
        (void)signal(number, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    if (o->report >= 0)
        (void)fcntl(o->report, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < o->n_cgroups; i++)
        if (write(o->cgroup_fds[i], "0\n", 2) != 2)
            fail(o, errno, o->cgroups[i]);
    (void)setsid();
    if (o->cwd != NULL && chdir(o->cwd) < 0)
        fail(o, errno, o->cwd);
    // execvp() would give a script without an interpreter line to a shell: that is for the caller
    // to know
    if (strchr(o->program[0], '/') != NULL)
        execv(o->program[0], o->program);
    else
        execvp(o->program[0], o->program);
    fail(o, errno, o->program[0]);
}

static long long microseconds(struct timeval t)
{
    return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

static int wait_for(const struct options *o)
{
    struct rusage usage;
    int status;

    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR)
            fail(o, errno, "wait4");
    int result = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    if (o->report >= 0)
        (void)dprintf(o->report, "end %d %lld %lld %ld\n", result, microseconds(usage.ru_utime),
                      microseconds(usage.ru_stime), usage.ru_maxrss);
    return result < 0 ? 128 - result : result;
}

__attribute__((noreturn)) static void init(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;) {
        int number = 0;
        (void)sigwait(&all, &number);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}

static void parse(int argc, char **argv, struct options *ret)
{
    enum { TARGET = 256, CGROUP, CWD, REPORT, INIT };
    static const struct option table[] = {
        {"target", required_argument, NULL, TARGET}, {"cgroup", required_argument, NULL, CGROUP},
        {"cwd", required_argument, NULL, CWD},       {"report", required_argument, NULL, REPORT},
        {"init", no_argument, NULL, INIT},           {NULL, 0, NULL, 0},
    };
    int c;

    *ret = (struct options){.report = -1,
                            .cgroups = calloc((size_t)argc, sizeof(char *)),
                            .cgroup_fds = calloc((size_t)argc, sizeof(int))};
    if (ret->cgroups == NULL || ret->cgroup_fds == NULL)
        fail(ret, ENOMEM, "options");
    while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        if (c == TARGET)
            ret->target = parse_number(optarg);
        else if (c == CGROUP)
            ret->cgroups[ret->n_cgroups++] = optarg;
        else if (c == CWD)
            ret->cwd = optarg;
        else if (c == REPORT)
            ret->report = (int)parse_number(optarg);
        else if (c == INIT)
            init();
        else
            _exit(125);
    }
    ret->program = argv + optind;
    if (ret->program[0] == NULL)
        fail(ret, EINVAL, "no program given");
}

int main(int argc, char **argv)
{
    struct options o;
    sigset_t passed, mask;

    parse(argc, argv, &o);
    (void)sigemptyset(&passed);
    (void)sigaddset(&passed, SIGTERM);
    (void)sigaddset(&passed, SIGINT);
    (void)sigaddset(&passed, SIGHUP);
    // blocked until there is a child to pass them on to
    (void)sigprocmask(SIG_BLOCK, &passed, &mask);
    struct sigaction action = {.sa_handler = pass_on};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    open_cgroups(&o);
    if (o.target > 0)
        join_namespaces(&o);
    child = fork();
    if (child < 0)
        fail(&o, errno, "fork");
    if (child == 0)
        run(&o, &mask);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    return wait_for(&o);
}
