// SPDX-License-Identifier: GPL-3.0-only
// Which relations an endpoint has and what was told on them, remembered between hooks, so that a
// hook neither asks for nor sends what has not changed. Juju tells of every relation that comes or
// goes by a hook of its own.
#pragma once

#include "charm/model.h"
#include "charm/state.h"

// Identifiers of the endpoint's relations, without one that is broken: an array of strings that the
// caller owns. Asks Juju only without a memory and after an upgrade.
int relations_of(const struct model *model, struct state *state, const char *endpoint, json_t **ret,
                 struct error *err);
// Whether this is a hook of that endpoint.
bool relations_concern(const char *endpoint);
// Whether this hook is the -broken one of that relation, which Juju may list all the same: its
// agent leaves out only what it has seen dying when it was started.
bool relations_breaks(const struct model *model, const char *relation);

// Sets keys of this unit's data (`app`: of the application's; only a leader may) on a relation,
// when they are not what was told last, or when this hook is the relation's or an upgrade's (of the
// application's also an election's: another leader may have told something else). What
// was told counts from the next hook of another kind on: Juju runs a hook that was killed again
// before any other, and has forgotten what it told.
int relations_tell(const struct model *model, struct state *state, const char *relation, bool app,
                   const json_t *data, struct error *err);
// What was told in a hook that fails does not reach anybody: it is told again.
int relations_forget_told(struct state *state, struct error *err);
