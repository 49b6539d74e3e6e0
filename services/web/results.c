// SPDX-License-Identifier: GPL-3.0-only
#include "web/results_internal.h"

#include "adt/test_summary.h"
#include "adt/verdict.h"
#include "base/clock.h"
#include "net/http.h"

char *results_url(const char *package, const char *release, const char *arch, const char *run_id)
{
    const char *parts[] = {package, release, arch, run_id};
    struct buf url = BUF_INIT(16384);
    int r = buf_add_str(&url, "/packages");

    for (size_t i = 0; i < ARRAY_SIZE(parts) && parts[i] && r == 0; i++) {
        _cleanup_free_ char *part = http_escape(parts[i], false);

        r = part ? buf_addf(&url, "/%s", part) : -ENOMEM;
    }
    if (r < 0) {
        buf_release(&url);
        return NULL;
    }
    return buf_take(&url);
}

static int put_taken(json_t *row, const char *key, char *value)
{
    _cleanup_free_ char *owned = value;

    return owned ? json_put_string(row, key, owned) : -ENOMEM;
}

static int put_triggers(json_t *row, const char *triggers)
{
    _cleanup_strv_ struct strv list = STRV_INIT;
    json_t *array = json_array();
    int r = strv_split(&list, triggers, " ");

    for (size_t i = 0; i < list.len && r == 0; i++)
        r = json_array_append_new(array, json_string(list.items[i])) < 0 ? -ENOMEM : 0;
    if (r < 0) {
        json_decref(array);
        return r;
    }
    return json_put(row, "triggers", array);
}

static int put_verdict(json_t *row, int exitcode)
{
    const char *name = verdict_name(verdict_of(exitcode));
    int r = json_put_int(row, "exitcode", exitcode);

    if (r == 0)
        r = json_put_string(row, "verdict", name);
    if (r == 0)
        r = json_put_string(row, "explanation", verdict_explain(exitcode));
    return r < 0 ? r : json_put_bool(row, name, true);
}

static int put_date(json_t *row, const char *run_id)
{
    int64_t when;

    if (clock_parse_compact(run_id, &when, NULL) < 0)
        return json_put_string(row, "date", "");
    if (put_taken(row, "date", clock_format_utc(when, "%Y-%m-%d %H:%M")) < 0)
        return -ENOMEM;
    return put_taken(row, "datetime", clock_format_utc(when, "%Y-%m-%dT%H:%M:%SZ"));
}

const char *results_column(sqlite3_stmt *s, int number)
{
    const char *text = (const char *)sqlite3_column_text(s, number);

    return text ? text : "";
}

static int put_urls(json_t *row, sqlite3_stmt *s)
{
    _cleanup_free_ char *url = results_url(results_column(s, 0), results_column(s, 1),
                                           results_column(s, 2), results_column(s, 3));
    int r = url ? json_put_string(row, "url", url) : -ENOMEM;

    if (r == 0)
        r = put_taken(row, "log_url", str_format("%s/log", url));
    if (r == 0)
        r = put_taken(
            row, "history_url",
            results_url(results_column(s, 0), results_column(s, 1), results_column(s, 2), NULL));
    return r < 0
               ? r
               : put_taken(row, "package_url", results_url(results_column(s, 0), NULL, NULL, NULL));
}

int results_row(sqlite3_stmt *s, json_t **ret)
{
    static const struct {
        const char *key;
        int column;
    } texts[] = {{"package", 0}, {"release", 1},   {"arch", 2}, {"run_id", 3},
                 {"version", 4}, {"requester", 8}, {"env", 9}};
    _cleanup_json_ json_t *row = json_object();
    int64_t duration = sqlite3_column_int64(s, 6);
    int r = row ? 0 : -ENOMEM;

    for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++)
        r = json_put_string(row, texts[i].key, results_column(s, texts[i].column));
    if (r < 0 || (r = put_triggers(row, results_column(s, 5))) < 0 ||
        (r = json_put_int(row, "duration", duration)) < 0 ||
        (r = put_taken(row, "duration_text",
                       clock_format_duration(duration > 0 ? (uint64_t)duration : 0))) < 0 ||
        (r = put_verdict(row, sqlite3_column_int(s, 7))) < 0 ||
        (r = put_date(row, results_column(s, 3))) < 0 || (r = put_urls(row, s)) < 0)
        return r;
    *ret = TAKE_PTR(row);
    return 0;
}

int results_bind(sqlite3_stmt *s, const char *const *texts, size_t n)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_text(s, (int)i + 1, texts[i] ? texts[i] : "", -1, SQLITE_TRANSIENT);
    return rc;
}

int results_gather(struct database *db, sqlite3_stmt *s, int rc,
                   int (*add)(sqlite3_stmt *s, json_t *row), json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *rows = json_array();
    int r = rows ? 0 : -ENOMEM;

    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        json_t *row = NULL;

        r = results_row(s, &row);
        if (r == 0 && add && (r = add(s, row)) < 0)
            json_decref(row);
        if (r == 0 && json_array_append_new(rows, row) < 0)
            r = -ENOMEM;
        rc = SQLITE_OK;
    }
    if (r == 0 && rc != SQLITE_DONE)
        r = database_error(db, rc, "cannot read the results", err);
    else if (r < 0)
        r = error_oom(err);
    (void)sqlite3_reset(s);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(rows);
    return 0;
}

static const char sql_newest[] =
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"
    " ORDER BY r.run_id DESC LIMIT ?1 OFFSET ?2";

static const char sql_requester[] =
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"
    " WHERE r.requester = ?1 AND r.requester != '' ORDER BY r.run_id DESC LIMIT ?2 OFFSET ?3";

// Binds a filter as ?1 to ?4; a place is asked for by whoever uses FITS_RUN.
#define FITS_RUN                                                                                   \
    " AND (?3 = '' OR r.requester = ?3)"                                                           \
    " AND (?4 = '' OR ?4 = CASE WHEN r.exitcode IN (0, 2) THEN 'pass'"                             \
    "  WHEN r.exitcode IN (4, 6, 12, 14) THEN 'fail' WHEN r.exitcode = 8 THEN 'neutral'"           \
    "  WHEN r.exitcode = 99 THEN 'denylisted' WHEN r.exitcode = 16 THEN 'tmpfail'"                 \
    "  WHEN r.exitcode = 20 THEN 'error' ELSE 'otherfail' END)"

// The newest RESULTS_WINDOW are looked through, however rare what is asked for.
static const char sql_filtered[] =
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"
    " WHERE r.run_id >= coalesce((SELECT run_id FROM result ORDER BY run_id DESC"
    "  LIMIT 1 OFFSET 20000), '')"
    " AND (?1 = '' OR t.release = ?1) AND (?2 = '' OR t.arch = ?2)" FITS_RUN
    " ORDER BY r.run_id DESC LIMIT ?5 OFFSET ?6";

int results_recent(struct database *db, const struct results_filter *f, json_t **ret,
                   struct error *err)
{
    const char *texts[] = {f->release, f->arch, f->requester, f->verdict};
    bool any = !str_empty(f->release) || !str_empty(f->arch) || !str_empty(f->verdict);
    bool requester = !any && !str_empty(f->requester);
    int n = any ? 4 : requester ? 1 : 0, rc;
    sqlite3_stmt *s = NULL;
    int r = database_statement(db,
                               any         ? sql_filtered
                               : requester ? sql_requester
                                           : sql_newest,
                               &s, err);

    if (r < 0)
        return r;
    rc = requester ? results_bind(s, &f->requester, 1) : results_bind(s, texts, (size_t)n);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, n + 1, (sqlite3_int64)f->limit);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, n + 2, (sqlite3_int64)f->offset);
    return results_gather(db, s, rc, NULL, ret, err);
}

static int add_flaky(sqlite3_stmt *s, json_t *row)
{
    return json_put_bool(row, "flaky",
                         sqlite3_column_int(s, RESULT_COLUMNS_LEN) >= SUMMARY_FLAKY_FLIPS);
}

int results_latest(struct database *db, const char *package, json_t **ret, struct error *err)
{
    static const char sql[] = "SELECT " RESULT_COLUMNS ", s.flips FROM test t"
                              " JOIN test_summary s ON s.test_id = t.id"
                              " JOIN result r ON r.test_id = t.id AND r.run_id = s.newest"
                              " WHERE t.package = ?1 ORDER BY t.release, t.arch LIMIT 1000";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err);

    return r < 0 ? r : results_gather(db, s, results_bind(s, &package, 1), add_flaky, ret, err);
}

int results_history(struct database *db, const char *package, const struct results_filter *f,
                    const char *before, json_t **ret, struct error *err)
{
    static const char sql[] =
        "SELECT " RESULT_COLUMNS " FROM test t JOIN result r ON r.test_id = t.id"
        " WHERE t.release = ?1 AND t.arch = ?2 AND t.package = ?5 AND r.run_id < ?6" FITS_RUN
        " ORDER BY r.run_id DESC LIMIT ?7";
    const char *texts[] = {f->release, f->arch, f->requester,
                           f->verdict, package, before ? before : "~"};
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 7, (sqlite3_int64)f->limit);
    return results_gather(db, s, rc, NULL, ret, err);
}

int results_run(struct database *db, const char *package, const char *release, const char *arch,
                const char *run_id, json_t **ret, struct error *err)
{
    static const char sql[] =
        "SELECT " RESULT_COLUMNS " FROM test t JOIN result r ON r.test_id = t.id"
        " WHERE t.package = ?1 AND t.release = ?2 AND t.arch = ?3 AND r.run_id = ?4";
    const char *texts[] = {package, release, arch, run_id};
    _cleanup_json_ json_t *rows = NULL;
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err);

    if (r == 0)
        r = results_gather(db, s, results_bind(s, texts, ARRAY_SIZE(texts)), NULL, &rows, err);
    if (r < 0)
        return r;
    if (json_array_size(rows) == 0)
        return error_set(err, -ENOENT, "there is no run %s of %s on %s %s", run_id, package,
                         release, arch);
    *ret = json_incref(json_array_get(rows, 0));
    return 0;
}

int results_pass_before(struct database *db, const char *package, const char *release,
                        const char *arch, const char *run_id, char **ret, struct error *err)
{
    static const char sql[] =
        "SELECT r.run_id FROM test t JOIN result r ON r.test_id = t.id"
        " WHERE t.package = ?1 AND t.release = ?2 AND t.arch = ?3 AND r.run_id < ?4"
        " AND r.exitcode IN (0, 2, 8) ORDER BY r.run_id DESC LIMIT 1";
    const char *texts[] = {package, release, arch, run_id};
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    *ret = NULL;
    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        *ret = strdup(results_column(s, 0));
        r = *ret ? 0 : error_oom(err);
    } else if (rc != SQLITE_DONE) {
        r = database_error(db, rc, "cannot read the results", err);
    }
    (void)sqlite3_reset(s);
    return r;
}

// The first name behind `after` (at or behind it with `including`), by a jump in the index: of each
// package there are as many rows as releases and architectures.
static int next_package(struct database *db, const char *after, bool including, char **ret,
                        struct error *err)
{
    const char *sql = including
                          ? "SELECT package FROM test WHERE package >= ?1 ORDER BY package LIMIT 1"
                          : "SELECT package FROM test WHERE package > ?1 ORDER BY package LIMIT 1";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    *ret = NULL;
    if (r < 0)
        return r;
    rc = results_bind(s, &after, 1);
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW &&
        !(*ret = strdup(results_column(s, 0))))
        r = error_oom(err);
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = database_error(db, rc, "cannot read the tests", err);
    (void)sqlite3_reset(s);
    return r;
}

int results_packages(struct database *db, const char *prefix, size_t limit, json_t **ret,
                     struct error *err)
{
    _cleanup_json_ json_t *names = json_array();
    _cleanup_free_ char *name = NULL;
    int r = names ? next_package(db, prefix, true, &name, err) : error_oom(err);

    while (r == 0 && name && str_starts_with(name, prefix) && json_array_size(names) < limit) {
        _cleanup_free_ char *last = TAKE_PTR(name);

        r = json_array_append_new(names, json_string(last)) < 0
                ? error_oom(err)
                : next_package(db, last, false, &name, err);
    }
    if (r == 0)
        *ret = TAKE_PTR(names);
    return r;
}

int results_any(struct database *db, bool *ret, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, "SELECT 1 FROM result LIMIT 1", &s, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_step(s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = database_error(db, rc, "cannot read the results", err);
    else
        *ret = rc == SQLITE_ROW;
    (void)sqlite3_reset(s);
    return r;
}
