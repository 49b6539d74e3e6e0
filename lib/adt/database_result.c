// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_internal.h"
#include "adt/names.h"
#include "adt/test_summary.h"

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
            *ret = sqlite3_last_insert_rowid(database_handle(db));
        (void)sqlite3_reset(statement);
        if (rc != SQLITE_DONE || sql == add)
            break;
        sql = add;
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : database_error(db, rc, "table test", err);
}

static const char *run_id_of(const struct test_complete *done)
{
    return strrchr(done->swift_dir, '/') + 1;
}

// Binds from position `at` on what both tables of results have in common.
static void bind_outcome(sqlite3_stmt *statement, int at, const struct test_complete *done)
{
    const char *version = done->testpkg_version;

    bind_text(statement, at, run_id_of(done));
    bind_text(statement, at + 1, str_empty(version) ? "unknown" : version);
    bind_text(statement, at + 2, done->triggers);
    (void)sqlite3_bind_int64(statement, at + 3, (sqlite3_int64)done->duration_s);
    (void)sqlite3_bind_int(statement, at + 4, done->exitcode);
    bind_text(statement, at + 5, done->requester);
    bind_text(statement, at + 6, done->env);
}

// ---- what is derived

// What is there of this run already: 1 and its outcome, or 0.
static int find_result(struct database *db, sqlite3_int64 test_id, const char *run_id,
                       int *ret_exitcode, int64_t *ret_duration_s, struct error *err)
{
    static const char sql[] =
        "SELECT exitcode, duration FROM result WHERE test_id = ? AND run_id = ?";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err), rc;

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, test_id);
    bind_text(statement, 2, run_id);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_exitcode = sqlite3_column_int(statement, 0);
        *ret_duration_s = sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_reset(statement);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return rc == SQLITE_ROW;
    return database_error(db, rc, "cannot read a result", err);
}

// YYYYMMDD
static int64_t day_of(const char *run_id)
{
    int64_t day = 0;

    for (size_t i = 0; i < 8; i++)
        day = day * 10 + (run_id[i] - '0');
    return day;
}

// Counts `runs` (1 or -1) of these.
static int count(struct database *db, const struct test_complete *done, int exitcode,
                 int64_t duration_s, int runs, struct error *err)
{
    static const char sql[] = "INSERT INTO statistic(release, arch, day, exitcode, runs, seconds) "
                              "VALUES(?, ?, ?, ?, ?, ?)"
                              " ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, seconds = "
                              "seconds + excluded.seconds";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    bind_text(statement, 1, done->release);
    bind_text(statement, 2, done->arch);
    (void)sqlite3_bind_int64(statement, 3, day_of(run_id_of(done)));
    (void)sqlite3_bind_int(statement, 4, exitcode);
    (void)sqlite3_bind_int(statement, 5, runs);
    (void)sqlite3_bind_int64(statement, 6, runs * duration_s);
    return run(db, statement, "cannot count a result", err);
}

static void read_text(sqlite3_stmt *statement, int column, char *to, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t len = text ? strnlen(text, size - 1) : 0;

    if (len)
        memcpy(to, text, len);
    to[len] = '\0';
}

static int load_summary(struct database *db, sqlite3_int64 test_id, struct test_summary *ret,
                        struct error *err)
{
    static const char sql[] =
        "SELECT newest, exitcode, verdicts, passed, failing_since, expected_s,"
        " flips FROM test_summary WHERE test_id = ?";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err), rc;

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, test_id);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        read_text(statement, 0, ret->newest, sizeof(ret->newest));
        ret->exitcode = sqlite3_column_int(statement, 1);
        read_text(statement, 2, ret->verdicts, sizeof(ret->verdicts));
        read_text(statement, 3, ret->passed, sizeof(ret->passed));
        read_text(statement, 4, ret->failing_since, sizeof(ret->failing_since));
        ret->expected_s = sqlite3_column_int64(statement, 5);
        ret->flips = sqlite3_column_int(statement, 6);
    }
    (void)sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? 0
               : database_error(db, rc, "table test_summary", err);
}

static int store_summary(struct database *db, sqlite3_int64 test_id, const struct test_summary *s,
                         struct error *err)
{
    static const char sql[] =
        "INSERT INTO test_summary(test_id, newest, exitcode, verdicts, passed, failing_since,"
        " expected_s, flips) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " newest = excluded.newest, exitcode = excluded.exitcode, verdicts = excluded.verdicts,"
        " passed = excluded.passed, failing_since = excluded.failing_since,"
        " expected_s = excluded.expected_s, flips = excluded.flips";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, test_id);
    bind_text(statement, 2, s->newest);
    (void)sqlite3_bind_int(statement, 3, s->exitcode);
    bind_text(statement, 4, s->verdicts);
    bind_text(statement, 5, s->passed);
    bind_text(statement, 6, s->failing_since);
    (void)sqlite3_bind_int64(statement, 7, s->expected_s);
    (void)sqlite3_bind_int(statement, 8, s->flips);
    return run(db, statement, "cannot write a summary", err);
}

// Goes through all results of the test, the oldest first.
static int summarize(struct database *db, sqlite3_int64 test_id, struct test_summary *ret,
                     struct error *err)
{
    static const char sql[] = "SELECT run_id, exitcode, duration FROM result WHERE test_id = ?"
                              " ORDER BY run_id";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err), rc;

    if (r < 0)
        return r;
    *ret = (struct test_summary){0};
    (void)sqlite3_bind_int64(statement, 1, test_id);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *run_id = (const char *)sqlite3_column_text(statement, 0);

        test_summary_add(ret, run_id ? run_id : "", sqlite3_column_int(statement, 1),
                         sqlite3_column_int64(statement, 2));
    }
    (void)sqlite3_reset(statement);
    return rc == SQLITE_DONE ? 0 : database_error(db, rc, "cannot read the results", err);
}

int database_summarize_all(struct database *db, struct error *err)
{
    static const char sql[] = "SELECT id FROM test WHERE id > ? ORDER BY id LIMIT 1";
    sqlite3_int64 test_id = 0;
    int r = 0;

    while (r == 0) {
        struct test_summary summary;
        sqlite3_stmt *statement = NULL;
        int rc;

        if ((r = database_statement(db, sql, &statement, err)) < 0)
            return r;
        (void)sqlite3_bind_int64(statement, 1, test_id);
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
            test_id = sqlite3_column_int64(statement, 0);
        (void)sqlite3_reset(statement);
        if (rc != SQLITE_ROW)
            return rc == SQLITE_DONE ? 0 : database_error(db, rc, "table test", err);
        r = summarize(db, test_id, &summary, err);
        if (r == 0)
            r = store_summary(db, test_id, &summary, err);
    }
    return r;
}

// After the result was added. `known`: there was another outcome of the same run.
static int derive_summary(struct database *db, sqlite3_int64 test_id,
                          const struct test_complete *done, bool known, struct error *err)
{
    struct test_summary summary = {0};
    int r = load_summary(db, test_id, &summary, err);

    if (r < 0)
        return r;
    if (!known && strcmp(run_id_of(done), summary.newest) > 0)
        test_summary_add(&summary, run_id_of(done), done->exitcode, (int64_t)done->duration_s);
    else if ((r = summarize(db, test_id, &summary, err)) < 0)
        return r;
    return store_summary(db, test_id, &summary, err);
}

// ---- adding

static int write_result(struct database *db, sqlite3_int64 test_id,
                        const struct test_complete *done, struct error *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO result(test_id, run_id, version, triggers, duration, exitcode,"
        " requester, env) VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *statement = NULL;
    int r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, test_id);
    bind_outcome(statement, 2, done);
    return run(db, statement, "cannot add a result", err);
}

static int add_public(struct database *db, const struct test_complete *done, struct error *err)
{
    sqlite3_int64 test_id = 0;
    int64_t duration_s = 0;
    int exitcode = 0, known;
    int r = find_test(db, done, &test_id, err);

    if (r < 0)
        return r;
    known = find_result(db, test_id, run_id_of(done), &exitcode, &duration_s, err);
    if (known < 0 || (r = write_result(db, test_id, done, err)) < 0)
        return known < 0 ? known : r;
    if (known && exitcode == done->exitcode && duration_s == (int64_t)done->duration_s)
        return 0;
    if (known && ((r = count(db, done, exitcode, duration_s, -1, err)) < 0 ||
                  (r = database_forget_change(db, done, exitcode, duration_s, err)) < 0))
        return r;
    r = database_note_change(db, test_id, done, err);
    if (r == 0)
        r = count(db, done, done->exitcode, (int64_t)done->duration_s, 1, err);
    return r < 0 ? r : derive_summary(db, test_id, done, known, err);
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

// ---------------------------------------------------------------- reading

static char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    return strdup(text ? text : "");
}

int database_read_run(sqlite3_stmt *row, int column, struct test_complete *ret)
{
    _cleanup_free_ char *run_id = text_of(row, column + 4);
    int64_t duration = sqlite3_column_int64(row, column + 7);

    *ret = (struct test_complete){.container = text_of(row, column),
                                  .release = text_of(row, column + 1),
                                  .arch = text_of(row, column + 2),
                                  .package = text_of(row, column + 3),
                                  .testpkg_version = text_of(row, column + 5),
                                  .triggers = text_of(row, column + 6),
                                  .duration_s = duration > 0 ? (uint64_t)duration : 0,
                                  .exitcode = sqlite3_column_int(row, column + 8),
                                  .requester = text_of(row, column + 9),
                                  .env = text_of(row, column + 10)};
    if (!run_id || !ret->container || !ret->release || !ret->arch || !ret->package ||
        !ret->testpkg_version || !ret->triggers || !ret->requester || !ret->env)
        return -ENOMEM;
    ret->swift_dir = run_path(ret->release, ret->arch, ret->package, run_id);
    return ret->swift_dir ? 0 : -ENOMEM;
}
