// SPDX-License-Identifier: GPL-3.0-only
// The processes of the request in hand.
#pragma once

#include "worker/worker.h"

// Starts autopkgtest. Where there is nothing to run (never_run list, a request that asks for the
// impossible) the job gets its verdict and no process; the state it is in moves on by itself.
void run_start(struct worker *w);
// Kills whatever the job's programs left running, also what ran away into a session of its own.
void run_end_processes(struct worker *w);
// Collects children of children that ended here.
void run_reap_strays(const struct worker *w);
