// SPDX-License-Identifier: GPL-3.0-only
#pragma once

#include "charm/model.h"
#include "charm/settings.h"

// What the setup script is told of the testbeds of a region's workers
// (docs/reference/nova-setup.md), before and behind the worker's name.
struct nova_args {
    const struct cloud_workers *place; // whose they are; NULL: nobody's
    char *before, *behind;
};

// Borrows `place`; a part is NULL for lack of memory.
struct nova_args nova_args_of(const struct model *model, const struct settings *settings,
                              const struct cloud_workers *place);
void nova_args_release(struct nova_args *args);
