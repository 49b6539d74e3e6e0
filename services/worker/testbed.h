// SPDX-License-Identifier: GPL-3.0-only
// Testbeds that outlive the program that made them: containers and sessions that somebody else
// keeps (a daemon, the kernel), so that no kill of autopkgtest ends them. They are called
// after their run ($NAME in the backend's arguments, command.h) or marked with it (instances of
// LXD and Nova), and are found by that. A setup script of ssh that is ours answers `sweep`.
#pragma once

#include "adt/settings.h"

#include <stdbool.h>

// Whether the backend lxd of that autopkgtest (the program) knows --name: older ones do not, Debian
// 12's among them.
bool testbed_takes_name(const char *autopkgtest);

// Removes what a run has left: 1, or 0 when it has left nothing. Waits for the backend's own
// programs, at most half a minute each. Errors name the command that a person can run instead.
int testbed_remove(const struct worker_settings *settings, const char *run_id, struct error *err);

// Whether others could take the testbed of a running test for left behind, and would be told
// otherwise by a sign of life.
bool testbed_takes_signs(const struct worker_settings *settings);
// Gives the run's testbeds that sign: the time. Waits as testbed_remove(). 0 also where it has
// none.
int testbed_sign(const struct worker_settings *settings, const char *run_id, struct error *err);

// Whether the backend can tell all testbeds of this worker, so that those of no known run are
// found.
bool testbed_can_sweep(const struct worker_settings *settings);
// Removes all of them but those of the run `keep` (NULL: none is kept). As testbed_remove().
int testbed_sweep(const struct worker_settings *settings, const char *keep, struct error *err);
