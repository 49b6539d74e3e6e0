// SPDX-License-Identifier: GPL-3.0-only
// Small tar archives in memory, read without libarchive: hooks have libc only. Format: POSIX ustar
// and pax interchange (IEEE Std 1003.1, pax), and GNU tar's plain members.
//
// It knows plain files and folders, and refuses, by name, everything else: links, devices, sparse
// files, long names, extended headers that change a member's name or size. Nothing is written.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct ustar_member {
    const char *name; // as the archive has it, never empty; up to 255 bytes
    bool folder;
    const char *content; // borrowed from the archive, not terminated
    size_t size;         // bytes
};

// Whether it begins as a tar archive does, by the checksum of its first header.
bool ustar_is_archive(const void *tar, size_t len);

// Calls `each` for every member in order; a negative return ends the walk with it. -EBADMSG: no
// archive, damaged or cut; -ENOTSUP: a member of another kind. Messages name the member.
int ustar_walk(const void *tar, size_t len,
               int (*each)(const struct ustar_member *member, void *userdata, struct error *err),
               void *userdata, struct error *err);
