// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_internal.h"

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    // Binding can fail only for lack of memory, which the step reports.
    (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static int run(struct database *db, sqlite3_stmt *statement, struct error *err)
{
    int rc = sqlite3_step(statement);
    int r = rc == SQLITE_DONE ? 0 : database_error(db, rc, "cannot write an event", err);

    (void)sqlite3_reset(statement);
    return r;
}

// What the request is of, as far as it is known; a later event may know more.
static int write_request(struct database *db, const struct request_event *event, struct error *err)
{
    static const char sql[] =
        "INSERT INTO request(uuid, package, release, arch, container, run_id, digest, changed_us)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " package = coalesce(nullif(excluded.package, ''), package),"
        " release = coalesce(nullif(excluded.release, ''), release),"
        " arch = coalesce(nullif(excluded.arch, ''), arch),"
        " container = coalesce(nullif(excluded.container, ''), container),"
        " run_id = coalesce(nullif(excluded.run_id, ''), run_id),"
        " digest = coalesce(nullif(excluded.digest, ''), digest),"
        " changed_us = max(changed_us, excluded.changed_us)";
    const char *texts[] = {event->uuid,      event->package, event->release, event->arch,
                           event->container, event->run_id,  event->digest};
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        bind_text(statement, (int)i + 1, texts[i]);
    (void)sqlite3_bind_int64(statement, (int)ARRAY_SIZE(texts) + 1, event->time_us);
    return run(db, statement, err);
}

int database_add_event(struct database *db, const struct request_event *event, struct error *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO request_event(uuid, time_us, state, worker, reason)"
        " VALUES(?, ?, ?, ?, ?)";
    sqlite3_stmt *statement = NULL;
    int r = write_request(db, event, err);

    if (r < 0 || (r = database_statement(db, sql, &statement, err)) < 0)
        return r;
    bind_text(statement, 1, event->uuid);
    (void)sqlite3_bind_int64(statement, 2, event->time_us);
    bind_text(statement, 3, event_state_name(event->state));
    bind_text(statement, 4, event->worker);
    bind_text(statement, 5, event->reason);
    return run(db, statement, err);
}

int database_expire_events(struct database *db, int64_t before_us, struct error *err)
{
    static const char *const sql[] = {
        "DELETE FROM request_event WHERE uuid IN (SELECT uuid FROM request WHERE changed_us < ?1"
        " ORDER BY changed_us LIMIT 1000)",
        "DELETE FROM request WHERE uuid IN (SELECT uuid FROM request WHERE changed_us < ?1"
        " ORDER BY changed_us LIMIT 1000)"};
    sqlite3_stmt *statement = NULL;
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sql) && r == 0; i++) {
        if ((r = database_statement(db, sql[i], &statement, err)) < 0)
            return r;
        (void)sqlite3_bind_int64(statement, 1, before_us);
        r = run(db, statement, err);
    }
    return r;
}
