// SPDX-License-Identifier: GPL-3.0-only
// Programs: started without a shell, watched by a pidfd, ended with all they started.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct process_spec {
    const char *const *argv; // argv[0] is looked up in PATH
    const char *const *env;  // NULL: the caller's environment
    const char *dir;         // NULL: the caller's folder
    int stdin_fd;            // -1: /dev/null
    int stdout_fd;           // -1: /dev/null
    int stderr_fd;           // -1: /dev/null; may equal stdout_fd
    bool new_session;        // setsid(): a session and process group of its own
    bool die_with_parent;    // SIGKILL when the starting thread ends
};

#define PROCESS_SPEC_INIT                                                                          \
    {                                                                                              \
        .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1                                           \
    }

struct process {
    pid_t pid; // 0: none
    int pidfd; // readable when the process has ended; -1: none
};

#define PROCESS_INIT                                                                               \
    {                                                                                              \
        .pid = 0, .pidfd = -1                                                                      \
    }

// Starts it. An argv[0] that cannot be executed is reported here, not as an exit code. All signals
// are unblocked and at their default in the child.
int process_start(const struct process_spec *spec, struct process *ret, struct error *err);

// Waits for the end. *ret_status: the exit code, or minus the number of the signal that killed it.
// *ret_usage (may be NULL) its resources. Afterwards the struct is empty.
int process_wait(struct process *p, int *ret_status, struct rusage *ret_usage, struct error *err);

// Sends a signal, to the whole process group when it was started with new_session. Gone: 0.
int process_signal(const struct process *p, int signo, bool group);

// Kills (SIGKILL), waits and empties; for cleanup.
void process_release(struct process *p);

struct process_result {
    int status;        // as process_wait
    struct buf out;    // standard output, up to out.max
    struct buf errors; // standard error, up to errors.max; what is longer is cut, not an error
};

#define PROCESS_RESULT_INIT(out_max)                                                               \
    {                                                                                              \
        .out = BUF_INIT(out_max), .errors = BUF_INIT(64 * 1024)                                    \
    }

// Runs to the end with `input` (NULL: none) on standard input and collects both outputs; spec's
// descriptors are ignored. More output than out.max: the program is killed, -E2BIG. Longer than
// timeout_us (USEC_INFINITY: no limit): killed, -ETIMEDOUT. A non-zero status is no error here.
int process_run(const struct process_spec *spec, const char *input, size_t input_len,
                uint64_t timeout_us, struct process_result *ret, struct error *err);

void process_result_release(struct process_result *result);

#define _cleanup_process_ _cleanup_(process_release)
#define _cleanup_process_result_ _cleanup_(process_result_release)
