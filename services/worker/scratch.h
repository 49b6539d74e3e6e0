// SPDX-License-Identifier: GPL-3.0-only
// The folder for a test's temporary files, $TMPDIR/NAME with the worker's name: a virtualisation
// server that is killed leaves root file systems and disk overlays there, so the folder goes after
// each test. Where TMPDIR is not set there is none, and what a killed test leaves in /tmp stays.
#pragma once

#include "adt/settings.h"
#include "base/strv.h"

// Makes it, empty, and gives the environment for autopkgtest: ours with its TMPDIR. Where there is
// none that is ours as it is. Errors: -errno of making it, -ENOMEM.
int scratch_prepare(const struct worker_settings *settings, struct strv *ret_env,
                    struct error *err);

// Removes it. Files of other users in it, which a user namespace has left, take up to half a
// minute; logs what it cannot remove.
void scratch_remove(const struct worker_settings *settings);
