// SPDX-License-Identifier: GPL-3.0-only
// Numbers of workers that an operator has set by action set-worker-count. Those of one option
// (local-workers) hold until that option has another text than then; those of LXD hosts that were
// added by action add-remote until it is removed. The charm remembers them in its state.
#pragma once

#include "charm/settings.h"
#include "charm/state.h"

#define WORKER_COUNTS_ADDED "added-remotes" // in the place of an option; keys as in lxd-remotes

// Puts the numbers in place of the options', for settings made from `config`; forgets those whose
// option is another. *ret_some (may be NULL) tells whether there are any.
int worker_counts_apply(struct state *state, const json_t *config, struct settings *settings,
                        bool *ret_some, struct error *err);

// Remembers one number beside those that still hold for `config`. `outer` and `inner` are the keys
// that it has in the option.
int worker_counts_set(struct state *state, const json_t *config, const char *option,
                      const char *outer, const char *inner, unsigned count, struct error *err);
// Forgets one; *ret_some tells whether it was there.
int worker_counts_unset(struct state *state, const json_t *config, const char *option,
                        const char *outer, const char *inner, bool *ret_some, struct error *err);
