// SPDX-License-Identifier: GPL-3.0-only
#include "base/process.h"

#include "base/file.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STACK_MIN ((size_t)64 * 1024)
#define CLOSE_ON_EXEC_FLAG (1U << 2) // CLOSE_RANGE_CLOEXEC, not in every libc's headers

// What the child was doing when it failed; sent to the parent over a pipe that a successful exec
// closes.
enum step { STEP_SETUP, STEP_DIR, STEP_EXEC };

struct failure {
    enum step step;
    int number; // errno
};

// The functions below run in the child, before exec: async-signal-safe calls only, and nothing that
// our memory should not keep. The frames that exec leaves on their stack are no fault.
#define SHARES_MEMORY __attribute__((no_sanitize_address))

SHARES_MEMORY _Noreturn static void child_fail(int report, enum step step)
{
    struct failure failure = {.step = step, .number = errno};

    (void)fd_write_all(report, &failure, sizeof(failure));
    _exit(127);
}

SHARES_MEMORY static void child_reset_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        (void)signal(signo, SIG_DFL); // refused for SIGKILL and SIGSTOP, which have no other
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

// A copy above the standard descriptors, so that none is overwritten before it was used.
SHARES_MEMORY static int child_lift(int fd, int null_flags)
{
    int from = fd >= 0 ? fd : open("/dev/null", null_flags | O_CLOEXEC);

    return from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

SHARES_MEMORY static void child_set_fds(const struct process_spec *spec, int report)
{
    int in = child_lift(spec->stdin_fd, O_RDONLY);
    int out = child_lift(spec->stdout_fd, O_WRONLY);
    int errors = child_lift(spec->stderr_fd, O_WRONLY);

    if (in < 0 || out < 0 || errors < 0 || dup2(in, STDIN_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
        child_fail(report, STEP_SETUP);
    // Descriptors of libraries that forgot O_CLOEXEC; an old kernel without the call keeps them.
    (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_ON_EXEC_FLAG);
}

SHARES_MEMORY _Noreturn static void child_run(const struct process_spec *spec, int report,
                                              pid_t parent)
{
    int lifted = fcntl(report, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (lifted < 0)
        child_fail(report, STEP_SETUP);
    report = lifted;
    child_reset_signals();
    if (spec->new_session && setsid() < 0)
        child_fail(report, STEP_SETUP);
    if (spec->die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
            child_fail(report, STEP_SETUP);
        if (getppid() != parent) // it ended before the line above
            _exit(127);
    }
    child_set_fds(spec, report);
    if (spec->dir && chdir(spec->dir) < 0)
        child_fail(report, STEP_DIR);
    (void)execvpe(spec->argv[0], (char *const *)spec->argv,
                  spec->env ? (char *const *)spec->env : environ);
    child_fail(report, STEP_EXEC);
}

static pid_t wait_pid(pid_t pid, int *ret_status, struct rusage *usage)
{
    pid_t got;

    do
        got = wait4(pid, ret_status, 0, usage);
    while (got < 0 && errno == EINTR);
    return got;
}

// Waits until the child has become the program; reads why it could not.
static int await_exec(const struct process_spec *spec, int report, struct error *err)
{
    struct failure failure;
    ssize_t n;

    do
        n = read(report, &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_errno(err, -errno, "cannot start %s", spec->argv[0]);
    if ((size_t)n < sizeof(failure))
        return 0;
    if (failure.step == STEP_DIR)
        return error_errno(err, -failure.number, "cannot start %s in %s", spec->argv[0], spec->dir);
    return error_errno(err, -failure.number, "cannot start %s", spec->argv[0]);
}

// What the child needs: it runs in our memory, on a stack of its own.
struct start {
    const struct process_spec *spec;
    int report;
    pid_t parent;
};

SHARES_MEMORY static int child_main(void *userdata)
{
    const struct start *start = userdata;

    child_run(start->spec, start->report, start->parent);
}

// Enough for what looks a name up in PATH, which may copy the arguments when it is a script.
static size_t stack_size(const struct process_spec *spec)
{
    size_t len = 0;

    while (spec->argv[len])
        len++;
    return STACK_MIN + len * sizeof(char *);
}

// A child that shares our memory, while we wait for its exec or its end: a copy of the page tables
// for each program would cost more than all else that a hook does. Signals are held back, so that
// no handler of ours ever runs in it. Its pid, or -1 with errno set.
static pid_t clone_child(struct start *start)
{
    size_t size = stack_size(start->spec);
    _cleanup_free_ char *stack = malloc(size);
    sigset_t all, before;
    pid_t pid;
    int saved;

    if (!stack)
        return -1;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    // It grows downwards; libc aligns it.
    pid = clone(child_main, stack + size, CLONE_VM | CLONE_VFORK | SIGCHLD, start);
    saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

int process_start(const struct process_spec *spec, struct process *ret, struct error *err)
{
    _cleanup_process_ struct process p = PROCESS_INIT;
    _cleanup_close_ int theirs = -1, ours = -1;
    struct start start = {.spec = spec, .parent = getpid()};
    int fds[2], r;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_errno(err, -errno, "cannot start %s", spec->argv[0]);
    ours = fds[0];
    theirs = fds[1];
    start.report = theirs;
    p.pid = clone_child(&start);
    if (p.pid < 0) {
        r = -errno;
        p.pid = 0;
        return error_errno(err, r, "cannot start %s", spec->argv[0]);
    }
    close_fd(&theirs);
    theirs = -1;
    r = await_exec(spec, ours, err);
    if (r < 0)
        return r;
    p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
    if (p.pidfd < 0)
        return error_errno(err, -errno, "cannot watch %s", spec->argv[0]);
    *ret = p;
    p = (struct process)PROCESS_INIT;
    return 0;
}

int process_wait(struct process *p, int *ret_status, struct rusage *ret_usage, struct error *err)
{
    struct rusage usage;
    int status, r = 0;

    if (p->pid <= 0)
        return error_set(err, -ECHILD, "there is no process to wait for");
    if (wait_pid(p->pid, &status, &usage) < 0)
        r = error_errno(err, -errno, "cannot wait for process %d", (int)p->pid);
    close_fd(&p->pidfd);
    *p = (struct process)PROCESS_INIT;
    if (r < 0)
        return r;
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (ret_usage)
        *ret_usage = usage;
    return 0;
}

int process_signal(const struct process *p, int signo, bool group)
{
    // Until it was waited for, nothing else can have this number.
    if (p->pid <= 0 || kill(group ? -p->pid : p->pid, signo) == 0 || errno == ESRCH)
        return 0;
    return -errno;
}

void process_release(struct process *p)
{
    int status;

    if (p->pid > 0) {
        if (getpgid(p->pid) == p->pid)
            (void)process_signal(p, SIGKILL, true);
        (void)process_signal(p, SIGKILL, false);
        (void)wait_pid(p->pid, &status, NULL);
    }
    close_fd(&p->pidfd);
    *p = (struct process)PROCESS_INIT;
}
