// SPDX-License-Identifier: GPL-3.0-only
// Where the unit learns which versions of packages are current: the part of web.conf that the
// indexer and autopkgtest-sources read.
#pragma once

#include "base/strv.h"

#include <stdint.h>

struct archive_settings {
    char *url; // of the archive, without a slash at its end; NULL: it is not read
    struct strv releases;
    struct strv pockets; // "release" for the release itself, "updates" for RELEASE-updates …
    struct strv components;
    uint64_t interval_s;
    char *program;  // autopkgtest-sources
    char *database; // results.db
};

int archive_settings_load(const char *dir, struct archive_settings *ret, struct error *err);
void archive_settings_release(struct archive_settings *settings);
