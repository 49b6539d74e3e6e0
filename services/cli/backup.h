// SPDX-License-Identifier: GPL-3.0-only
// The database of results in the store, so that a unit that lost its disk need not read every
// result.
//
//     results.db ──VACUUM INTO──▶ a copy of one moment ──gzip──▶
//     autopkgtest-database/UNIT/results.db.gz results.db ◀──what is missing── the same, expanded
//     beside it
//
// The indexer may run meanwhile: a restore adds results that are not there, in short transactions,
// and changes nothing else. Only the results come back (tables result and special_result); the rest
// is derived from them, or made by others.
#pragma once

#include "adt/database.h"
#include "net/swift.h"

#define BACKUP_CONTAINER "autopkgtest-database" // readable by the account only

// The object of a unit's backup of that name (BACKUP_NAME: the usual one):
// "autopkgtest-web-0/results.db.gz". The caller frees.
#define BACKUP_NAME "results"
char *backup_object(const char *unit, const char *name);

// *ret_bytes: how large the backup is. Temporary files are made beside the database, which needs
// room for itself and a half.
int backup_store(struct swift *swift, const char *database, const char *object, uint64_t *ret_bytes,
                 struct error *err);

struct restore_counts {
    uint64_t results; // in the backup
    uint64_t added;
};

// -ENOENT: there is no such backup; -EBADMSG: it is damaged, and nothing was added.
int backup_restore(struct swift *swift, struct database *db, const char *database,
                   const char *object, struct restore_counts *ret, struct error *err);
