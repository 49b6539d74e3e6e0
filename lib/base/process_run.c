// SPDX-License-Identifier: GPL-3.0-only
// process_run(): a program to its end, with input, outputs and a time limit.
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

// Reads that empty a full pipe (64 KiB, unless a program enlarged it), with room to spare.
#define PIPE_CHUNKS 64

struct output {
    int fd; // our end, non-blocking; -1: closed
    struct buf *to;
    bool cut; // what does not fit is dropped, else an error
};

// The input as a file in memory: no writing while we read, and no SIGPIPE from a program that does
// not want it.
static int input_fd(const char *input, size_t len)
{
    _cleanup_close_ int fd = memfd_create("input", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, input, len);
    if (r < 0)
        return r;
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : take_fd(&fd);
}

static int open_pipe(int *ret_ours, int *ret_theirs)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
    return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int output_keep(struct output *o, const char *bytes, size_t n)
{
    size_t room = o->to->max - o->to->len;

    if (n > room && !o->cut)
        return -E2BIG;
    return buf_add(o->to, bytes, n > room ? room : n);
}

// Takes what is there now; more than a pipe holds at once is left for the next time, so that a
// program that never stops writing cannot keep us from looking at the clock.
static int output_read(struct output *o)
{
    char chunk[4096];

    for (unsigned i = 0; i < PIPE_CHUNKS && o->fd >= 0; i++) {
        ssize_t n = read(o->fd, chunk, sizeof(chunk));
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        if (n == 0) {
            close_fd(&o->fd);
            o->fd = -1;
            return 0;
        }
        r = output_keep(o, chunk, (size_t)n);
        if (r < 0)
            return r;
    }
    return 0;
}

// Until `until` (CLOCK_MONOTONIC µs): 1 something is ready, 0 interrupted, -ETIMEDOUT.
static int wait_ready(struct pollfd *fds, nfds_t count, uint64_t until)
{
    struct timespec left;
    int n = ppoll(fds, count, clock_left(until, &left), NULL);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return n == 0 ? -ETIMEDOUT : 1;
}

// Reads both outputs until the program has ended. A descendant that still holds them open is not
// waited for.
static int collect(const struct process *p, struct output *out, struct output *errors,
                   uint64_t until)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = p->pidfd, .events = POLLIN},
                               {.fd = out->fd, .events = POLLIN},
                               {.fd = errors->fd, .events = POLLIN}};
        int r = wait_ready(fds, ARRAY_SIZE(fds), until);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = output_read(out);
        if (r == 0)
            r = output_read(errors);
        if (r < 0 || fds[0].revents)
            return r;
    }
}

static int report(int r, const char *program, const struct process_result *result,
                  uint64_t timeout_us, struct error *err)
{
    if (r == -ETIMEDOUT)
        return error_set(err, r, "%s: not done after %.1f s, killed", program,
                         (double)timeout_us / (double)USEC_PER_SEC);
    if (r == -E2BIG)
        return error_set(err, r, "%s: more than %zu bytes of output, killed", program,
                         result->out.max);
    return error_errno(err, r, "cannot run %s", program);
}

static uint64_t deadline_of(uint64_t timeout_us)
{
    uint64_t until;

    return __builtin_add_overflow(clock_monotonic_us(), timeout_us, &until) ? USEC_INFINITY : until;
}

int process_run(const struct process_spec *spec, const char *input, size_t input_len,
                uint64_t timeout_us, struct process_result *ret, struct error *err)
{
    _cleanup_process_ struct process p = PROCESS_INIT;
    _cleanup_close_ int in = -1, out_ours = -1, out_theirs = -1, err_ours = -1, err_theirs = -1;
    struct process_spec own = *spec;
    struct output out, errors;
    uint64_t until = deadline_of(timeout_us);
    int r = 0;

    if (input)
        r = in = input_fd(input, input_len);
    if (r >= 0)
        r = open_pipe(&out_ours, &out_theirs);
    if (r >= 0)
        r = open_pipe(&err_ours, &err_theirs);
    if (r < 0)
        return report(r, spec->argv[0], ret, timeout_us, err);
    own.stdin_fd = in;
    own.stdout_fd = out_theirs;
    own.stderr_fd = err_theirs;
    r = process_start(&own, &p, err);
    if (r < 0)
        return r;
    close_fd(&out_theirs);
    close_fd(&err_theirs);
    out_theirs = err_theirs = -1;
    out = (struct output){.fd = take_fd(&out_ours), .to = &ret->out};
    errors = (struct output){.fd = take_fd(&err_ours), .to = &ret->errors, .cut = true};
    r = collect(&p, &out, &errors, until);
    close_fd(&out.fd);
    close_fd(&errors.fd);
    if (r < 0)
        return report(r, spec->argv[0], ret, timeout_us, err);
    return process_wait(&p, &ret->status, NULL, err);
}

void process_result_release(struct process_result *result)
{
    buf_release(&result->out);
    buf_release(&result->errors);
}
