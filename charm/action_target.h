// SPDX-License-Identifier: GPL-3.0-only
// The settings the unit's services work with, for actions: with a bad option value the last good
// ones.
#pragma once

#include "charm/action.h"
#include "charm/settings.h"
#include "charm/state.h"

struct action_target {
    struct state state;
    struct settings settings;
    bool overridden; // numbers of workers are those of set-worker-count
};

// -ENOENT: the unit has no settings yet.
int action_target_load(const struct action *action, struct action_target *ret, struct error *err);
// -EINVAL where the unit has no workers.
int action_needs_workers(const struct action *action, const struct settings *settings,
                         struct error *err);
void action_target_release(struct action_target *target);
