// SPDX-License-Identifier: GPL-3.0-only
// Results of PPAs, which have containers of their own: autopkgtest-RELEASE-USER-NAME.
#include "adt/names.h"
#include "net/http.h"
#include "web/results_internal.h"

#define SPECIAL_COLUMNS                                                                            \
    "r.package, r.release, r.arch, r.run_id, r.version, r.triggers, r.duration, r.exitcode,"       \
    " r.requester, r.env, r.container"

// Where the files are: such a run has no page of its own.
static int put_files(sqlite3_stmt *s, json_t *row)
{
    _cleanup_free_ char *path = run_path(results_column(s, 1), results_column(s, 2),
                                         results_column(s, 0), results_column(s, 3));
    _cleanup_free_ char *escaped = path ? http_escape(path, true) : NULL;
    _cleanup_free_ char *container = http_escape(results_column(s, RESULT_COLUMNS_LEN), false);
    _cleanup_free_ char *url =
        escaped && container
            ? str_format("/%s/%s/%s/",
                         str_starts_with(container, "private-") ? "private-results" : "results",
                         container, escaped)
            : NULL;
    _cleanup_free_ char *log = url ? str_format("%slog.gz", url) : NULL;

    if (!log || json_put_string(row, "url", url) < 0)
        return -ENOMEM;
    return json_put_string(row, "log_url", log);
}

static char *json_list(const struct strv *values)
{
    _cleanup_json_ json_t *list = json_strings(values);

    return list ? json_dumps(list, JSON_COMPACT) : NULL;
}

int results_of_ppa(struct database *db, const struct strv *releases, const char *user,
                   const char *ppa, const struct results_filter *f, json_t **ret, struct error *err)
{
    static const char sql[] =
        "SELECT " SPECIAL_COLUMNS " FROM special_result r WHERE r.container IN"
        " (SELECT 'autopkgtest-' || value || '-' || ?1 || '-' || ?2 FROM json_each(?3))"
        " AND r.run_id < ?4 ORDER BY r.run_id DESC LIMIT ?5";
    _cleanup_free_ char *list = json_list(releases);
    const char *texts[] = {user, ppa, list, str_empty(f->before) ? "~" : f->before};
    sqlite3_stmt *s = NULL;
    int r = list ? database_statement(db, sql, &s, err) : error_oom(err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 5, (sqlite3_int64)f->limit);
    return results_gather(db, s, rc, put_files, ret, err);
}

int results_private_of(struct database *db, const char *user, const struct results_filter *f,
                       json_t **ret, struct error *err)
{
    static const char sql[] = "SELECT " SPECIAL_COLUMNS " FROM special_result r"
                              " WHERE r.requester = ?1 AND r.container GLOB 'private-*'"
                              " AND r.run_id < ?2 ORDER BY r.run_id DESC LIMIT ?3";
    const char *texts[] = {user, str_empty(f->before) ? "~" : f->before};
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 3, (sqlite3_int64)f->limit);
    return results_gather(db, s, rc, put_files, ret, err);
}

// "autopkgtest-noble-me-tools" of the user "me": "tools".
static int add_ppa(json_t *ppas, const char *container, size_t prefix_len)
{
    const char *name = container + prefix_len;
    size_t i;
    json_t *known;

    json_array_foreach (ppas, i, known) {
        if (strcmp(json_string_value(known), name) == 0)
            return 0;
    }
    return json_array_append_new(ppas, json_string(name)) < 0 ? -ENOMEM : 0;
}

static int add_ppas(struct database *db, const char *release, const char *user, json_t *ppas,
                    struct error *err)
{
    static const char sql[] = "SELECT DISTINCT container FROM special_result"
                              " WHERE container >= ?1 AND container < ?2 LIMIT 100";
    _cleanup_free_ char *from = str_format("autopkgtest-%s-%s-", release, user);
    _cleanup_free_ char *to = str_format("autopkgtest-%s-%s.", release, user); // '-' + 1
    const char *texts[] = {from, to};
    sqlite3_stmt *s = NULL;
    int r = from && to ? database_statement(db, sql, &s, err) : error_oom(err), rc;

    if (r < 0)
        return r;
    rc = results_bind(s, texts, ARRAY_SIZE(texts));
    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        r = add_ppa(ppas, results_column(s, 0), strlen(from)) < 0 ? error_oom(err) : 0;
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(s);
    return r < 0 || rc == SQLITE_DONE ? r : database_error(db, rc, "cannot read the PPAs", err);
}

int results_ppas(struct database *db, const struct strv *releases, const char *user, json_t **ret,
                 struct error *err)
{
    _cleanup_json_ json_t *ppas = json_array();
    int r = ppas ? 0 : error_oom(err);

    STRV_FOREACH (release, releases)
        if (r == 0)
            r = add_ppas(db, release, user, ppas, err);
    if (r == 0)
        *ret = TAKE_PTR(ppas);
    return r;
}
