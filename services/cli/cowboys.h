// SPDX-License-Identifier: GPL-3.0-only
// What was changed by hand in the charm's folder of a unit ("cowboys"): its files against the list
// that was packed with them.
//
// The list, manifest.files, has a line `MODE SHA256 PATH` for each file (tools/pack-charm); packed
// beside it is packed.tar.gz with a copy of every text file, for differences.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <stdbool.h>

#define COWBOYS_MANIFEST "manifest.files"
#define COWBOYS_PACKED "packed.tar.gz"

struct cowboys {
    size_t files;        // in the list
    struct strv changed; // other content
    struct strv modes;   // "PATH 0644, packed as 0755"
    struct strv missing; // in the list only
    struct strv added;   // in the folder only, but for what Juju puts there
    struct buf diff;     // in diff's unified format; cut behind the maximum
};

// Compares; `diff` makes differences too. -ENOENT: the folder has no list.
int cowboys_check(const char *charm_dir, bool diff, struct cowboys *ret, struct error *err);
void cowboys_release(struct cowboys *cowboys);
