// SPDX-License-Identifier: GPL-3.0-only
// Testbeds that outlive the program that made them: containers and sessions that somebody else
// keeps (a daemon, the kernel), so that no kill of autopkgtest ends them. They are called
// after their run ($NAME in the backend's arguments, command.h), and are found by that.
#pragma once

#include "adt/settings.h"

// Removes what a run has left, if anything: after autopkgtest was killed, and at the worker's next
// start. Waits for the backend's own programs, at most half a minute each. What cannot be
// removed is logged with the command that would do it. 1: something was removed.
int testbed_remove(const struct worker_settings *settings, const char *run_id);
