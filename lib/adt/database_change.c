// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_internal.h"
#include "base/clock.h"
#include "base/hash.h"

#define DIGEST_MASK ((UINT64_C(1) << 48) - 1)

static const char *run_id_of(const struct test_complete *done)
{
    return strrchr(done->swift_dir, '/') + 1;
}

static int64_t started_s(const struct test_complete *done)
{
    int64_t start = 0;

    return clock_parse_compact(run_id_of(done), &start, NULL) < 0 ? 0 : start;
}

// The same on every unit: of what names the run and how it has ended.
static int64_t digest_of(const struct test_complete *done, int exitcode, int64_t duration_s)
{
    const char *const texts[] = {done->release, done->arch, done->package, run_id_of(done)};
    const int64_t numbers[] = {exitcode, duration_s};
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        hash = hash_add(hash, texts[i], strlen(texts[i]) + 1);
    hash = hash_add(hash, numbers, sizeof(numbers));
    return (int64_t)((hash ^ hash >> 48) & DIGEST_MASK);
}

// Clocks that are ahead would hide what others announce meanwhile.
static int64_t announced_s(const struct test_complete *done, int64_t now)
{
    int64_t time =
        done->announced_s > 0 ? done->announced_s : started_s(done) + (int64_t)done->duration_s;

    return time < now ? time : now;
}

static int run(struct database *db, sqlite3_stmt *statement, int rc, struct error *err)
{
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    return rc == SQLITE_DONE ? 0 : database_error(db, rc, "cannot note a change", err);
}

int database_note_change(struct database *db, int64_t test_id, const struct test_complete *done,
                         struct error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO result_change (time_s, digest, test_id,"
                              " run_id) VALUES (?1, ?2, ?3, ?4)";
    int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC), time = announced_s(done, now);
    sqlite3_stmt *s = NULL;
    int r, rc;

    if (time < now - CHANGES_KEPT_S)
        return 0;
    if ((r = database_statement(db, sql, &s, err)) < 0)
        return r;
    rc = sqlite3_bind_int64(s, 1, time);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, digest_of(done, done->exitcode, (int64_t)done->duration_s));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 3, test_id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 4, run_id_of(done), -1, SQLITE_STATIC);
    return run(db, s, rc, err);
}

int database_forget_change(struct database *db, const struct test_complete *done, int exitcode,
                           int64_t duration_s, struct error *err)
{
    // It was not announced before the run began.
    static const char sql[] = "DELETE FROM result_change WHERE time_s >= ?1 AND digest = ?2";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_bind_int64(s, 1, started_s(done));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, digest_of(done, exitcode, duration_s));
    return run(db, s, rc, err);
}

int database_expire_changes(struct database *db, struct error *err)
{
    static const char sql[] =
        "DELETE FROM result_change WHERE (time_s, digest) IN (SELECT time_s, digest"
        " FROM result_change WHERE time_s < unixepoch() - ?1 ORDER BY time_s, digest LIMIT 1000)";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err);

    return r < 0 ? r : run(db, s, sqlite3_bind_int64(s, 1, CHANGES_KEPT_S), err);
}
