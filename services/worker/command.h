// SPDX-License-Identifier: GPL-3.0-only
// The command line of autopkgtest for a request (docs/reference/worker.md has the rules). Pure: a
// list of arguments comes out, nothing is started and no shell ever sees it.
//
// What a private request tells (PPAs, trees, environment) does not go on the command line, which
// every user of the machine can see, but into a list of lines for an argument file; `@FILE` stands
// in the place of the first.
#pragma once

#include "adt/request.h"
#include "base/strv.h"

#include <stdint.h>

struct command_context {
    const struct request *request;
    const char *release, *arch;
    const char *program;               // autopkgtest
    const char *backend;               // null, unshare, …
    const struct strv *backend_args;   // with variables
    const struct strv *setup_commands; // with variables
    const char *mirror;                // may be NULL
    const char *remote;                // $LXD_REMOTE; may be NULL
    const char *output_dir;            // absolute
    const char *secrets_file;          // where the caller will put the argument file
    const char *name;                  // $NAME: command_name()
    const char *unit;                  // $UNIT: Juju's name of the unit; may be NULL
    const char *model;                 // $MODEL: UUID of its model; may be NULL
    int64_t timestamp;                 // $TIMESTAMP: seconds since 1970
    bool big, long_tests, vm;          // of the per-package lists
    bool unnamed;                      // the backend takes no --name (testbed_takes_name())
};

// Appends the whole command line, and to `secrets` the lines of the argument file. -EINVAL: the
// request asks for something that cannot be given to autopkgtest; the message says what.
int command_build(const struct command_context *context, struct strv *ret_argv,
                  struct strv *ret_secrets, struct error *err);

// The name of the run's testbed, as containers and hosts may be called: letters, digits and dashes,
// at most 63 (RFC 1123), e.g. local-amd64-1-20261126-181447-b9b95. The caller frees.
#define COMMAND_NAME_MAX 63
char *command_name(const char *instance, const char *run_id);

// Where the qemu backend expects its image.
#define COMMAND_QEMU_IMAGE "/var/lib/autopkgtest-cloud/images/qemu-$RELEASE-$HOSTARCH.qcow2"

// The configuration keys and values of an LXD instance that tell whose it is: units of several
// models may have the same name. Without a model there is only the first.
#define COMMAND_LXD_MARK "user.autopkgtest-cloud=$UNIT/$NAME"
#define COMMAND_LXD_MODEL "user.autopkgtest-cloud-model=$MODEL"
// And when a worker was last at work in it, in seconds since 1970 (sign.h).
#define COMMAND_LXD_ALIVE "user.autopkgtest-cloud-alive=$TIMESTAMP"

// Replaces the variables of data/command_variable.h; other uses of '$' stay. The caller frees; NULL
// for lack of memory.
char *command_expand(const struct command_context *context, const char *text);
