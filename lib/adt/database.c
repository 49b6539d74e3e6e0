// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_internal.h"

#define STATEMENTS_MAX 64

struct database {
    sqlite3 *handle;
    struct {
        const char *sql; // constants: compared by address
        sqlite3_stmt *statement;
    } kept[STATEMENTS_MAX];
    size_t n_kept;
    int trouble; // database_trouble()
};

// Of the files beside the database SQLite says no more than that they failed.
static bool is_full(const struct database *db, int rc)
{
    return rc == SQLITE_IOERR && sqlite3_system_errno(db->handle) == ENOSPC;
}

int database_error(struct database *db, int rc, const char *doing, struct error *err)
{
    int r = rc == SQLITE_NOMEM                            ? -ENOMEM
            : rc == SQLITE_BUSY || rc == SQLITE_LOCKED    ? -EAGAIN
            : rc == SQLITE_FULL || is_full(db, rc)        ? -ENOSPC
            : rc == SQLITE_CANTOPEN                       ? -ENOENT
            : rc == SQLITE_READONLY || rc == SQLITE_PERM  ? -EACCES
            : rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? -EUCLEAN
                                                          : -EIO;

    if (r != -ENOMEM)
        db->trouble = r;
    return error_set(err, r, "%s: %s", doing, sqlite3_errmsg(db->handle));
}

int database_trouble(const struct database *db)
{
    return db->trouble;
}

void database_forget_trouble(struct database *db)
{
    db->trouble = 0;
}

int database_execute(struct database *db, const char *sql, const char *doing, struct error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : database_error(db, rc, doing, err);
}

int database_open_handle(const char *path, int flags, unsigned wait_ms, struct database **ret,
                         struct error *err)
{
    struct database *db = calloc(1, sizeof(*db));
    int rc, r;

    if (!db)
        return error_oom(err);
    rc = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(db->handle, (int)wait_ms);
    if (rc != SQLITE_OK) {
        r = db->handle ? database_error(db, rc, path, err) : error_oom(err);
        database_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

void database_close(struct database *db)
{
    size_t i;

    for (i = 0; i < db->n_kept; i++)
        (void)sqlite3_finalize(db->kept[i].statement);
    (void)sqlite3_close(db->handle);
    free(db);
}

sqlite3 *database_handle(struct database *db)
{
    return db->handle;
}

int database_begin(struct database *db, struct error *err)
{
    return database_execute(db, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
}

int database_commit(struct database *db, struct error *err)
{
    return database_execute(db, "COMMIT", "cannot commit", err);
}

int database_rollback(struct database *db)
{
    return sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

int database_statement(struct database *db, const char *sql, sqlite3_stmt **ret, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    size_t i;
    int rc;

    for (i = 0; i < db->n_kept; i++)
        if (db->kept[i].sql == sql) {
            (void)sqlite3_reset(db->kept[i].statement);
            (void)sqlite3_clear_bindings(db->kept[i].statement);
            *ret = db->kept[i].statement;
            return 0;
        }
    if (db->n_kept == STATEMENTS_MAX)
        return error_set(err, -ENOBUFS, "more than %d different statements", STATEMENTS_MAX);
    rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc != SQLITE_OK)
        return database_error(db, rc, "cannot prepare a statement", err);
    db->kept[db->n_kept].sql = sql;
    db->kept[db->n_kept++].statement = statement;
    *ret = statement;
    return 0;
}
