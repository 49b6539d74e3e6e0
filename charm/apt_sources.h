// SPDX-License-Identifier: GPL-3.0-only
// Where source packages come from: for every archive that apt on this machine takes binary packages
// from and not yet sources, the entry that adds them (sources.list(5), both formats). The null
// backend needs it: autopkgtest fetches the source of what it tests.
#pragma once

#include "base/buf.h"

#define APT_SOURCES_LIST "/etc/apt/sources.list.d/autopkgtest-cloud.list"
#define APT_SOURCES_DEB822 "/etc/apt/sources.list.d/autopkgtest-cloud.sources"

// Appends what belongs into the two files; empty: that file is not needed. Our own files are not
// looked at, so that the answer stays the same once they are there.
int apt_sources_make(const char *root, struct buf *ret_list, struct buf *ret_deb822,
                     struct error *err);

// For one file's text each; `list` and `deb822` receive the entries.
int apt_sources_from_list(const char *text, struct buf *list);
int apt_sources_from_deb822(const char *text, struct buf *deb822);
