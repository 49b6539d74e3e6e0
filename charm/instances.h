// SPDX-License-Identifier: GPL-3.0-only
// The workers that the settings want.
#pragma once

#include "charm/settings.h"

struct instance {
    const char *cloud, *arch;
    const struct cloud_workers *place; // NULL: on the unit itself, cloud "local"
    enum backend backend;              // there; BACKEND_COUNT elsewhere
    unsigned number;
};

// Calls `each` for every worker instance, in order: those of the unit itself, then cloud by cloud,
// architectures ascending, in them by backend, numbered through.
int instances_each(const struct settings *settings,
                   int (*each)(const struct instance *instance, void *userdata), void *userdata);
// "local-amd64-1"; the caller frees.
char *instance_name(const struct instance *instance);
