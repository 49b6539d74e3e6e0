// SPDX-License-Identifier: GPL-3.0-only
#include "cli/backup.h"

#include "adt/database_rebuild.h"
#include "adt/names.h"
#include "base/file.h"
#include "cli/results_database.h"
#include "data/archive.h"
#include "data/expand.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CHUNK 500 // results in a transaction
#define SIZE_MAX_BYTES (UINT64_C(1) << 40)

char *backup_object(const char *unit, const char *name)
{
    char *object = str_format("%s/%s.db.gz", unit, name);
    char *slash = object ? strchr(object, '/') : NULL;

    if (slash && strchr(slash + 1, '/'))
        *slash = '-';
    return object;
}

// ---------------------------------------------------------------- storing

static int copy_database(const char *database, const char *to, struct error *err)
{
    _cleanup_(database_closep) struct database *db = NULL;
    sqlite3_stmt *statement = NULL;
    int r = results_database_open_readonly(database, &db, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_prepare_v2(database_handle(db), "VACUUM INTO ?", -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(statement, 1, to, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc != SQLITE_DONE)
        r = database_error(db, rc, "cannot copy the database", err);
    (void)sqlite3_finalize(statement);
    return r;
}

static int store_copy(struct swift *swift, const char *copy, const char *packed, const char *object,
                      uint64_t *ret_bytes, struct error *err)
{
    _cleanup_strv_ struct strv headers = STRV_INIT;
    struct stat st;
    int r = gzip_file(copy, packed, err);

    if (r < 0)
        return r;
    if (stat(packed, &st) < 0)
        return error_errno(err, -errno, "%s", packed);
    *ret_bytes = (uint64_t)st.st_size;
    if (strv_add(&headers, "Content-Type: application/gzip") < 0)
        return error_oom(err);
    r = swift_ensure_container(swift, BACKUP_CONTAINER, NULL, err);
    return r < 0 ? r : swift_put_file(swift, BACKUP_CONTAINER, object, packed, &headers, err);
}

int backup_store(struct swift *swift, const char *database, const char *object, uint64_t *ret_bytes,
                 struct error *err)
{
    _cleanup_free_ char *copy = str_format("%s.backup", database);
    _cleanup_free_ char *packed = str_format("%s.backup.gz", database);
    int r;

    if (!copy || !packed)
        return error_oom(err);
    r = file_remove(copy, NULL, err); // left by one that was killed
    if (r == 0)
        r = copy_database(database, copy, err);
    if (r == 0)
        r = store_copy(swift, copy, packed, object, ret_bytes, err);
    (void)file_remove(copy, NULL, NULL);
    (void)file_remove(packed, NULL, NULL);
    return r;
}

// ---------------------------------------------------------------- restoring

static int write_piece(const void *bytes, size_t len, void *userdata)
{
    return fd_write_all(*(const int *)userdata, bytes, len);
}

static int fetch(struct swift *swift, const char *object, const char *packed, const char *copy,
                 struct error *err)
{
    _cleanup_close_ int from = open(packed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    _cleanup_close_ int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (from < 0 || to < 0)
        return error_errno(err, -errno, "cannot write beside the database");
    r = swift_get_fd(swift, BACKUP_CONTAINER, object, from, err);
    if (r == 0 && lseek(from, 0, SEEK_SET) < 0)
        r = error_errno(err, -errno, "%s", packed);
    return r < 0 ? r : expand_fd(from, object, SIZE_MAX_BYTES, write_piece, &to, err);
}

static const char sql_results[] =
    "SELECT 'autopkgtest-' || t.release, t.release, t.arch, t.package, r.run_id, r.version,"
    " r.triggers, r.duration, r.exitcode, r.requester, r.env FROM result r"
    " JOIN test t ON t.id = r.test_id ORDER BY r.test_id, r.run_id";
static const char sql_special[] =
    "SELECT container, release, arch, package, run_id, version, triggers, duration, exitcode,"
    " requester, env FROM special_result ORDER BY container, release, arch, package, run_id";

static int restore_row(struct database *db, sqlite3_stmt *s, struct restore_counts *counts,
                       struct error *err)
{
    _cleanup_(test_complete_release) struct test_complete done = {0};
    bool there = false;
    int r = database_read_run(s, 0, &done) < 0 ? error_oom(err) : 0;

    if (r == 0)
        r = database_has_run(db, done.container, done.swift_dir, &there, err);
    if (r < 0)
        return r;
    counts->results++;
    if (there)
        return 0;
    counts->added++;
    return database_add_result(db, &done, err);
}

// Up to CHUNK rows in one transaction; *ret_more: there may be others.
static int restore_chunk(struct database *db, struct database *from, sqlite3_stmt *s,
                         struct restore_counts *counts, bool *ret_more, struct error *err)
{
    int r = database_begin(db, err), rc = SQLITE_ROW;

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < CHUNK && (rc = sqlite3_step(s)) == SQLITE_ROW; i++)
        r = restore_row(db, s, counts, err);
    if (r == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = database_error(from, rc, "the backup", err);
    if (r < 0) {
        (void)database_rollback(db);
        return r;
    }
    *ret_more = rc == SQLITE_ROW;
    return database_commit(db, err);
}

static int restore_table(struct database *db, struct database *from, const char *sql,
                         struct restore_counts *counts, struct error *err)
{
    sqlite3_stmt *s = NULL;
    bool more = true;
    int r = database_statement(from, sql, &s, err);

    while (r == 0 && more)
        r = restore_chunk(db, from, s, counts, &more, err);
    return r;
}

static int check(struct database *from, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(from, "PRAGMA quick_check(1)", &s, err);
    const char *text = NULL;

    if (r < 0)
        return r;
    if (sqlite3_step(s) == SQLITE_ROW)
        text = (const char *)sqlite3_column_text(s, 0);
    if (!text || strcmp(text, "ok") != 0)
        r = error_set(err, -EBADMSG, "the backup is damaged: %s", text ? text : "unreadable");
    (void)sqlite3_reset(s);
    return r;
}

static int restore_from(struct database *db, const char *copy, struct restore_counts *ret,
                        struct error *err)
{
    _cleanup_(database_closep) struct database *from = NULL;
    int r = database_open(copy, &from, err); // brings one of an older version to ours

    if (r == -EUCLEAN)
        return error_prefix(err, -EBADMSG, "the backup is damaged");
    if (r < 0 || (r = check(from, err)) < 0 ||
        (r = restore_table(db, from, sql_results, ret, err)) < 0)
        return r;
    return restore_table(db, from, sql_special, ret, err);
}

static void remove_copy(const char *copy)
{
    static const char *const endings[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        _cleanup_free_ char *path = str_format("%s%s", copy, endings[i]);

        if (path)
            (void)file_remove(path, NULL, NULL);
    }
}

int backup_restore(struct swift *swift, struct database *db, const char *database,
                   const char *object, struct restore_counts *ret, struct error *err)
{
    _cleanup_free_ char *copy = str_format("%s.restore", database);
    _cleanup_free_ char *packed = str_format("%s.restore.gz", database);
    int r;

    if (!copy || !packed)
        return error_oom(err);
    *ret = (struct restore_counts){0};
    r = fetch(swift, object, packed, copy, err);
    if (r == 0)
        r = restore_from(db, copy, ret, err);
    remove_copy(copy);
    (void)file_remove(packed, NULL, NULL);
    return r;
}
