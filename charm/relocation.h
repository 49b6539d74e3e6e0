// SPDX-License-Identifier: GPL-3.0-only
// Moves entries of one folder into another one, which may be on another disk, so that a hook that
// is killed at any point completes it when it is run again:
//
//     STAGING/.copying/   what is copied, until all of it is there
//     STAGING/.copied/    then under this name; sources go, and each entry is renamed to its place
#pragma once

#include "base/strv.h"

#include <stdbool.h>

// Paths, all borrowed. `staging` is a folder on the disk of `to`, in which nobody but root can take
// root's entries away; `to` may be the same one, and is made (0750) when it is not there.
struct relocation {
    const char *from, *to, *staging;
    bool keep; // the sources stay
};

// Appends those of `names` that `folder` has.
int relocation_present(const char *folder, const char *const *names, size_t len, struct strv *ret,
                       struct error *err);
// Finishes what a killed call had copied. 1: there was something, 0: there was not.
int relocation_resume(const struct relocation *move, struct error *err);
// Moves these entries of `from`. Its callers call relocation_resume() first. What `to` has already
// under a name stays as it is.
int relocation_run(const struct relocation *move, const struct strv *names, struct error *err);
