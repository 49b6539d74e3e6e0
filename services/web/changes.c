// SPDX-License-Identifier: GPL-3.0-only
#include "web/changes.h"

#include "base/clock.h"
#include "web/results_internal.h"

#define DAY_S INT64_C(86400)
#define IDLE_S (CHANGES_KEPT_S / 2) // without any change, the cursor moves at last, once a day

static int64_t now_s(void)
{
    return (int64_t)(clock_realtime_us() / USEC_PER_SEC);
}

int changes_now(struct database *db, struct change_cursor *cursor, struct error *err)
{
    static const char sql[] =
        "SELECT time_s, digest FROM result_change WHERE time_s >= (SELECT max(time_s)"
        " FROM result_change) - ?1 ORDER BY time_s DESC, digest DESC LIMIT ?2";
    sqlite3_stmt *s = NULL;
    int r = database_statement(db, sql, &s, err), rc;

    if (r < 0)
        return r;
    rc = sqlite3_bind_int64(s, 1, CHANGE_WINDOW_S);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, CHANGE_SEEN_MAX + 1);
    while (r == 0 && rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const struct change_key key = {sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)};

        r = change_cursor_add(cursor, key);
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(s);
    if (r < 0)
        return error_oom(err);
    if (rc != SQLITE_DONE)
        return database_error(db, rc, "cannot read the changes", err);
    if (cursor->len == 0)
        cursor->floor.time_s = now_s() - CHANGE_WINDOW_S;
    change_cursor_settle(cursor);
    return 0;
}

// The digests of what was seen, as a JSON array. The caller frees.
static char *seen_text(const struct change_cursor *cursor)
{
    _cleanup_json_ json_t *seen = json_array();

    for (size_t i = 0; i < cursor->len; i++)
        if (json_array_append_new(seen, json_integer(cursor->seen[i].digest)) < 0)
            return NULL;
    return seen ? json_dumps(seen, JSON_COMPACT) : NULL;
}

static int add_key(sqlite3_stmt *s, json_t *row)
{
    int r = json_put_int(row, "time_s", sqlite3_column_int64(s, RESULT_COLUMNS_LEN));

    return r < 0 ? r : json_put_int(row, "digest", sqlite3_column_int64(s, RESULT_COLUMNS_LEN + 1));
}

// Moves the keys from the rows into the cursor.
static int move_behind(struct change_cursor *cursor, json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        const struct change_key key = {json_integer_value(json_object_get(row, "time_s")),
                                       json_integer_value(json_object_get(row, "digest"))};

        if (change_cursor_add(cursor, key) < 0)
            return -ENOMEM;
        (void)json_object_del(row, "time_s");
        (void)json_object_del(row, "digest");
    }
    change_cursor_settle(cursor);
    if (json_array_size(rows) == 0 && cursor->floor.time_s < now_s() - IDLE_S - DAY_S) {
        cursor->floor = (struct change_key){.time_s = now_s() - IDLE_S};
        cursor->len = 0;
    }
    return 0;
}

int changes_after(struct database *db, struct change_cursor *cursor, uint64_t limit, json_t **ret,
                  struct error *err)
{
    static const char sql[] =
        "SELECT " RESULT_COLUMNS ", c.time_s, c.digest FROM result_change c"
        " CROSS JOIN result r ON r.test_id = c.test_id AND r.run_id = c.run_id"
        " CROSS JOIN test t ON t.id = r.test_id WHERE (c.time_s, c.digest) > (?1, ?2)"
        " AND c.digest NOT IN (SELECT value FROM json_each(?3))"
        " ORDER BY c.time_s, c.digest LIMIT ?4";
    _cleanup_free_ char *seen = seen_text(cursor);
    _cleanup_json_ json_t *rows = NULL;
    sqlite3_stmt *s = NULL;
    int r, rc;

    if (!seen)
        return error_oom(err);
    if (cursor->floor.time_s < now_s() - CHANGES_KEPT_S)
        return error_set(err, -ESTALE, "cursor: changes are kept for %d days: begin without one",
                         (int)(CHANGES_KEPT_S / DAY_S));
    if ((r = database_statement(db, sql, &s, err)) < 0)
        return r;
    rc = sqlite3_bind_int64(s, 1, cursor->floor.time_s);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 2, cursor->floor.digest);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 3, seen, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 4, (sqlite3_int64)limit);
    if ((r = results_gather(db, s, rc, add_key, &rows, err)) < 0)
        return r;
    if (move_behind(cursor, rows) < 0)
        return error_oom(err);
    *ret = TAKE_PTR(rows);
    return 0;
}
