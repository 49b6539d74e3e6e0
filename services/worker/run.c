// SPDX-License-Identifier: GPL-3.0-only
#include "worker/run.h"

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "worker/command.h"
#include "worker/control.h"
#include "worker/outcome.h"
#include "worker/report.h"
#include "worker/testbed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define STRAY_ROUNDS 64 // generations of processes, each orphaned by the end of the one before

// What the lists say of the package; whether it is not to be run at all.
static bool ask_lists(const struct worker *w, struct command_context *c)
{
    const char *package = c->request->package;

    c->big = lists_contain(&w->lists, LIST_BIG, package, c->arch, c->release);
    c->long_tests = lists_contain(&w->lists, LIST_LONG, package, c->arch, c->release);
    c->vm = lists_contain(&w->lists, LIST_VM, package, c->arch, c->release);
    return lists_contain(&w->lists, LIST_NEVER_RUN, package, c->arch, c->release);
}

static int write_secrets(const struct job *job, const struct strv *secrets, struct error *err)
{
    _cleanup_free_ char *lines = strv_join(secrets, "\n");
    _cleanup_free_ char *path = path_join(job->dir, "arguments");
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);

    if (!lines || !path)
        return error_oom(err);
    if (secrets->len == 0)
        return 0;
    return file_replace(path, lines, strlen(lines), &attributes, NULL, err);
}

static int spawn(struct worker *w, struct job *job, const struct strv *argv, struct error *err)
{
    _cleanup_free_ char *console = path_join(job->dir, "console");
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_strv_ struct strv env = STRV_INIT;
    _cleanup_close_ int fd = -1;
    int r;

    if (!console)
        return error_oom(err);
    if ((r = scratch_prepare(&w->scratch, &w->settings, &env, err)) < 0)
        return r;
    fd = open(console, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_errno(err, -errno, "cannot create %s", console);
    spec.argv = (const char *const *)argv->items;
    spec.env = (const char *const *)env.items;
    spec.dir = job->dir;
    spec.stderr_fd = fd; // autopkgtest keeps standard output in its own log
    spec.new_session = true;
    spec.die_with_parent = true;
    return process_start(&spec, &job->process, err);
}

// Gives the verdict instead of running where there is one.
static int judge(const struct worker *w, struct job *job, struct command_context *c,
                 struct strv *argv, struct strv *secrets, struct error *err)
{
    _cleanup_error_ struct error reason = ERROR_INIT;
    int r;

    if (ask_lists(w, c)) {
        job->verdict = str_format("%s is on the never_run list for %s on %s: the test was not run",
                                  c->request->package, c->release, c->arch);
        job->status = EXIT_NOT_RUN;
        return job->verdict ? 0 : error_oom(err);
    }
    r = command_build(c, argv, secrets, &reason);
    if (r == -EINVAL) {
        job->verdict = str_format("the request cannot be run: %s", error_message(&reason));
        job->status = EXIT_OTHER;
        return job->verdict ? 0 : error_oom(err);
    }
    return r < 0 ? error_prefix(err, r, "command line") : 0;
}

static int try_start(struct worker *w, struct error *err)
{
    struct job *job = &w->job;
    _cleanup_free_ char *output = path_join(job->dir, "output");
    _cleanup_free_ char *secrets_file = path_join(job->dir, "arguments");
    _cleanup_free_ char *name = command_name(w->settings.name, job->run_id);
    _cleanup_strv_ struct strv argv = STRV_INIT, secrets = STRV_INIT;
    struct command_context context = {
        .request = &job->request,
        .release = job->release,
        .arch = w->settings.arch,
        .program = w->settings.autopkgtest,
        .backend = w->settings.backend,
        .backend_args = &w->settings.backend_args,
        .setup_commands = &w->settings.setup_commands,
        .mirror = w->settings.mirror,
        .remote = w->settings.cloud,
        .output_dir = output,
        .secrets_file = secrets_file,
        .name = name,
        .unit = w->settings.unit,
        .model = w->settings.model,
        .unnamed = !testbed_takes_name(w->settings.autopkgtest),
        .timestamp = (int64_t)(clock_realtime_us() / USEC_PER_SEC),
    };
    int r;

    if (!output || !secrets_file || !name)
        return error_oom(err);
    // A request can come in one round with an edit of the lists before it.
    r = control_read_changes(w, err);
    if (r == 0)
        r = judge(w, job, &context, &argv, &secrets, err);
    if (r < 0 || job->verdict)
        return r;
    r = write_secrets(job, &secrets, err);
    return r < 0 ? r : spawn(w, job, &argv, err);
}

void run_start(struct worker *w)
{
    struct job *job = &w->job;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    job->started_us = job->ended_us = clock_monotonic_us();
    if (job->verdict) // the request could not be read
        job->status = EXIT_OTHER;
    else if ((r = try_start(w, &err)) == -ENOSPC || r == -EDQUOT) {
        log_error("cannot start autopkgtest: %s", error_message(&err));
        job->disk_full = true;
        job->status = EXIT_TESTBED_FAILURE;
    } else if (r < 0) {
        log_error("cannot start autopkgtest: %s", error_message(&err));
        job->verdict = str_format("autopkgtest could not be started: %s", error_message(&err));
        job->status = EXIT_OTHER;
    }
    if (job->verdict) {
        log_warning("%s", job->verdict);
    } else if (!job->disk_full) {
        log_info("%s: test of %s started", job->run_id, job->request.package);
    }
    if (job->state == LIFE_TAKEN && job->process.pid == 0)
        worker_move(&job->state, LIFE_EARLY);
    report_status(w);
}

// ---------------------------------------------------------------- what is left running

static bool is_ours(const struct worker *w, pid_t pid)
{
    return pid == w->job.process.pid || pid == w->courier.upload.pid ||
           pid == w->scratch.removal.pid || pid == w->sign.process.pid;
}

void run_reap_strays(const struct worker *w)
{
    for (;;) {
        siginfo_t info = {0};

        // A look first: our own children are collected by their pidfd.
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            is_ours(w, info.si_pid))
            return;
        (void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    }
}

static int kill_stray(const struct worker *w, const char *number)
{
    siginfo_t info = {0};
    uint64_t pid = 0;

    if (parse_uint(number, 2, INT32_MAX, &pid, NULL) < 0 || is_ours(w, (pid_t)pid))
        return 0;
    (void)kill((pid_t)pid, SIGKILL);
    (void)waitid(P_PID, (id_t)pid, &info, WEXITED);
    return 1;
}

// Descendants whose parent has ended become ours (PR_SET_CHILD_SUBREAPER in main.c), so that none
// can hide in a session of its own. Gives how many were found.
static int kill_strays(const struct worker *w)
{
    _cleanup_free_ char *path = str_format("/proc/self/task/%d/children", (int)getpid());
    _cleanup_buf_ struct buf text = BUF_INIT((size_t)1024 * 1024);
    _cleanup_strv_ struct strv pids = STRV_INIT;
    int found = 0;

    if (!path || file_read(path, &text, NULL) < 0 || strv_split(&pids, buf_str(&text), " \n") < 0)
        return 0;
    STRV_FOREACH (pid, &pids)
        found += kill_stray(w, pid);
    return found;
}

void run_end_processes(struct worker *w)
{
    process_release(&w->job.process);
    for (int round = 0; round < STRAY_ROUNDS && kill_strays(w) > 0; round++)
        ;
    scratch_remove(&w->scratch, &w->settings);
}
