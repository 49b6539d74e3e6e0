// SPDX-License-Identifier: GPL-3.0-only
// Adds the files of one tree to another one, which may be on another disk, and touches none that is
// there, so that a hook that is killed at any point completes it when it is run again:
//
//     TO/.merging/NAME/   copies of what is missing, until all of them are there
//     TO/.merged/NAME/    then under this name; each is renamed to its place
//
// The trees may be somebody else's: links are neither followed nor copied.
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <time.h>

// Paths and a name, all borrowed. `to` is a folder in which nobody but root can take root's entries
// away, and is there.
struct merge {
    const char *from, *to;
    const char *name;       // of the tree, in both
    const char *without[2]; // entries of the tree that are left out; NULL: none
    time_t since;           // so are files whose last change (ctime) was before
};

// Copies the regular files of from/NAME, with owner, mode, times and extended attributes, for which
// to/NAME has nothing: also what a killed call has copied. *ret_files: those that this call copied.
// A tree that is not there is empty.
int merge_run(const struct merge *merge, size_t *ret_files, struct error *err);
