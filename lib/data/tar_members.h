// SPDX-License-Identifier: GPL-3.0-only
// Reading some members of a tar file that is in memory, in one go over it.
#pragma once

#include "base/buf.h"

struct tar_member {
    const char *name;
    struct buf content; // up to content.max bytes
    bool found;
    bool too_long; // there, but longer than that: content is empty
};

// Fills what is found of the `n` members; of several with one name the first. -EBADMSG: damaged or
// cut, as far as one has to read for them.
int tar_members_read(const void *tar, size_t len, struct tar_member *members, size_t n,
                     struct error *err);
void tar_members_release(struct tar_member *members, size_t n);
