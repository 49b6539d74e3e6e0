// SPDX-License-Identifier: GPL-3.0-only
// The key that logins of the web pages are signed with.
#include "charm/actions.h"

#include "charm/cluster.h"
#include "charm/reconcile.h"

// The state is loaded twice: the hook's own work between the two has its own.
static int forget_key(const char *root, struct error *err)
{
    _cleanup_state_ struct state state = {0};
    int r;

    if ((r = state_load(root, &state, err)) < 0 || (r = cluster_forget_key(&state, err)) < 0)
        return r;
    return state_save(&state, err);
}

static int run_rotate(struct action *action, struct error *err)
{
    _cleanup_state_ struct state state = {0};
    _cleanup_free_ char *turn = NULL;
    int r;

    if ((r = state_load(action->root, &state, err)) < 0 ||
        (r = cluster_rotate(action->root, &action->model, &state, &turn, err)) < 0 ||
        (r = state_save(&state, err)) < 0 ||
        (r = charm_reconcile(action->root, HOOK_UPDATE_STATUS, err)) < 0 ||
        (r = forget_key(action->root, err)) < 0)
        return r;
    return action_result_text(action, "rotated", turn) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_rotate_login_key = {.name = "rotate-login-key",
                                                          .run = run_rotate};
