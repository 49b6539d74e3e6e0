// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_internal.h"

#include <unistd.h>

int database_open(const char *path, struct database **ret, struct error *err)
{
    struct database *db = NULL;
    int r = database_open_handle(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, DATABASE_WAIT_MS,
                                 &db, err);

    if (!db)
        return r;
    // WAL: readers never wait for the writer; FULL: a committed result outlives a power cut.
    r = database_execute(
        db,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
        "PRAGMA journal_size_limit = 67108864;",
        path, err);
    if (r == 0)
        r = schema_migrate(db, err);
    if (r < 0) {
        database_close(db);
        return error_prefix(err, r, "database %s", path);
    }
    *ret = db;
    return 0;
}

int database_open_readonly(const char *path, unsigned wait_ms, struct database **ret,
                           struct error *err)
{
    struct database *db = NULL;
    int version = 0;
    int r;

    if (access(path, F_OK) < 0)
        return error_errno(err, -errno, "database %s", path);
    r = database_open_handle(path, SQLITE_OPEN_READONLY, wait_ms, &db, err);
    if (r < 0)
        return r;
    r = schema_read_version(db, &version, err);
    if (r == -ENOENT) // it is there: what cannot be opened is a file of SQLite's beside it
        r = -EIO;
    if (r == 0 && version == 0)
        r = error_set(err, -ENOENT, "has no tables so far");
    if (r == 0 && version < SCHEMA_VERSION)
        r = error_set(err, -EAGAIN, "is about to be migrated from schema %d to %d", version,
                      SCHEMA_VERSION);
    if (r == 0 && version > SCHEMA_VERSION)
        r = error_set(err, -ENOTSUP, "has schema %d, this program knows up to %d", version,
                      SCHEMA_VERSION);
    if (r < 0) {
        database_close(db);
        return error_prefix(err, r, "database %s", path);
    }
    *ret = db;
    return 0;
}
