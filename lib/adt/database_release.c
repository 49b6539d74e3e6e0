// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_release.h"

// The exit codes are those whose verdict is pass, neutral or fail (verdict.h). In `chosen` are the
// tests; the rows of one may be two.
static const char sql_heirs[] =
    "WITH chosen AS (SELECT t.id, t.arch, t.package, (SELECT max(run_id) FROM result"
    " WHERE test_id = t.id AND exitcode IN (0, 2, 4, 6, 8, 12, 14)) AS decided, s.passed"
    " FROM test t JOIN test_summary s ON s.test_id = t.id"
    " WHERE t.release = ?1 AND t.id > ?2 ORDER BY t.id LIMIT ?3)"
    " SELECT c.id, 'autopkgtest-' || ?1, ?1, c.arch, c.package, r.run_id, r.version, r.triggers,"
    " r.duration, r.exitcode, r.requester, r.env FROM chosen c LEFT JOIN result r ON r.test_id = "
    "c.id"
    " AND r.run_id IN (c.decided, c.passed) ORDER BY c.id, r.run_id";
static const char sql_count[] =
    "SELECT (SELECT count(*) FROM test JOIN result ON test_id = id WHERE release = ?1)"
    " + (SELECT count(*) FROM special_result WHERE release = ?1)";
static const char sql_archs[] = "SELECT DISTINCT arch FROM (SELECT arch FROM test"
                                " WHERE release = ?1 UNION SELECT arch FROM special_result"
                                " WHERE release = ?1) ORDER BY arch";
static const char sql_remove_results[] =
    "DELETE FROM result WHERE rowid IN (SELECT r.rowid FROM test t JOIN result r"
    " ON r.test_id = t.id WHERE t.release = ?1 LIMIT ?2)";
static const char sql_remove_special[] =
    "DELETE FROM special_result WHERE (container, release, arch, package, run_id) IN"
    " (SELECT container, release, arch, package, run_id FROM special_result WHERE release = ?1"
    " LIMIT ?2)";

// A name of a release has no character that LIKE takes for another.
static const char sql_remove_urls[] =
    "DELETE FROM url_last_checked WHERE url LIKE '%/dists/' || ?1 || '/%'"
    " OR url LIKE '%/dists/' || ?1 || '-%'";
static const char *const sql_remove_rest[] = {
    "DELETE FROM test_summary WHERE test_id IN (SELECT id FROM test WHERE release = ?1)",
    "DELETE FROM test WHERE release = ?1",
    "DELETE FROM statistic WHERE release = ?1",
    "DELETE FROM current_version WHERE release = ?1",
    "DELETE FROM source_version WHERE release = ?1",
    sql_remove_urls,
    "DELETE FROM rebuild_progress WHERE prefix LIKE ?1 || '/%'",
};

// Binding can fail only for lack of memory, which the step reports.
static int prepare(struct database *db, const char *sql, const char *release, unsigned limit,
                   sqlite3_stmt **ret, struct error *err)
{
    int r = database_statement(db, sql, ret, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(*ret, 1, release, -1, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(*ret) == 2)
        (void)sqlite3_bind_int64(*ret, 2, (sqlite3_int64)limit);
    return 0;
}

// ---------------------------------------------------------------- the heirs

static int visit_row(sqlite3_stmt *s, int (*visit)(struct test_complete *, void *), void *userdata,
                     struct error *err)
{
    _cleanup_(test_complete_release) struct test_complete run = {0};

    if (sqlite3_column_type(s, 5) == SQLITE_NULL) // a test that was never decided
        return 0;
    return database_read_run(s, 1, &run) < 0 ? error_oom(err) : visit(&run, userdata);
}

int database_release_heirs(struct database *db, const char *release, unsigned limit, int64_t *after,
                           int (*visit)(struct test_complete *run, void *userdata), void *userdata,
                           struct error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_DONE, r = database_statement(db, sql_heirs, &s, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(s, 1, release, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 2, *after);
    (void)sqlite3_bind_int64(s, 3, (sqlite3_int64)limit);
    while (r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        *after = sqlite3_column_int64(s, 0);
        r = visit_row(s, visit, userdata, err);
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = database_error(db, rc, "results of the release", err);
    (void)sqlite3_reset(s);
    return r;
}

// ---------------------------------------------------------------- what there is

int database_release_count(struct database *db, const char *release, uint64_t *ret,
                           struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = prepare(db, sql_count, release, 0, &s, err);

    if (r < 0)
        return r;
    if (sqlite3_step(s) != SQLITE_ROW)
        r = database_error(db, SQLITE_ERROR, "results of the release", err);
    else
        *ret = (uint64_t)sqlite3_column_int64(s, 0);
    (void)sqlite3_reset(s);
    return r;
}

int database_release_archs(struct database *db, const char *release, struct strv *ret,
                           struct error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_DONE, r = prepare(db, sql_archs, release, 0, &s, err);

    if (r < 0)
        return r;
    while (r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *arch = (const char *)sqlite3_column_text(s, 0);

        if (!strv_contains(ret, arch) && strv_add(ret, arch) < 0)
            r = error_oom(err);
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = database_error(db, rc, "architectures of the release", err);
    (void)sqlite3_reset(s);
    return r;
}

// ---------------------------------------------------------------- its end

static int execute(struct database *db, const char *sql, const char *release, unsigned limit,
                   struct error *err)
{
    sqlite3_stmt *s = NULL;
    int rc, r = prepare(db, sql, release, limit, &s, err);

    if (r < 0)
        return r;
    rc = sqlite3_step(s);
    if (rc != SQLITE_DONE)
        r = database_error(db, rc, "cannot remove the release", err);
    (void)sqlite3_reset(s);
    return r;
}

// 1: there may be more results.
static int remove_some(struct database *db, const char *release, unsigned limit, struct error *err)
{
    sqlite3 *handle = database_handle(db);
    int64_t before = sqlite3_total_changes64(handle);
    int r = execute(db, sql_remove_results, release, limit, err);

    if (r == 0 && sqlite3_total_changes64(handle) - before < limit)
        r = execute(db, sql_remove_special, release, limit, err);
    if (r < 0 || sqlite3_total_changes64(handle) - before >= limit)
        return r < 0 ? r : 1;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sql_remove_rest); i++)
        r = execute(db, sql_remove_rest[i], release, 0, err);
    return r;
}

int database_remove_release(struct database *db, const char *release, unsigned limit,
                            struct error *err)
{
    int r = database_begin(db, err), committed;

    if (r < 0)
        return r;
    r = remove_some(db, release, limit, err);
    if (r < 0) {
        (void)database_rollback(db);
        return r;
    }
    committed = database_commit(db, err);
    return committed < 0 ? committed : r;
}
