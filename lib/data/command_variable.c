// SPDX-License-Identifier: GPL-3.0-only
#include "data/command_variable.h"

#include <string.h>

static const char *const names[VARIABLE_COUNT] = {
    [VARIABLE_RELEASE] = "RELEASE",
    [VARIABLE_ARCHITECTURE] = "ARCHITECTURE",
    [VARIABLE_HOSTARCH] = "HOSTARCH",
    [VARIABLE_PACKAGE] = "PACKAGE",
    [VARIABLE_NAME] = "NAME",
    [VARIABLE_UNIT] = "UNIT",
    [VARIABLE_MODEL] = "MODEL",
    [VARIABLE_TIMESTAMP] = "TIMESTAMP",
    [VARIABLE_PACKAGESIZE] = "PACKAGESIZE",
    [VARIABLE_VMOPT] = "VMOPT",
    [VARIABLE_VMFLAG] = "VMFLAG",
    [VARIABLE_LXD_REMOTE] = "LXD_REMOTE",
    [VARIABLE_MIRROR] = "MIRROR",
    [VARIABLE_DISTRIBUTION] = "DISTRIBUTION",
};

const char command_variables[] =
    "$RELEASE, $ARCHITECTURE, $HOSTARCH, $PACKAGE, $NAME, $UNIT, $MODEL, $TIMESTAMP, "
    "$PACKAGESIZE, $VMOPT, $VMFLAG, $LXD_REMOTE, $MIRROR, $DISTRIBUTION";

size_t command_variable_length(const char *text)
{
    return *text == '$' ? strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") : 0;
}

enum command_variable command_variable_find(const char *name, size_t len)
{
    enum command_variable i = 0;

    while (i < VARIABLE_COUNT && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
        i++;
    return i;
}
