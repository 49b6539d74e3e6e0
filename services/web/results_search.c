// SPDX-License-Identifier: GPL-3.0-only
#include "web/results_search.h"

#include "web/results_internal.h"

// What a step does at most: each of the four takes one or two milliseconds.
#define STEP_ROWS "5000"               // results that are held against the filter
#define STEP_FOUND ((size_t)100)       // results that are given
#define STEP_SKIPPED ((uint64_t)50000) // entries of an index that are passed over
#define STEP_DAYS "300"                // of YYYYMMDD: three months of statistics
#define NEWEST "99999999"              // behind every run

struct results_search {
    struct strv texts; // in the order of parameters: where it is, then the filter's
    char *until;       // a step looks no further back than this run; NULL: to be found
    uint64_t limit, skip;
    json_t *rows; // of the last step
    bool done;
};

enum { BEFORE, REQUESTER, VERDICT, RELEASE, ARCH, TEXTS }; // of `texts`

#define OF_REQUESTER " AND r.requester = ?2 AND r.requester != ''"
#define FITS_PLACE " AND (?4 = '' OR r.release = ?4) AND (?5 = '' OR r.arch = ?5)"
#define ROWS_FROM(which)                                                                           \
    "SELECT " RESULT_COLUMNS " FROM result r CROSS JOIN test t ON t.id = r.test_id"                \
    " WHERE r.run_id >= ?6 AND r.run_id < ?1" which                                                \
    " AND (?4 = '' OR t.release = ?4) AND (?5 = '' OR t.arch = ?5)" FITS_VERDICT                   \
    " ORDER BY r.run_id DESC"
#define LAST_OF(which)                                                                             \
    "SELECT r.run_id FROM result r WHERE r.run_id < ?1" which                                      \
    " ORDER BY r.run_id DESC LIMIT 1 OFFSET " STEP_ROWS
#define DAY "CAST(substr(?1, 1, 8) AS INTEGER)"

int results_search_new(const struct results_filter *f, struct results_search **ret)
{
    const char *texts[] = {NEWEST, f->requester, f->verdict, f->release, f->arch};
    _cleanup_(results_search_freep) struct results_search *s = calloc(1, sizeof(*s));

    if (!s || !(s->rows = json_array()))
        return -ENOMEM;
    for (size_t i = 0; i < TEXTS; i++)
        if (strv_add(&s->texts, texts[i] ? texts[i] : "") < 0)
            return -ENOMEM;
    s->limit = f->limit;
    s->skip = f->offset;
    *ret = TAKE_PTR(s);
    return 0;
}

void results_search_free(struct results_search *s)
{
    if (!s)
        return;
    strv_release(&s->texts);
    free(s->until);
    json_decref(s->rows);
    free(s);
}

const json_t *results_search_rows(const struct results_search *s)
{
    return s->rows;
}

static bool is_given(const struct results_search *s, int text)
{
    return *s->texts.items[text] != '\0';
}

// By what there is no index.
static bool looks_through(const struct results_search *s)
{
    return is_given(s, VERDICT) || is_given(s, RELEASE) || is_given(s, ARCH);
}

// Takes over `before`.
static void go_on_before(struct results_search *s, char *before)
{
    free(s->texts.items[BEFORE]);
    s->texts.items[BEFORE] = before;
}

static int first_text(const struct results_search *s, struct database *db, const char *sql,
                      size_t texts, char **ret, struct error *err)
{
    return results_first_text(db, sql, (const char *const *)s->texts.items, texts, ret, err);
}

// ---- to where something is

// Passes over results of which each fits: the index alone tells where they end.
static int skip_some(struct results_search *s, struct database *db, struct error *err)
{
    uint64_t n = s->skip < STEP_SKIPPED ? s->skip : STEP_SKIPPED;
    _cleanup_free_ char *last = str_format("%llu", (unsigned long long)n - 1), *before = NULL;
    const char *texts[] = {s->texts.items[BEFORE], last};
    int r = last ? results_first_text(db,
                                      "SELECT run_id FROM result WHERE run_id < ?1"
                                      " ORDER BY run_id DESC LIMIT 1 OFFSET ?2",
                                      texts, ARRAY_SIZE(texts), &before, err)
                 : error_oom(err);

    if (r < 0)
        return r;
    s->skip -= n;
    s->done = !before;
    if (before)
        go_on_before(s, TAKE_PTR(before));
    return 0;
}

// Goes to the newest day that has, by the statistics, something that fits; not further than some
// months. 1: it is there.
static int find_day(struct results_search *s, struct database *db, struct error *err)
{
    static const char fits[] =
        "SELECT r.day FROM statistic r WHERE r.day <= " DAY " AND r.day > " DAY
        " - " STEP_DAYS FITS_PLACE FITS_VERDICT " ORDER BY r.day DESC LIMIT 1";
    static const char older[] =
        "SELECT day FROM statistic WHERE day <= " DAY " - " STEP_DAYS " ORDER BY day DESC LIMIT 1";
    _cleanup_free_ char *day = NULL;
    char *before;
    bool found;
    int r = first_text(s, db, fits, TEXTS, &day, err);

    found = day != NULL;
    if (r == 0 && !found)
        r = first_text(s, db, older, 1, &day, err);
    if (r < 0)
        return r;
    s->done = !day;
    if (!day || str_starts_with(s->texts.items[BEFORE], day)) // it is there already
        return found;
    before = str_format("%s~", day);
    if (!before)
        return error_oom(err);
    go_on_before(s, before);
    return found;
}

// ---- what is there

// Whether the row is for the next step. What was run at the same moment stays together, since it is
// by the run that the next step goes on.
static bool is_enough(const struct results_search *s, sqlite3_stmt *rows)
{
    size_t n = json_array_size(s->rows);

    return n >= STEP_FOUND && !str_equal(json_text(json_array_get(s->rows, n - 1), "run_id"),
                                         results_column(rows, RUN_COLUMN));
}

// Adds the rows of the statement that fit, behind those that are passed over. 1: enough for a step,
// there may be more.
static int add_rows(struct results_search *s, sqlite3_stmt *rows, struct database *db,
                    struct error *err)
{
    int rc = SQLITE_DONE;

    while (s->limit > 0 && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        json_t *row = NULL;

        if (s->skip > 0) {
            s->skip--;
            continue;
        }
        if (is_enough(s, rows))
            return 1;
        if (results_row(rows, &row) < 0 || json_array_append_new(s->rows, row) < 0)
            return error_oom(err);
        s->limit--;
    }
    return rc == SQLITE_DONE || rc == SQLITE_ROW
               ? 0
               : database_error(db, rc, "cannot read the results", err);
}

// Sets s->until, to "" where nothing has to be looked through.
static int find_until(struct results_search *s, struct database *db, struct error *err)
{
    bool requester = is_given(s, REQUESTER);
    bool every_fits = !looks_through(s) && s->skip <= STEP_SKIPPED;
    _cleanup_free_ char *last = NULL;
    int r = every_fits ? 0
                       : first_text(s, db, requester ? LAST_OF(OF_REQUESTER) : LAST_OF(""),
                                    requester ? 2 : 1, &last, err);

    if (r < 0)
        return r;
    s->until = last ? TAKE_PTR(last) : strdup("");
    return s->until ? 0 : error_oom(err);
}

// What the next step begins with: behind what was given, or behind what was looked through.
static int go_on(struct results_search *s, bool more, struct error *err)
{
    size_t n = json_array_size(s->rows);
    char *before;

    s->done = s->limit == 0 || (!more && !*s->until);
    if (s->done)
        return 0;
    before =
        more ? strdup(json_text(json_array_get(s->rows, n - 1), "run_id")) : TAKE_PTR(s->until);
    if (!before)
        return error_oom(err);
    go_on_before(s, before);
    return 0;
}

static int look(struct results_search *s, struct database *db, struct error *err)
{
    sqlite3_stmt *rows = NULL;
    int r = s->until ? 0 : find_until(s, db, err);

    if (r == 0)
        r = database_statement(db, is_given(s, REQUESTER) ? ROWS_FROM(OF_REQUESTER) : ROWS_FROM(""),
                               &rows, err);
    if (r < 0)
        return r;
    if (results_bind(rows, (const char *const *)s->texts.items, TEXTS) != SQLITE_OK ||
        sqlite3_bind_text(rows, TEXTS + 1, s->until, -1, SQLITE_STATIC) != SQLITE_OK)
        r = error_oom(err);
    else
        r = add_rows(s, rows, db, err);
    (void)sqlite3_reset(rows);
    return r < 0 ? r : go_on(s, r > 0, err);
}

int results_search_step(struct results_search *s, struct database *db, struct error *err)
{
    int r = 1;

    (void)json_array_clear(s->rows);
    if (s->skip > 0 && !looks_through(s) && !is_given(s, REQUESTER)) {
        r = skip_some(s, db, err);
        if (r == 0)
            r = s->skip == 0 && !s->done;
    } else if (!s->until && looks_through(s) && !is_given(s, REQUESTER)) {
        r = find_day(s, db, err);
    }
    if (r > 0)
        r = look(s, db, err);
    return r < 0 ? r : !s->done;
}
