// SPDX-License-Identifier: GPL-3.0-only
#include "charm/action_target.h"

#include "charm/options.h"
#include "charm/worker_counts.h"

void action_target_release(struct action_target *target)
{
    state_release(&target->state);
    settings_release(&target->settings);
}

int action_target_load(const struct action *action, struct action_target *ret, struct error *err)
{
    const json_t *config;
    int r = state_load(action->root, &ret->state, err);

    if (r < 0)
        return r;
    config = state_value(&ret->state, "config");
    if (!config)
        return error_set(err, -ENOENT,
                         "%s has no settings yet: wait for its hooks, or mend what juju status %s "
                         "tells",
                         action->model.unit, action->model.app);
    if ((r = options_parse(config, &ret->settings, err)) < 0)
        return r;
    return worker_counts_apply(&ret->state, config, &ret->settings, &ret->overridden, err);
}

int action_needs_workers(const struct action *action, const struct settings *settings,
                         struct error *err)
{
    if (settings->worker)
        return 0;
    return error_set(err, -EINVAL,
                     "%s has no workers: run this on units whose option roles has `worker`",
                     action->model.unit);
}
