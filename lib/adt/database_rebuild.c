// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_rebuild.h"

#include "adt/names.h"

static const char sql_has_run[] =
    "SELECT 1 FROM test JOIN result ON result.test_id = test.id WHERE ?1 = 'autopkgtest-' || ?2"
    " AND test.release = ?2 AND test.arch = ?3 AND test.package = ?4 AND result.run_id = ?5"
    " UNION ALL SELECT 1 FROM special_result WHERE container = ?1 AND release = ?2 AND arch = ?3"
    " AND package = ?4 AND run_id = ?5 LIMIT 1";
static const char sql_marker[] =
    "SELECT marker FROM rebuild_progress WHERE container = ?1 AND prefix = ?2";
static const char sql_set_marker[] = "INSERT OR REPLACE INTO rebuild_progress VALUES(?1, ?2, ?3)";
static const char sql_forget_marker[] =
    "DELETE FROM rebuild_progress WHERE container = ?1 AND prefix = ?2";

// Runs the statement with these texts, up to its first row. *ret_row: NULL when there is none;
// it is reset by the caller.
static int run(struct database *db, const char *sql, const char *const *texts, size_t n,
               sqlite3_stmt **ret_row, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc, r = database_statement(db, sql, &statement, err);

    *ret_row = NULL;
    if (r < 0)
        return r;
    // Binding can fail only for lack of memory, which the step reports.
    for (size_t i = 0; i < n; i++)
        (void)sqlite3_bind_text(statement, (int)i + 1, texts[i], -1, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_row = statement;
        return 0;
    }
    r = rc == SQLITE_DONE ? 0 : database_error(db, rc, "the state of a rebuild", err);
    (void)sqlite3_reset(statement);
    return r;
}

int database_has_run(struct database *db, const char *container, const char *path, bool *ret,
                     struct error *err)
{
    _cleanup_free_ char *release = NULL, *arch = NULL, *package = NULL, *run_id = NULL;
    sqlite3_stmt *row;
    int r = run_path_parse(path, &release, &arch, &package, &run_id, err);

    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    r = run(db, sql_has_run, (const char *const[]){container, release, arch, package, run_id}, 5,
            &row, err);
    if (r < 0)
        return r;
    *ret = row != NULL;
    (void)sqlite3_reset(row);
    return 0;
}

int database_rebuild_marker(struct database *db, const char *container, const char *prefix,
                            char **ret, struct error *err)
{
    const unsigned char *text;
    sqlite3_stmt *row;
    int r = run(db, sql_marker, (const char *const[]){container, prefix}, 2, &row, err);

    if (r < 0)
        return r;
    text = row ? sqlite3_column_text(row, 0) : NULL;
    *ret = strdup(text ? (const char *)text : "");
    (void)sqlite3_reset(row);
    return *ret ? 0 : error_oom(err);
}

int database_set_rebuild_marker(struct database *db, const char *container, const char *prefix,
                                const char *marker, struct error *err)
{
    sqlite3_stmt *row;

    return run(db, sql_set_marker, (const char *const[]){container, prefix, marker}, 3, &row, err);
}

int database_forget_rebuild_marker(struct database *db, const char *container, const char *prefix,
                                   struct error *err)
{
    sqlite3_stmt *row;

    return run(db, sql_forget_marker, (const char *const[]){container, prefix}, 2, &row, err);
}
