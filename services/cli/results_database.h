// SPDX-License-Identifier: GPL-3.0-only
// The unit's database of results, for commands beside the indexer.
#pragma once

#include "adt/database.h"

// Opens it for writing. Called as root the process becomes the database's owner, for good. -ENOENT:
// the indexer has not made it yet (only for root, whose file would be closed to the indexer).
int results_database_open(const char *path, struct database **ret, struct error *err);
// For reading; the same of root. -ENOENT when the indexer has not made it yet.
int results_database_open_readonly(const char *path, struct database **ret, struct error *err);
