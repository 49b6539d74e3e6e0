// SPDX-License-Identifier: GPL-3.0-only
// Starts one of the Python servers beside this file, for the tests of lib/net; it ends with the
// test that started it.
#pragma once

#include "test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct server {
    pid_t pid;
    unsigned port;
};

// The server prints its port in one line once it listens.
static inline struct server server_start(const char *script, const char *argument)
{
    struct server server = {0};
    char line[16] = "";
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    server.pid = fork();
    ck_assert_int_ge(server.pid, 0);
    if (server.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl("/usr/bin/python3", "python3", script, argument, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    for (size_t n = 0; n < sizeof(line) - 1; n++)
        if (read(fds[0], &line[n], 1) != 1 || line[n] == '\n')
            break;
    (void)close(fds[0]);
    server.port = (unsigned)strtoul(line, NULL, 10);
    ck_assert_msg(server.port > 0, "%s did not start", script);
    return server;
}

static inline void server_stop(struct server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}
