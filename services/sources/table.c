// SPDX-License-Identifier: GPL-3.0-only
#include "adt/version.h"
#include "data/json.h"
#include "sources/sources.h"

// Statements, with texts ?1, ?2 … for the values that are bound in their order.
static const char sql_clear[] = "DELETE FROM temp.fetched";
static const char sql_add[] =
    "INSERT INTO temp.fetched VALUES(?1, ?2, ?3, ?4) ON CONFLICT(pocket, component, package)"
    " DO UPDATE SET version = excluded.version"
    " WHERE excluded.version > version COLLATE debian";
static const char sql_has[] = "SELECT 1 FROM source_version WHERE release = ?1 AND pocket = ?2"
                              " AND component = ?3 LIMIT 1";
static const char sql_last[] = "SELECT timestamp FROM url_last_checked WHERE url = ?1";
static const char sql_remove[] =
    "DELETE FROM source_version WHERE release = ?1 AND pocket = ?2 AND component = ?3"
    " AND package NOT IN (SELECT package FROM temp.fetched WHERE pocket = ?2 AND component = ?3)";
static const char sql_update[] =
    "INSERT INTO source_version SELECT ?1, pocket, component, package, version FROM temp.fetched"
    " WHERE pocket = ?2 AND component = ?3 ON CONFLICT(release, pocket, component, package)"
    " DO UPDATE SET version = excluded.version WHERE version != excluded.version";
static const char sql_set_last[] = "INSERT OR REPLACE INTO url_last_checked VALUES(?1, ?2)";
static const char sql_forget_last[] = "DELETE FROM url_last_checked WHERE url = ?1";
// ?2: a JSON list of "POCKET COMPONENT".
static const char sql_others[] =
    "SELECT 1 FROM source_version WHERE release = ?1 AND pocket || ' ' || component"
    " NOT IN (SELECT value FROM json_each(?2)) LIMIT 1";
static const char sql_remove_others[] =
    "DELETE FROM source_version WHERE release = ?1 AND pocket || ' ' || component"
    " NOT IN (SELECT value FROM json_each(?2))";
static const char sql_clear_newest[] = "DELETE FROM temp.newest";
static const char sql_newest[] =
    "INSERT INTO temp.newest SELECT package, pocket, component, version FROM (SELECT *,"
    " row_number() OVER (PARTITION BY package ORDER BY version COLLATE debian DESC, pocket,"
    " component) AS place FROM source_version WHERE release = ?1) WHERE place = 1";
static const char sql_remove_current[] = "DELETE FROM current_version WHERE release = ?1"
                                         " AND package NOT IN (SELECT package FROM temp.newest)";
static const char sql_current[] =
    "INSERT INTO current_version(release, pocket, component, package, version)"
    " SELECT ?1, pocket, component, package, version FROM temp.newest WHERE true"
    " ON CONFLICT(release, package) DO UPDATE SET pocket = excluded.pocket,"
    " component = excluded.component, version = excluded.version"
    " WHERE version != excluded.version OR pocket != excluded.pocket"
    " OR component != excluded.component";
// ?1: a JSON list of releases.
static const char sql_other_releases[] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM source_version"
                                         " WHERE release NOT IN (SELECT value FROM json_each(?1)))"
                                         " OR EXISTS (SELECT 1 FROM current_version"
                                         " WHERE release NOT IN (SELECT value FROM json_each(?1)))";
static const char sql_remove_releases[] =
    "DELETE FROM source_version WHERE release NOT IN (SELECT value FROM json_each(?1))";
static const char sql_remove_current_releases[] =
    "DELETE FROM current_version WHERE release NOT IN (SELECT value FROM json_each(?1))";

// Runs a statement with these texts (NULL behind the last). *ret_row: whether it gives a row, which
// stays to be read until it runs again.
static int run(struct database *db, const char *sql, const char *const *texts,
               sqlite3_stmt **ret_row, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc, r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    // Binding can fail only for lack of memory, which the step reports.
    for (int i = 0; texts && texts[i]; i++)
        (void)sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = database_error(db, rc, "versions of packages", err);
    if (ret_row)
        *ret_row = rc == SQLITE_ROW ? statement : NULL;
    if (rc != SQLITE_ROW || !ret_row)
        (void)sqlite3_reset(statement);
    return r;
}

static int exists(struct database *db, const char *sql, const char *const *texts, bool *ret,
                  struct error *err)
{
    sqlite3_stmt *row = NULL;
    int r = run(db, sql, texts, &row, err);

    if (r < 0)
        return r;
    *ret = row != NULL;
    (void)sqlite3_reset(row);
    return 0;
}

static int compare(void *unused _unused_, int a_len, const void *a, int b_len, const void *b)
{
    return version_compare_len(a, (size_t)a_len, b, (size_t)b_len);
}

int table_prepare(struct database *db, struct error *err)
{
    sqlite3 *handle = database_handle(db);
    int rc = sqlite3_create_collation_v2(handle, "debian", SQLITE_UTF8, NULL, compare, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle,
                          "CREATE TEMP TABLE fetched (pocket TEXT, component TEXT, package TEXT,"
                          " version TEXT, PRIMARY KEY(pocket, component, package)) WITHOUT ROWID;"
                          "CREATE TEMP TABLE newest (package TEXT PRIMARY KEY, pocket TEXT,"
                          " component TEXT, version TEXT) WITHOUT ROWID",
                          NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : database_error(db, rc, "cannot make temporary tables", err);
}

int table_clear(struct database *db, struct error *err)
{
    return run(db, sql_clear, NULL, NULL, err);
}

int table_add(struct database *db, const struct index *index, const char *package,
              const char *version, struct error *err)
{
    return run(db, sql_add,
               (const char *const[]){index->suite, index->component, package, version, NULL}, NULL,
               err);
}

int table_has(struct database *db, const struct index *index, bool *ret, struct error *err)
{
    return exists(db, sql_has,
                  (const char *const[]){index->release, index->suite, index->component, NULL}, ret,
                  err);
}

int table_last_modified(struct database *db, const char *url, char **ret, struct error *err)
{
    sqlite3_stmt *row = NULL;
    const unsigned char *text;
    int r = run(db, sql_last, (const char *const[]){url, NULL}, &row, err);

    *ret = NULL;
    if (r < 0 || !row)
        return r;
    text = sqlite3_column_text(row, 0);
    if (text && !(*ret = strdup((const char *)text)))
        r = error_oom(err);
    (void)sqlite3_reset(row);
    return r;
}

static int apply_index(struct database *db, const struct index *index, struct error *err)
{
    const char *const place[] = {index->release, index->suite, index->component, NULL};
    const char *const last[] = {index->url, index->last_modified, NULL};
    int r;

    if (index->state != INDEX_NEW)
        return 0;
    if ((r = run(db, sql_remove, place, NULL, err)) < 0 ||
        (r = run(db, sql_update, place, NULL, err)) < 0)
        return r;
    return run(db, index->last_modified ? sql_set_last : sql_forget_last, last, NULL, err);
}

static int write_all(struct database *db, const char *release, const struct index *indices,
                     size_t n, const char *kept, struct error *err)
{
    const char *const one[] = {release, NULL};
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = apply_index(db, &indices[i], err);
    if (r < 0 ||
        (r = run(db, sql_remove_others, (const char *const[]){release, kept, NULL}, NULL, err)) <
            0 ||
        (r = run(db, sql_clear_newest, NULL, NULL, err)) < 0 ||
        (r = run(db, sql_newest, one, NULL, err)) < 0 ||
        (r = run(db, sql_remove_current, one, NULL, err)) < 0)
        return r;
    return run(db, sql_current, one, NULL, err);
}

static int list_kept(const struct index *indices, size_t n, struct buf *ret, struct error *err)
{
    _cleanup_json_ json_t *list = json_array();

    for (size_t i = 0; list && i < n; i++) {
        _cleanup_free_ char *place = str_format("%s %s", indices[i].suite, indices[i].component);

        if (!place || json_array_append_new(list, json_string(place)) < 0)
            return error_oom(err);
    }
    return !list || json_write(list, ret) < 0 ? error_oom(err) : 0;
}

int table_apply(struct database *db, const char *release, const struct index *indices, size_t n,
                bool *ret_changed, struct error *err)
{
    _cleanup_buf_ struct buf kept = BUF_INIT(BUF_OWN_MAX);
    bool changed = false;
    int r = list_kept(indices, n, &kept, err);

    if (r < 0 || (r = exists(db, sql_others, (const char *const[]){release, buf_str(&kept), NULL},
                             &changed, err)) < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        changed = changed || indices[i].state == INDEX_NEW;
    *ret_changed = changed;
    if (!changed)
        return 0;
    r = database_begin(db, err);
    if (r < 0)
        return r;
    r = write_all(db, release, indices, n, buf_str(&kept), err);
    if (r == 0)
        r = database_commit(db, err);
    if (r < 0)
        (void)database_rollback(db);
    return r;
}

int table_keep_releases(struct database *db, const struct strv *releases, struct error *err)
{
    _cleanup_json_ json_t *list = json_array();
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const char *bound[2] = {NULL, NULL};
    bool others = false;
    int r;

    STRV_FOREACH (release, releases)
        if (!list || json_array_append_new(list, json_string(release)) < 0)
            return error_oom(err);
    if (!list || json_write(list, &text) < 0)
        return error_oom(err);
    bound[0] = buf_str(&text);
    if ((r = exists(db, sql_other_releases, bound, &others, err)) < 0 || !others ||
        (r = database_begin(db, err)) < 0)
        return r;
    if ((r = run(db, sql_remove_releases, bound, NULL, err)) == 0 &&
        (r = run(db, sql_remove_current_releases, bound, NULL, err)) == 0)
        r = database_commit(db, err);
    if (r < 0)
        (void)database_rollback(db);
    return r;
}
