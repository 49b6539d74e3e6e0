// SPDX-License-Identifier: GPL-3.0-only
// Expanding a compressed file piece by piece, in memory that does not depend on its size.
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

// Calls `take` for each piece of what the regular file behind `fd` holds: xz or gzip by its
// content, or not compressed at all. `name` is for messages. -EBADMSG: damaged or cut; -E2BIG: it
// expands to more than `max` bytes; or what take() returned.
int expand_fd(int fd, const char *name, uint64_t max,
              int (*take)(const void *bytes, size_t len, void *userdata), void *userdata,
              struct error *err);
