// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SPEC(...)                                                                                  \
    {                                                                                              \
        .argv = ARGV(__VA_ARGS__), .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1                \
    }

static void run(const struct process_spec *spec, const char *input, struct process_result *ret)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(process_run(spec, input, input ? strlen(input) : 0, 30 * USEC_PER_SEC, ret, &err),
              &err);
}

TEST(both_outputs_and_the_exit_code_are_collected)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(1000);
    struct process_spec spec = SPEC("sh", "-c", "echo out; echo err >&2; exit 3");

    run(&spec, NULL, &result);
    ck_assert_int_eq(result.status, 3);
    ck_assert_str_eq(buf_str(&result.out), "out\n");
    ck_assert_str_eq(buf_str(&result.errors), "err\n");
}

TEST(input_reaches_the_program_and_none_is_dev_null)
{
    _cleanup_process_result_ struct process_result with = PROCESS_RESULT_INIT(1000),
                                                   without = PROCESS_RESULT_INIT(1000);
    struct process_spec spec = SPEC("cat");

    run(&spec, "text", &with);
    ck_assert_str_eq(buf_str(&with.out), "text");
    run(&spec, NULL, &without);
    ck_assert_str_eq(buf_str(&without.out), "");
    ck_assert_int_eq(without.status, 0);
}

TEST(input_that_is_not_read_does_no_harm)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(10);
    _cleanup_free_ char *much = calloc(1, 1 << 20);
    struct process_spec spec = SPEC("true");

    ASSERT_OK(process_run(&spec, much, 1 << 20, USEC_INFINITY, &result, &err), &err);
    ck_assert_int_eq(result.status, 0);
}

TEST(a_program_that_is_not_there_is_an_error_of_the_start)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct process_spec spec = SPEC("no-such-program-here");
    struct process p = PROCESS_INIT;

    ASSERT_FAILS(process_start(&spec, &p, &err), -ENOENT, &err,
                 "cannot start no-such-program-here: No such file or directory");
    spec.argv = ARGV("/etc/passwd");
    ASSERT_FAILS(process_start(&spec, &p, &err), -EACCES, &err,
                 "cannot start /etc/passwd: Permission denied");
    ck_assert_int_eq(p.pid, 0);
}

TEST(a_folder_that_is_not_there_is_named)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct process_spec spec = SPEC("true");
    struct process p = PROCESS_INIT;

    spec.dir = "/nonexistent";
    ASSERT_FAILS(process_start(&spec, &p, &err), -ENOENT, &err,
                 "cannot start true in /nonexistent: No such file or directory");
    spec.dir = NULL;
    spec.stdin_fd = 12345;
    ASSERT_FAILS(process_start(&spec, &p, &err), -EBADF, &err,
                 "cannot start true: Bad file descriptor");
}

TEST(folder_and_environment_are_given)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(1000);
    struct process_spec spec = SPEC("sh", "-c", "echo $PWD $X ${HOME:-none}");

    spec.dir = "/usr";
    spec.env = ARGV("X=y");
    run(&spec, NULL, &result);
    ck_assert_str_eq(buf_str(&result.out), "/usr y none\n");
}

TEST(too_much_output_kills_the_program)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(100000);
    struct process_spec spec = SPEC("yes");

    ASSERT_FAILS(process_run(&spec, NULL, 0, USEC_INFINITY, &result, &err), -E2BIG, &err,
                 "yes: more than 100000 bytes of output, killed");
}

TEST(too_much_on_standard_error_is_cut)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(10);
    struct process_spec spec = SPEC("sh", "-c", "head -c 300000 /dev/zero >&2");

    run(&spec, NULL, &result);
    ck_assert_int_eq(result.status, 0);
    ck_assert_uint_eq(result.errors.len, 64 * 1024);
}

TEST(a_program_that_takes_too_long_is_killed)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(100);
    struct process_spec spec = SPEC("sh", "-c", "sleep 1000 & sleep 1000");
    uint64_t before = clock_monotonic_us();

    spec.new_session = true;
    ASSERT_FAILS(process_run(&spec, NULL, 0, 200 * USEC_PER_MSEC, &result, &err), -ETIMEDOUT, &err,
                 "sh: not done after 0.2 s, killed");
    ck_assert_uint_lt(clock_monotonic_us() - before, 500 * USEC_PER_SEC);
}

TEST(a_time_limit_holds_while_standard_error_is_flooded)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(100);
    struct process_spec spec = SPEC("sh", "-c", "exec yes >&2");

    ck_assert_int_eq(process_run(&spec, NULL, 0, 200 * USEC_PER_MSEC, &result, &err), -ETIMEDOUT);
}

TEST(a_descendant_that_keeps_the_outputs_open_is_not_waited_for)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(100);
    struct process_spec spec = SPEC("sh", "-c", "echo $$; sleep 1000 & echo started");
    uint64_t before = clock_monotonic_us();

    spec.new_session = true;
    run(&spec, NULL, &result);
    ck_assert_ptr_nonnull(strstr(buf_str(&result.out), "started\n"));
    ck_assert_uint_lt(clock_monotonic_us() - before, 500 * USEC_PER_SEC);
    kill(-(pid_t)strtol(buf_str(&result.out), NULL, 10), SIGKILL);
}

TEST(the_pidfd_tells_the_end_and_the_signal_is_the_status)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_ struct process p = PROCESS_INIT;
    struct process_spec spec = SPEC("sleep", "1000");
    struct pollfd ended;
    struct rusage usage;
    int status = 0;

    ASSERT_OK(process_start(&spec, &p, &err), &err);
    ended = (struct pollfd){.fd = p.pidfd, .events = POLLIN};
    ck_assert_int_eq(poll(&ended, 1, 0), 0);
    ck_assert_int_eq(process_signal(&p, SIGTERM, false), 0);
    ck_assert_int_eq(poll(&ended, 1, 30000), 1);
    ck_assert_int_eq(process_signal(&p, SIGTERM, false), 0);
    ASSERT_OK(process_wait(&p, &status, &usage, &err), &err);
    ck_assert_int_eq(status, -SIGTERM);
    ck_assert_int_gt(usage.ru_maxrss, 0);
    ck_assert_int_eq(p.pid, 0);
    ck_assert_int_eq(process_signal(&p, SIGTERM, false), 0);
    ASSERT_FAILS(process_wait(&p, &status, NULL, &err), -ECHILD, &err,
                 "there is no process to wait for");
}

TEST(a_session_is_ended_with_all_its_processes)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_ struct process p = PROCESS_INIT;
    struct process_spec spec = SPEC("sh", "-c", "sleep 1000 & sleep 1000 & echo; wait");
    int fds[2];
    char byte;

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    spec.new_session = true;
    spec.stdout_fd = spec.stderr_fd = fds[1];
    ASSERT_OK(process_start(&spec, &p, &err), &err);
    close(fds[1]);
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    process_release(&p);
    ck_assert_int_eq(p.pid, 0);
    // The end of the pipe: none of them is left that holds it open.
    ck_assert_int_eq(read(fds[0], &byte, 1), 0);
}

TEST(signals_are_unblocked_and_at_their_default_in_the_child)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(4096);
    struct process_spec spec = SPEC("grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status");
    const char *ignored;
    sigset_t blocked;

    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    run(&spec, NULL, &result);
    ck_assert_ptr_nonnull(strstr(buf_str(&result.out), "SigBlk:\t0000000000000000\n"));
    ignored = strstr(buf_str(&result.out), "SigIgn:\t");
    ck_assert_ptr_nonnull(ignored);
    // The C library keeps two real-time signals to itself; they stay as they were inherited.
    ck_assert_uint_eq(strtoull(ignored + strlen("SigIgn:\t"), NULL, 16) & 0x7fffffff, 0);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    ck_assert(sigismember(&blocked, SIGTERM) && !sigismember(&blocked, SIGINT));
}

TEST(descriptors_do_not_leak_into_the_child)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(4096);
    struct process_spec spec = SPEC("sh", "-c", "test ! -e /proc/self/fd/77");

    ck_assert_int_eq(dup2(0, 77), 77);
    run(&spec, NULL, &result);
    ck_assert_int_eq(result.status, 0);
}

TEST(outputs_are_right_when_our_own_standard_descriptors_are_closed_or_swapped)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_ struct process p = PROCESS_INIT;
    const char *dir = test_dir(), *one = test_path(dir, "1"), *two = test_path(dir, "2");
    _cleanup_buf_ struct buf text = BUF_INIT(100);
    struct process_spec spec = SPEC("sh", "-c", "echo out; echo err >&2");
    int saved[3], status = -1;

    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    spec.stderr_fd = open(two, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); // 0
    spec.stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);          // 1
    spec.stdout_fd = open(one, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); // 2
    ck_assert_int_eq(process_start(&spec, &p, &err), 0);
    for (int i = 0; i < 3; i++)
        dup2(saved[i], i);
    ASSERT_OK(process_wait(&p, &status, NULL, &err), &err);
    ck_assert_int_eq(status, 0);
    ASSERT_OK(file_read(one, &text, &err), &err);
    ASSERT_OK(file_read(two, &text, &err), &err);
    ck_assert_str_eq(buf_str(&text), "out\nerr\n");
}

TEST(a_child_can_die_with_its_parent)
{
    int fds[2];
    char byte;
    pid_t parent;

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    parent = fork();
    ck_assert_int_ge(parent, 0);
    if (parent == 0) {
        struct process_spec spec = SPEC("sleep", "1000");
        struct process p = PROCESS_INIT;

        close(fds[0]);
        spec.die_with_parent = true;
        spec.stdout_fd = fds[1];
        _exit(process_start(&spec, &p, NULL) < 0);
    }
    close(fds[1]);
    ck_assert_int_eq(read(fds[0], &byte, 1), 0); // returns when the sleeper is gone
    while (waitpid(-1, NULL, 0) > 0)
        ;
}
