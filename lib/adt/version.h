// SPDX-License-Identifier: GPL-3.0-only
// The order of Debian package versions, as deb-version(7) describes it and dpkg --compare-versions
// decides.
#pragma once

#include <stddef.h>

// Below, equal to or above zero as `a` is earlier than, the same as or later than `b`. Any text has
// a place in the order, also what dpkg would not take for a version.
int version_compare(const char *a, const char *b);
// The same for texts that are not NUL-terminated.
int version_compare_len(const char *a, size_t a_len, const char *b, size_t b_len);
