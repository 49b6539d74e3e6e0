// SPDX-License-Identifier: GPL-3.0-only
// The command line of the system, `autopkgtest-cloud COMMAND`: one file per command, a table in
// main.c.
//
// Standard output has what was asked for, standard error has what is wrong; exit codes are those of
// sysexits.h. Every command with data takes `--format json`.
#pragma once

#include "adt/settings.h"
#include "base/strv.h"

#include <sysexits.h>

struct command {
    const char *name;
    const char *summary; // one line for the list of commands
    int (*run)(int argc, char **argv);
};

int command_request(int argc, char **argv);
int command_queue(int argc, char **argv);
int command_running(int argc, char **argv);
int command_result(int argc, char **argv);
int command_index(int argc, char **argv);
int command_release(int argc, char **argv);
int command_cancel(int argc, char **argv);
int command_kill(int argc, char **argv);
int command_drain(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_rabbit_user(int argc, char **argv);
int command_cowboys(int argc, char **argv);
int command_remote(int argc, char **argv);
int command_quota(int argc, char **argv);

// Prints `autopkgtest-cloud COMMAND: MESSAGE` and gives the exit code that fits the errno.
int cli_fail(const char *command, int r, const struct error *err);
// The same for a wrong call: EX_USAGE, and names --help.
int cli_usage(const char *command, const char *format, ...) _printf_(2, 3);

// A connection with the unit's credentials. The message of a failure names the file or the host.
int cli_connect(const struct amqp_handlers *handlers, struct amqp_link **ret, struct error *err);

// The result store, with the unit's credentials. -ENOENT: it has none.
int cli_open_store(struct swift **ret, struct error *err);

// Waits for news of the link, at most until `until_us` (CLOCK_MONOTONIC), and dispatches them.
int cli_wait(struct amqp_link *link, uint64_t until_us, struct error *err);

// Releases and architectures this unit knows, from worker.conf and web.conf, sorted, each once.
int cli_known(struct strv *ret_releases, struct strv *ret_archs, struct error *err);

// "text" or "json"; false (and a message) for anything else.
bool cli_parse_format(const char *command, const char *value, bool *ret_json);

// Prints JSON, indented, with a newline; EX_OK or EX_IOERR.
int cli_print_json(const json_t *value);
