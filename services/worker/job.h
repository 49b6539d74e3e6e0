// SPDX-License-Identifier: GPL-3.0-only
// What the two halves of a job share: job.c moves it through its states, run.c has the processes.
#pragma once

#include "worker/worker.h"

// ---- run.c
// Starts autopkgtest. Where there is nothing to run (never_run list, a request that asks for the
// impossible) the job gets its verdict and no process; the state it is in moves on by itself.
void job_start(struct worker *w);
// Kills whatever the job's programs left running, also what ran away into a session of its own.
void job_end_processes(struct worker *w);
// Collects children of children that ended here.
void job_reap_strays(const struct worker *w);

// ---- job.c
void job_check(struct worker *w);
void job_finish(struct worker *w);
// Frees what it holds; the state stays.
void job_clear(struct job *job);
