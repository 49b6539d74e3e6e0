// SPDX-License-Identifier: GPL-3.0-only
// The folder for a test's temporary files, $TMPDIR/NAME with the worker's name: a virtualisation
// server that is killed leaves root file systems and disk overlays there, so the folder goes after
// each test. Where TMPDIR is not set there is none, and what a killed test leaves in /tmp stays.
//
// A root file system has tens of thousands of files, and those of a user namespace take a program
// to remove. Nobody waits for that: the folder is renamed into $TMPDIR/.gone-NAME, which a process
// of its own empties.
#pragma once

#include "adt/settings.h"
#include "base/process.h"
#include "base/strv.h"

struct scratch {
    struct process removal; // empties the folder of what is gone
    bool more;              // has come there since it began
};

#define SCRATCH_INIT                                                                               \
    {                                                                                              \
        .removal = PROCESS_INIT                                                                    \
    }

// Makes it, empty, and gives the environment for autopkgtest: ours with its TMPDIR. Where there is
// none that is ours as it is. Tests of null see it as their own TMPDIR, so everybody may write
// there. Errors: -errno of making it, -ENOMEM.
int scratch_prepare(struct scratch *scratch, const struct worker_settings *settings,
                    struct strv *ret_env, struct error *err);

// Takes it away, and begins to remove it. Logs what fails.
void scratch_remove(struct scratch *scratch, const struct worker_settings *settings);

// At the start of the worker: removes it, and what an earlier life has not got round to.
void scratch_recover(struct scratch *scratch, const struct worker_settings *settings);

// The removal's process has ended (its pidfd is readable).
void scratch_removal_ended(struct scratch *scratch, const struct worker_settings *settings);

// Gives the removal half a minute to end.
void scratch_release(struct scratch *scratch);

// What that process does: removes all that is in the folder, and logs what it cannot. 0 or -errno.
int scratch_empty(const char *dir);
