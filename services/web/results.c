// SPDX-License-Identifier: GPL-3.0-only
#include "web/results_internal.h"

#include "adt/test_summary.h"
#include "adt/verdict.h"
#include "base/clock.h"
#include "net/http.h"

#define URL_MAX ((size_t)16384)

static int add_url_part(struct buf *url, const char *part)
{
    int r = buf_add_char(url, '/');

    return r < 0 ? r : http_add_escaped(url, part, false);
}

char *results_url(const char *package, const char *release, const char *arch, const char *run_id)
{
    const char *parts[] = {package, release, arch, run_id};
    _cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
    int r = buf_add_str(&url, "/packages");

    for (size_t i = 0; i < ARRAY_SIZE(parts) && parts[i] && r == 0; i++)
        r = add_url_part(&url, parts[i]);
    return r < 0 ? NULL : buf_take(&url);
}

static int put_taken(json_t *row, const char *key, char *value)
{
    _cleanup_free_ char *owned = value;

    return owned ? json_put_string(row, key, owned) : -ENOMEM;
}

static int put_triggers(json_t *row, const char *triggers)
{
    json_t *array = json_array();

    for (const char *at = triggers + strspn(triggers, " "); *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");

        if (json_array_append_new(array, json_stringn(at, len)) < 0) {
            json_decref(array);
            return -ENOMEM;
        }
        at += len;
    }
    return json_put(row, "triggers", array);
}

static int put_verdict(json_t *row, int exitcode)
{
    int r = json_put_string(row, "verdict", verdict_name(verdict_of(exitcode)));

    return r < 0 ? r : json_put_string(row, "explanation", verdict_explain(exitcode));
}

static int put_exitcode(json_t *row, int exitcode)
{
    int r = json_put_int(row, "exitcode", exitcode);

    return r < 0 ? r : json_put_bool(row, verdict_name(verdict_of(exitcode)), true);
}

// Writes the digits of a run id over the zeros of a date.
static void fill_date(char *date, const char *run_id)
{
    for (; *date; date++)
        if (*date == '0') {
            run_id += *run_id == '_';
            *date = *run_id++;
        }
}

static int put_date(json_t *row, const char *run_id)
{
    char date[] = "0000-00-00 00:00", datetime[] = "0000-00-00T00:00:00Z";
    int64_t when;

    if (clock_parse_compact(run_id, &when, NULL) < 0)
        return json_put_string(row, "date", "");
    fill_date(date, run_id);
    fill_date(datetime, run_id);
    return json_put_string(row, "date", date) < 0 ? -ENOMEM
                                                  : json_put_string(row, "datetime", datetime);
}

const char *results_column(sqlite3_stmt *s, int number)
{
    const char *text = (const char *)sqlite3_column_text(s, number);

    return text ? text : "";
}

// The addresses of the package, of its test, of the run and of its log: each begins with the one
// before.
static int put_urls(json_t *row, sqlite3_stmt *s)
{
    _cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);

    if (buf_add_str(&url, "/packages") < 0 || add_url_part(&url, results_column(s, 0)) < 0 ||
        json_put_string(row, "package_url", buf_str(&url)) < 0 ||
        add_url_part(&url, results_column(s, 1)) < 0 ||
        add_url_part(&url, results_column(s, 2)) < 0 ||
        json_put_string(row, "history_url", buf_str(&url)) < 0 ||
        add_url_part(&url, results_column(s, 3)) < 0 ||
        json_put_string(row, "url", buf_str(&url)) < 0 || buf_add_str(&url, "/log") < 0)
        return -ENOMEM;
    return json_put_string(row, "log_url", buf_str(&url));
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
        (r = put_exitcode(row, sqlite3_column_int(s, 7))) < 0 ||
        (r = put_verdict(row, sqlite3_column_int(s, 7))) < 0 ||
        (r = put_date(row, results_column(s, 3))) < 0 || (r = put_urls(row, s)) < 0)
        return r;
    *ret = TAKE_PTR(row);
    return 0;
}

static int brief_row(sqlite3_stmt *s, json_t **ret)
{
    _cleanup_json_ json_t *row = json_object();
    const char *release = results_column(s, 1), *arch = results_column(s, 2);

    if (json_put_string(row, "release", release) < 0 || json_put_string(row, "arch", arch) < 0 ||
        json_put_string(row, "version", results_column(s, 4)) < 0 ||
        put_verdict(row, sqlite3_column_int(s, 7)) < 0 || put_date(row, results_column(s, 3)) < 0 ||
        put_taken(row, "history_url", results_url(results_column(s, 0), release, arch, NULL)) < 0)
        return -ENOMEM;
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

// results_gather() of rows that `make` makes.
static int gather(struct database *db, sqlite3_stmt *s, int rc,
                  int (*make)(sqlite3_stmt *s, json_t **ret),
                  int (*add)(sqlite3_stmt *s, json_t *row), json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *rows = json_array();
    int r = rows ? 0 : -ENOMEM;

    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        json_t *row = NULL;

        r = make(s, &row);
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

int results_gather(struct database *db, sqlite3_stmt *s, int rc,
                   int (*add)(sqlite3_stmt *s, json_t *row), json_t **ret, struct error *err)
{
    return gather(db, s, rc, results_row, add, ret, err);
}

static const char sql_newest[] =
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"
    " WHERE r.run_id < ?1 ORDER BY r.run_id DESC LIMIT ?2 OFFSET ?3";

static const char sql_requester[] =
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"
    " WHERE r.run_id < ?1 AND r.requester = ?2 AND r.requester != ''"
    " ORDER BY r.run_id DESC LIMIT ?3 OFFSET ?4";

// What a run must be like, by its requester (?2) and its verdict (?3).
#define FITS_RUN " AND (?2 = '' OR r.requester = ?2)" FITS_VERDICT

// The last of the RESULTS_WINDOW that are looked through, however rare what is asked for.
#define WINDOW_END                                                                                 \
    "SELECT run_id FROM result WHERE run_id < ?1 ORDER BY run_id DESC"                             \
    " LIMIT 1 OFFSET 20000"
static const char sql_filtered[] =
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"
    " WHERE r.run_id >= coalesce((" WINDOW_END "), '') AND r.run_id < ?1"
    " AND (?4 = '' OR t.release = ?4) AND (?5 = '' OR t.arch = ?5)" FITS_RUN
    " ORDER BY r.run_id DESC LIMIT ?6 OFFSET ?7";

// Behind every run id.
static const char *before_or_end(const struct results_filter *f)
{
    return str_empty(f->before) ? "~" : f->before;
}

int results_first_text(struct database *db, const char *sql, const char *const *texts, size_t n,
                       char **ret, struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    *ret = NULL;
    if (r < 0)
        return r;
    rc = results_bind(s, texts, n);
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        *ret = strdup(results_column(s, 0));
        r = *ret ? 0 : error_oom(err);
    } else if (rc != SQLITE_DONE) {
        r = database_error(db, rc, "cannot read the results", err);
    }
    (void)sqlite3_reset(s);
    return r;
}

// By what there is no index.
static bool looks_through(const struct results_filter *f)
{
    return !str_empty(f->release) || !str_empty(f->arch) || !str_empty(f->verdict);
}

int results_window_end(struct database *db, const struct results_filter *f, char **ret,
                       struct error *err)
{
    const char *before = before_or_end(f);

    *ret = NULL;
    return looks_through(f) ? results_first_text(db, WINDOW_END, &before, 1, ret, err) : 0;
}

// Of all results the index alone tells where to go on. Who skips more than a window's searches
// (results_search.h).
static int skip_newest(struct database *db, struct results_filter *f, char **ret_before,
                       struct error *err)
{
    _cleanup_free_ char *skipped = str_format("%llu", (unsigned long long)f->offset - 1);
    const char *texts[] = {before_or_end(f), skipped};
    int r = skipped ? results_first_text(db,
                                         "SELECT run_id FROM result WHERE run_id < ?1"
                                         " ORDER BY run_id DESC LIMIT 1 OFFSET ?2",
                                         texts, ARRAY_SIZE(texts), ret_before, err)
                    : error_oom(err);

    f->before = *ret_before ? *ret_before : "0"; // before every run
    f->offset = 0;
    return r;
}

static int recent_of(struct database *db, const struct results_filter *f, json_t **ret,
                     struct error *err)
{
    const char *texts[] = {before_or_end(f), f->requester, f->verdict, f->release, f->arch};
    bool any = looks_through(f);
    bool requester = !any && !str_empty(f->requester);
    int n = any ? 5 : requester ? 2 : 1, rc;
    sqlite3_stmt *s = NULL;
    int r = database_statement(db,
                               any         ? sql_filtered
                               : requester ? sql_requester
                                           : sql_newest,
                               &s, err);

    if (r < 0)
        return r;
    rc = results_bind(s, texts, (size_t)n);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, n + 1, (sqlite3_int64)f->limit);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, n + 2, (sqlite3_int64)f->offset);
    return results_gather(db, s, rc, NULL, ret, err);
}

int results_recent(struct database *db, const struct results_filter *filter, json_t **ret,
                   struct error *err)
{
    struct results_filter f = *filter;
    _cleanup_free_ char *before = NULL;
    int r = 0;

    if (f.offset > 0 && !looks_through(&f) && str_empty(f.requester))
        r = skip_newest(db, &f, &before, err);
    return r < 0 ? r : recent_of(db, &f, ret, err);
}

static int add_flaky(sqlite3_stmt *s, json_t *row)
{
    return json_put_bool(row, "flaky",
                         sqlite3_column_int(s, RESULT_COLUMNS_LEN) >= SUMMARY_FLAKY_FLIPS);
}

#define OF_LATEST                                                                                  \
    ", s.flips FROM test t JOIN test_summary s ON s.test_id = t.id"                                \
    " JOIN result r ON r.test_id = t.id AND r.run_id = s.newest"                                   \
    " WHERE t.package = ?1 ORDER BY t.release, t.arch LIMIT 1000"
static const char sql_latest[] = "SELECT " RESULT_COLUMNS OF_LATEST;
// What brief_row() needs, at the same places.
static const char sql_latest_brief[] =
    "SELECT t.package, t.release, t.arch, s.newest, r.version, NULL, NULL, s.exitcode, NULL,"
    " NULL" OF_LATEST;

int results_latest(struct database *db, const char *package, bool brief, json_t **ret,
                   struct error *err)
{
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, brief ? sql_latest_brief : sql_latest, &s, err);

    return r < 0 ? r
                 : gather(db, s, results_bind(s, &package, 1), brief ? brief_row : results_row,
                          add_flaky, ret, err);
}

int results_history(struct database *db, const char *package, const struct results_filter *f,
                    json_t **ret, struct error *err)
{
    static const char sql[] =
        "SELECT " RESULT_COLUMNS " FROM test t JOIN result r ON r.test_id = t.id"
        " WHERE t.release = ?4 AND t.arch = ?5 AND t.package = ?6 AND r.run_id < ?1" FITS_RUN
        " ORDER BY r.run_id DESC LIMIT ?7";
    const char *texts[] = {before_or_end(f), f->requester, f->verdict,
                           f->release,       f->arch,      package};
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

    return results_first_text(db, sql, texts, ARRAY_SIZE(texts), ret, err);
}

// The first name behind `after` (at or behind it with `including`), by a jump in the index: of each
// package there are as many rows as releases and architectures.
static int next_package(struct database *db, const char *after, bool including, char **ret,
                        struct error *err)
{
    return results_first_text(
        db,
        including ? "SELECT package FROM test WHERE package >= ?1 ORDER BY package LIMIT 1"
                  : "SELECT package FROM test WHERE package > ?1 ORDER BY package LIMIT 1",
        &after, 1, ret, err);
}

int results_packages(struct database *db, const char *prefix, const char *after, size_t limit,
                     json_t **ret, struct error *err)
{
    bool go_on = after && strcmp(after, prefix) >= 0;
    _cleanup_json_ json_t *names = json_array();
    _cleanup_free_ char *name = NULL;
    int r = names ? next_package(db, go_on ? after : prefix, !go_on, &name, err) : error_oom(err);

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

int results_know_package(struct database *db, const char *package, const char *release, bool *ret,
                         struct error *err)
{
    static const char sql[] =
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM current_version WHERE release = ?2 AND package = ?1)"
        " OR EXISTS (SELECT 1 FROM test WHERE package = ?1)"
        " OR NOT EXISTS (SELECT 1 FROM current_version WHERE release = ?2)";
    const char *texts[] = {package, release};
    _cleanup_free_ char *found = NULL;
    int r = results_first_text(db, sql, texts, ARRAY_SIZE(texts), &found, err);

    if (r == 0)
        *ret = found != NULL;
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
