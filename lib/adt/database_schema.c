// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_internal.h"

// The first four tables are public (names and types are what the readers of the
// published copy expect); special_result is ours: runs of PPAs, private and triggerless ones, which
// the public copy does not have.
static const char results[] =
    "CREATE TABLE test (id INTEGER PRIMARY KEY, release CHAR[20], arch CHAR[20], package "
    "char[120]);"
    "CREATE UNIQUE INDEX test_package ON test(package, release, arch);"
    "CREATE TABLE result (test_id INTEGER, run_id CHAR[30], version VARCHAR[200], triggers TEXT,"
    " duration INTEGER, exitcode INTEGER, requester TEXT, env TEXT, PRIMARY KEY(test_id, run_id),"
    " FOREIGN KEY(test_id) REFERENCES test(id));"
    "CREATE INDEX result_run_id ON result(run_id DESC);"
    "CREATE INDEX result_requester ON result(requester, run_id DESC) WHERE requester != '';"
    "CREATE TABLE current_version (release CHAR[20], pocket CHAR[40], component CHAR[10],"
    " package CHAR[50], version VARCHAR[120], PRIMARY KEY(release, package));"
    "CREATE TABLE url_last_checked (url CHAR[100], timestamp CHAR[50], PRIMARY KEY(url));"
    "CREATE TABLE special_result (container TEXT NOT NULL, release TEXT NOT NULL,"
    " arch TEXT NOT NULL, package TEXT NOT NULL, run_id TEXT NOT NULL, version TEXT NOT NULL,"
    " triggers TEXT NOT NULL, duration INTEGER NOT NULL, exitcode INTEGER NOT NULL,"
    " requester TEXT NOT NULL, env TEXT NOT NULL,"
    " PRIMARY KEY(container, release, arch, package, run_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX special_result_run_id ON special_result(run_id DESC);"
    "CREATE TABLE rejected_message (id INTEGER PRIMARY KEY, received INTEGER NOT NULL,"
    " reason TEXT NOT NULL, body BLOB NOT NULL) STRICT;";

// What is derived from table `result` when one is added. A day is YYYYMMDD. The columns of
// test_summary are those of struct test_summary.
static const char derived[] =
    "CREATE TABLE statistic (release TEXT NOT NULL, arch TEXT NOT NULL, day INTEGER NOT NULL,"
    " exitcode INTEGER NOT NULL, runs INTEGER NOT NULL, seconds INTEGER NOT NULL,"
    " PRIMARY KEY(release, arch, day, exitcode)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX statistic_day ON statistic(day);"
    "CREATE INDEX special_result_container ON special_result(container, run_id DESC);"
    "INSERT INTO statistic SELECT t.release, t.arch, CAST(substr(r.run_id, 1, 8) AS INTEGER) AS "
    "day,"
    " r.exitcode, count(*), sum(r.duration) FROM result r JOIN test t ON t.id = r.test_id"
    " GROUP BY t.release, t.arch, day, r.exitcode;"
    "CREATE TABLE test_summary (test_id INTEGER PRIMARY KEY REFERENCES test(id),"
    " newest TEXT NOT NULL, exitcode INTEGER NOT NULL, verdicts TEXT NOT NULL, passed TEXT NOT "
    "NULL,"
    " failing_since TEXT NOT NULL, expected_s INTEGER NOT NULL, flips INTEGER NOT NULL) STRICT;"
    "CREATE INDEX test_summary_failing ON test_summary(failing_since DESC)"
    " WHERE failing_since != '';"
    "CREATE INDEX test_summary_flaky ON test_summary(flips DESC, newest DESC) WHERE flips >= 4;";

// What has become of requests (event.h). Kept for some months.
static const char requests[] =
    "CREATE TABLE request (uuid TEXT PRIMARY KEY, package TEXT NOT NULL, release TEXT NOT NULL,"
    " arch TEXT NOT NULL, container TEXT NOT NULL, run_id TEXT NOT NULL, digest TEXT NOT NULL,"
    " changed_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX request_changed ON request(changed_us);"
    "CREATE INDEX request_digest ON request(digest, changed_us DESC) WHERE digest != '';"
    "CREATE TABLE request_event (uuid TEXT NOT NULL, time_us INTEGER NOT NULL,"
    " state TEXT NOT NULL, worker TEXT NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY(uuid, time_us, state)) STRICT, WITHOUT ROWID;";

// What each of the archive's indices has (current_version is the newest of them), and how far a
// rebuild from the store has come.
static const char sources[] =
    "CREATE TABLE source_version (release TEXT NOT NULL, pocket TEXT NOT NULL,"
    " component TEXT NOT NULL, package TEXT NOT NULL, version TEXT NOT NULL,"
    " PRIMARY KEY(release, pocket, component, package)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE rebuild_progress (container TEXT NOT NULL, prefix TEXT NOT NULL,"
    " marker TEXT NOT NULL, PRIMARY KEY(container, prefix)) STRICT, WITHOUT ROWID;";

// What was still to be told to GitHub, when each unit told it by itself.
static const char statuses[] =
    "CREATE TABLE github_status (id INTEGER PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL,"
    " made_us INTEGER NOT NULL, next_us INTEGER NOT NULL, attempts INTEGER NOT NULL) STRICT;"
    "CREATE INDEX github_status_next ON github_status(next_us);";

// Which results are new (database.h). Those of before an upgrade are not: nobody follows them.
static const char changes[] =
    "CREATE TABLE result_change (time_s INTEGER NOT NULL, digest INTEGER NOT NULL,"
    " test_id INTEGER NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY(time_s, digest)) STRICT,"
    " WITHOUT ROWID;";

static int make_results(struct database *db, struct error *err)
{
    return database_execute(db, results, "cannot make the tables", err);
}

static int make_derived(struct database *db, struct error *err)
{
    int r = database_execute(db, derived, "cannot make the tables of statistics", err);

    return r < 0 ? r : database_summarize_all(db, err);
}

static int make_requests(struct database *db, struct error *err)
{
    return database_execute(db, requests, "cannot make the tables of requests", err);
}

static int make_sources(struct database *db, struct error *err)
{
    return database_execute(db, sources, "cannot make the tables of current versions", err);
}

static int make_statuses(struct database *db, struct error *err)
{
    return database_execute(db, statuses, "cannot make the table of statuses", err);
}

static int make_changes(struct database *db, struct error *err)
{
    return database_execute(db, changes, "cannot make the table of changes", err);
}

static int drop_statuses(struct database *db, struct error *err)
{
    return database_execute(db, "DROP TABLE github_status",
                            "cannot take away the table of statuses", err);
}

// steps[N] makes version N + 1 of version N.
static int (*const steps[SCHEMA_VERSION])(struct database *, struct error *) = {
    make_results,  make_derived, make_requests, make_sources,
    make_statuses, make_changes, drop_statuses};

int schema_read_version(struct database *db, int *ret, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *handle = database_handle(db);
    int rc = sqlite3_prepare_v2(handle, "PRAGMA user_version", -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        int r = database_error(db, rc, "cannot read the schema's version", err);

        (void)sqlite3_finalize(statement);
        return r;
    }
    *ret = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return 0;
}

static int write_version(struct database *db, struct error *err)
{
    _cleanup_free_ char *sql = str_format("PRAGMA user_version = %d", SCHEMA_VERSION);

    return sql ? database_execute(db, sql, "cannot write the schema's version", err)
               : error_oom(err);
}

int schema_migrate(struct database *db, struct error *err)
{
    int version = 0;
    int r = database_begin(db, err);

    if (r < 0)
        return r;
    r = schema_read_version(db, &version, err);
    if (r == 0 && (version > SCHEMA_VERSION || version < 0))
        r = error_set(err, -ENOTSUP,
                      "the database has schema %d, this program knows up to %d: upgrade the charm",
                      version, SCHEMA_VERSION);
    for (int i = version; r == 0 && i < SCHEMA_VERSION; i++)
        r = steps[i](db, err);
    if (r == 0 && version < SCHEMA_VERSION)
        r = write_version(db, err);
    if (r < 0) {
        database_rollback(db);
        return r;
    }
    return database_commit(db, err);
}
