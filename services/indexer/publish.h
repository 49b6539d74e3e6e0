// SPDX-License-Identifier: GPL-3.0-only
// The public copy of the database, which other programs fetch: the four public tables and nothing
// else.
//
//     results.db ──new rows──▶ .autopkgtest.db.work ──copy, SHA-256──▶ autopkgtest.db
//     (the indexer writes on)  (only ours)                             autopkgtest.db.sha256
//
// Each result is read once: rows keep their rowid in the work file, and those above its highest are
// new (a result that is replaced gets a new one). A work file that is damaged, or does
// not fit the database (that was restored or made anew), is made anew too.
#pragma once

#include "base/error.h"

#include <stdint.h>

// Brings the public copy up to date: 1, or 0 when it was. Readers see the old or the new
// file, never a part; the checksum follows the file at once. -ENOSPC …: the old copy stays.
int publish_run(const char *database, const char *public_database, struct error *err);
// When that was done last, by the time of the checksum: microseconds since 1970; 0: never, or it
// was cut off between file and checksum.
uint64_t publish_last_us(const char *public_database);
