// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database.h"

#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 10000
#define STATEMENTS_MAX 64

struct database {
    sqlite3 *handle;
    struct {
        const char *sql; // constants: compared by address
        sqlite3_stmt *statement;
    } kept[STATEMENTS_MAX];
    size_t n_kept;
};

// Version 1. The first four tables are public (names and types are what the readers of the
// published copy expect); special_result is ours: runs of PPAs, private and triggerless ones, which
// the public copy does not have.
static const char schema[] =
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
    " reason TEXT NOT NULL, body BLOB NOT NULL) STRICT;"
    "PRAGMA user_version = 1;";

int database_error(struct database *db, int rc, const char *doing, struct error *err)
{
    int r = rc == SQLITE_NOMEM                            ? -ENOMEM
            : rc == SQLITE_BUSY || rc == SQLITE_LOCKED    ? -EAGAIN
            : rc == SQLITE_FULL                           ? -ENOSPC
            : rc == SQLITE_CANTOPEN                       ? -ENOENT
            : rc == SQLITE_READONLY || rc == SQLITE_PERM  ? -EACCES
            : rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? -EUCLEAN
                                                          : -EIO;

    return error_set(err, r, "%s: %s", doing, sqlite3_errmsg(db->handle));
}

static int execute(struct database *db, const char *sql, const char *doing, struct error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : database_error(db, rc, doing, err);
}

static int read_user_version(struct database *db, int *ret, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL);

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

static int migrate(struct database *db, struct error *err)
{
    int version = 0;
    int r = database_begin(db, err);

    if (r < 0)
        return r;
    r = read_user_version(db, &version, err);
    if (r == 0 && version > SCHEMA_VERSION)
        r = error_set(err, -ENOTSUP,
                      "the database has schema %d, this program knows up to %d: upgrade the charm",
                      version, SCHEMA_VERSION);
    if (r == 0 && version == 0)
        r = execute(db, schema, "cannot make the tables", err);
    if (r < 0) {
        database_rollback(db);
        return r;
    }
    return database_commit(db, err);
}

static int open_handle(const char *path, int flags, struct database **ret, struct error *err)
{
    struct database *db = calloc(1, sizeof(*db));
    int rc, r;

    if (!db)
        return error_oom(err);
    rc = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    if (rc != SQLITE_OK) {
        r = db->handle ? database_error(db, rc, path, err) : error_oom(err);
        database_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

int database_open(const char *path, struct database **ret, struct error *err)
{
    struct database *db = NULL;
    int r = open_handle(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err);

    if (!db)
        return r;
    // WAL: readers never wait for the writer; FULL: a committed result outlives a power cut.
    r = execute(db,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                "PRAGMA journal_size_limit = 67108864;",
                path, err);
    if (r == 0)
        r = migrate(db, err);
    if (r < 0) {
        database_close(db);
        return error_prefix(err, r, "database %s", path);
    }
    *ret = db;
    return 0;
}

int database_open_readonly(const char *path, struct database **ret, struct error *err)
{
    struct database *db = NULL;
    int version = 0;
    int r;

    if (access(path, F_OK) < 0)
        return error_errno(err, -errno, "database %s", path);
    r = open_handle(path, SQLITE_OPEN_READONLY, &db, err);
    if (r < 0)
        return r;
    r = read_user_version(db, &version, err);
    if (r == 0 && version == 0)
        r = error_set(err, -ENOENT, "has no tables so far");
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
    return execute(db, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
}

int database_commit(struct database *db, struct error *err)
{
    return execute(db, "COMMIT", "cannot commit", err);
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

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    // Binding can fail only for lack of memory, which the step reports.
    (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static int run(struct database *db, sqlite3_stmt *statement, const char *doing, struct error *err)
{
    int rc = sqlite3_step(statement);
    int r = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : database_error(db, rc, doing, err);

    (void)sqlite3_reset(statement);
    return r;
}

static int find_test(struct database *db, const struct test_complete *done, sqlite3_int64 *ret,
                     struct error *err)
{
    static const char find[] = "SELECT id FROM test WHERE package = ? AND release = ? AND arch = ?";
    static const char add[] = "INSERT INTO test(package, release, arch) VALUES(?, ?, ?)";
    const char *sql = find;
    sqlite3_stmt *statement = NULL;
    int r, rc;

    for (;;) {
        r = database_statement(db, sql, &statement, err);
        if (r < 0)
            return r;
        bind_text(statement, 1, done->package);
        bind_text(statement, 2, done->release);
        bind_text(statement, 3, done->arch);
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            *ret = sqlite3_column_int64(statement, 0);
        else if (rc == SQLITE_DONE && sql == add)
            *ret = sqlite3_last_insert_rowid(db->handle);
        (void)sqlite3_reset(statement);
        if (rc != SQLITE_DONE || sql == add)
            break;
        sql = add;
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : database_error(db, rc, "table test", err);
}

// Binds from position `at` on what both tables of results have in common.
static void bind_outcome(sqlite3_stmt *statement, int at, const struct test_complete *done)
{
    const char *version = done->testpkg_version;

    bind_text(statement, at, strrchr(done->swift_dir, '/') + 1); // the run id
    bind_text(statement, at + 1, str_empty(version) ? "unknown" : version);
    bind_text(statement, at + 2, done->triggers);
    (void)sqlite3_bind_int64(statement, at + 3, (sqlite3_int64)done->duration_s);
    (void)sqlite3_bind_int(statement, at + 4, done->exitcode);
    bind_text(statement, at + 5, done->requester);
    bind_text(statement, at + 6, done->env);
}

static int add_public(struct database *db, const struct test_complete *done, struct error *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO result(test_id, run_id, version, triggers, duration, exitcode,"
        " requester, env) VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 test_id = 0;
    int r = find_test(db, done, &test_id, err);

    if (r < 0 || (r = database_statement(db, sql, &statement, err)) < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, test_id);
    bind_outcome(statement, 2, done);
    return run(db, statement, "cannot add a result", err);
}

static int add_special(struct database *db, const struct test_complete *done, struct error *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO special_result(container, release, arch, package, run_id, version,"
        " triggers, duration, exitcode, requester, env) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    bind_text(statement, 1, done->container);
    bind_text(statement, 2, done->release);
    bind_text(statement, 3, done->arch);
    bind_text(statement, 4, done->package);
    bind_outcome(statement, 5, done);
    return run(db, statement, "cannot add a result of a special run", err);
}

int database_add_result(struct database *db, const struct test_complete *done, struct error *err)
{
    _cleanup_free_ char *plain = str_format("autopkgtest-%s", done->release);

    if (!plain)
        return error_oom(err);
    if (str_equal(done->container, plain) && !str_empty(done->triggers))
        return add_public(db, done, err);
    return add_special(db, done, err);
}

int database_add_rejected(struct database *db, const void *body, size_t len, const char *reason,
                          struct error *err)
{
    static const char sql[] =
        "INSERT INTO rejected_message(received, reason, body) VALUES(unixepoch(), ?, ?)";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    bind_text(statement, 1, reason);
    (void)sqlite3_bind_blob64(statement, 2, len ? body : "", len, SQLITE_STATIC);
    return run(db, statement, "cannot set a message aside", err);
}
