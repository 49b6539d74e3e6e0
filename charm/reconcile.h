// SPDX-License-Identifier: GPL-3.0-only
// What every hook does: read the model, decide what the unit should look like, make it so, say what
// is true now. Doing it twice changes nothing the second time.
#pragma once

#include "charm/model.h"

// A hook's whole main(): runs charm_reconcile() for the unit the environment names, and says a
// failure on standard error, which Juju logs. Gives the exit code: not 0 only for what a retry can
// mend; what an operator must do is told by the status.
int charm_hook_main(enum hook hook);

// `root` stands in front of every path ("" on a unit).
int charm_reconcile(const char *root, enum hook hook, struct error *err);
