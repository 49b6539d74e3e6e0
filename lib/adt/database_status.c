// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_status.h"

#include "adt/database_internal.h"

// Runs a statement whose parameters are bound, up to its first row. 1: there is one; 0: none.
static int step(struct database *db, sqlite3_stmt *s, int rc, const char *doing, struct error *err)
{
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return rc == SQLITE_ROW;
    return database_error(db, rc, doing, err);
}

// Binds the two and runs it.
static int run(struct database *db, const char *sql, const char *url, const char *body,
               int64_t now_us, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_bind_text(s, 1, url, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 2, body, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && now_us > 0)
        rc = sqlite3_bind_int64(s, 3, now_us);
    r = step(db, s, rc, "cannot keep a commit's status", err);
    (void)sqlite3_reset(s);
    return r < 0 ? r : 0;
}

int database_add_status(struct database *db, const char *url, const char *body, int64_t now_us,
                        struct error *err)
{
    static const char forget[] =
        "DELETE FROM github_status WHERE url = ?1"
        " AND json_extract(body, '$.context') = json_extract(?2, '$.context')";
    static const char add[] = "INSERT INTO github_status (url, body, made_us, next_us, attempts)"
                              " VALUES (?1, ?2, ?3, ?3, 0)";
    int r = run(db, forget, url, body, 0, err);

    return r < 0 ? r : run(db, add, url, body, now_us, err);
}

static int copy_row(sqlite3_stmt *s, struct outgoing_status *ret, struct error *err)
{
    const char *url = (const char *)sqlite3_column_text(s, 2);
    const char *body = (const char *)sqlite3_column_text(s, 3);

    *ret = (struct outgoing_status){.id = sqlite3_column_int64(s, 0),
                                    .url = url ? strdup(url) : NULL,
                                    .body = body ? strdup(body) : NULL,
                                    .made_us = sqlite3_column_int64(s, 4),
                                    .attempts = sqlite3_column_int64(s, 5)};
    if (ret->url && ret->body)
        return 0;
    outgoing_status_release(ret);
    return error_oom(err);
}

int database_next_status(struct database *db, int64_t now_us,
                         const char *const busy[DATABASE_STATUS_BUSY], struct outgoing_status *ret,
                         int64_t *ret_next_us, struct error *err)
{
    static const char sql[] = "SELECT id, next_us, url, body, made_us, attempts FROM github_status"
                              " WHERE url NOT IN (?1, ?2, ?3, ?4) ORDER BY next_us, id LIMIT 1";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc = SQLITE_OK;

    if (r < 0)
        return r;
    *ret_next_us = INT64_MAX;
    for (int i = 0; rc == SQLITE_OK && i < DATABASE_STATUS_BUSY; i++)
        rc = sqlite3_bind_text(s, i + 1, busy[i] ? busy[i] : "", -1, SQLITE_STATIC);
    r = step(db, s, rc, "cannot read the statuses of commits", err);
    if (r == 1) {
        *ret_next_us = sqlite3_column_int64(s, 1);
        r = *ret_next_us <= now_us ? copy_row(s, ret, err) : -ENOENT;
    } else if (r == 0) {
        r = -ENOENT;
    }
    (void)sqlite3_reset(s);
    return r;
}

// The number alone may be that of a newer one, which has taken the place of this.
static int change(struct database *db, const char *sql, const struct outgoing_status *status,
                  int64_t value, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_bind_int64(s, 1, status->id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 2, status->body, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && value > 0)
        rc = sqlite3_bind_int64(s, 3, value);
    r = step(db, s, rc, "cannot change a commit's status", err);
    (void)sqlite3_reset(s);
    return r < 0 ? r : 0;
}

int database_end_status(struct database *db, const struct outgoing_status *status,
                        struct error *err)
{
    return change(db, "DELETE FROM github_status WHERE id = ?1 AND body = ?2", status, 0, err);
}

int database_delay_status(struct database *db, const struct outgoing_status *status,
                          int64_t next_us, struct error *err)
{
    return change(db,
                  "UPDATE github_status SET next_us = ?3, attempts = attempts + 1"
                  " WHERE id = ?1 AND body = ?2",
                  status, next_us, err);
}

void outgoing_status_release(struct outgoing_status *status)
{
    free(status->url);
    free(status->body);
    *status = (struct outgoing_status){0};
}
