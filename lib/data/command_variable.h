// SPDX-License-Identifier: GPL-3.0-only
// The variables that a worker puts into the arguments of a test: `$` and a name in capital letters.
//
// The worker replaces those that are named here and leaves any other `$` as it is; the charm
// refuses names that are not.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum command_variable {
    VARIABLE_RELEASE,
    VARIABLE_ARCHITECTURE,
    VARIABLE_HOSTARCH, // amd64 for i386
    VARIABLE_PACKAGE,
    VARIABLE_NAME, // of the testbed
    VARIABLE_UNIT,
    VARIABLE_MODEL,
    VARIABLE_TIMESTAMP,   // seconds since 1970
    VARIABLE_PACKAGESIZE, // big or default
    VARIABLE_VMOPT,       // --vm or nothing
    VARIABLE_VMFLAG,      // /vm or nothing
    VARIABLE_LXD_REMOTE,
    VARIABLE_MIRROR,
    VARIABLE_DISTRIBUTION, // debian or ubuntu
    VARIABLE_COUNT,
};

// For messages: all of them, "$RELEASE, $ARCHITECTURE, …".
extern const char command_variables[];

// Length of the name behind the '$' at `text`, without the '$'; 0 where no capital letter or '_'
// follows it, or where there is no '$'.
size_t command_variable_length(const char *text);

// VARIABLE_COUNT: no variable has that name of `len` characters.
enum command_variable command_variable_find(const char *name, size_t len);
