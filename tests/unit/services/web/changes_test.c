// SPDX-License-Identifier: GPL-3.0-only
// A client that goes from unit to unit, whose databases get the same results in another order.
#include "web/changes.h"

#include "base/clock.h"
#include "base/file.h"
#include "data/json.h"
#include "sql.h"
#include "test.h"

#define UNITS 3
#define RESULTS 150
#define SAME_SECOND 1000 // several times what a cursor remembers

static int64_t start;

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static struct database *unit_new(const char *name)
{
    _cleanup_free_ char *path = path_join(test_dir(), name);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct database *db = NULL;

    ASSERT_OK(database_open(path, &db, &err), &err);
    return db;
}

// Result number `i`, announced so many seconds after the start.
static void add(struct database *db, int i, int64_t after_s, int exitcode)
{
    _cleanup_free_ char *when = clock_format_utc(start - 7200 + i % 3000, "%Y%m%d_%H%M%S");
    _cleanup_free_ char *dir = str_format("noble/amd64/g/gzip/%s_%05x@", when, (unsigned)i);
    const struct test_complete done = {.release = text("noble"),
                                       .arch = text("amd64"),
                                       .container = text("autopkgtest-noble"),
                                       .package = text("gzip"),
                                       .duration_s = 50,
                                       .exitcode = exitcode,
                                       .testpkg_version = text("1"),
                                       .requester = text(""),
                                       .swift_dir = dir,
                                       .triggers = text("gzip/1"),
                                       .env = text(""),
                                       .announced_s = start + after_s};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_add_result(db, &done, &err), &err);
}

// One request; counts what comes in `given`, by the number in the run's id.
static size_t ask(struct database *db, char **cursor, uint64_t limit, unsigned *given)
{
    _cleanup_(change_cursor_release) struct change_cursor c = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *rows = NULL;
    json_t *row;
    size_t i;

    if (*cursor) {
        ASSERT_OK(change_cursor_read(*cursor, &c, &err), &err);
        ASSERT_OK(changes_after(db, &c, limit, &rows, &err), &err);
    } else {
        ASSERT_OK(changes_now(db, &c, &err), &err);
    }
    free(*cursor);
    *cursor = change_cursor_write(&c);
    ck_assert_ptr_nonnull(*cursor);
    json_array_foreach (rows, i, row)
        given[strtoul(json_text(row, "run_id") + 16, NULL, 16)]++;
    return json_array_size(rows);
}

static void begin(struct database *units[UNITS])
{
    start = (int64_t)(clock_realtime_us() / USEC_PER_SEC) - 3600;
    units[0] = unit_new("a.db");
    units[1] = unit_new("b.db");
    units[2] = unit_new("c.db");
    for (size_t u = 0; u < UNITS; u++) // from then on
        add(units[u], 9999, -1, 0);
}

static void end(struct database *units[UNITS])
{
    for (size_t u = 0; u < UNITS; u++)
        database_close(units[u]);
}

TEST(nothing_is_missed_or_doubled_from_unit_to_unit)
{
    struct database *units[UNITS];
    _cleanup_free_ char *cursor = NULL;
    unsigned given[RESULTS] = {0}, random = 12345;
    int next[UNITS] = {0};

    begin(units);
    (void)ask(units[0], &cursor, 10, given);
    for (int round = 0; round < 20 * RESULTS; round++) {
        unsigned u;

        random = random * 1103515245 + 12345;
        u = random >> 16 & 0x7fff;
        // Each gets them by itself, ten at a time in an order of its own; one is slow.
        if (next[u % UNITS] < RESULTS && (u % UNITS != 2 || u / UNITS % 3 == 0)) {
            int n = next[u % UNITS]++, ten = n / 10 * 10;
            int i = u % UNITS == 1 ? ten + 9 - n % 10 : u % UNITS == 2 ? ten + n * 7 % 10 : n;

            add(units[u % UNITS], i, i * 5, 0);
        }
        if (u / 16 % 4 == 0)
            (void)ask(units[u / 64 % UNITS], &cursor, 1 + u / 256 % 30, given);
    }
    for (size_t u = 0; u < UNITS; u++) {
        ck_assert_int_eq(sql_number(units[u], "SELECT count(*) FROM result_change"), RESULTS + 1);
        while (ask(units[u], &cursor, 7, given) > 0)
            continue;
    }
    for (int i = 0; i < RESULTS; i++)
        ck_assert_msg(given[i] == 1, "result %d was given %u times", i, given[i]);
    end(units);
}

TEST(more_than_a_cursor_remembers_of_one_second_is_given_once)
{
    struct database *units[UNITS];
    _cleanup_free_ char *cursor = NULL;
    unsigned given[SAME_SECOND] = {0}, u = 0;

    begin(units);
    (void)ask(units[0], &cursor, 1, given);
    for (int i = 0; i < SAME_SECOND; i++) {
        add(units[0], i, 10, 0);
        add(units[1], SAME_SECOND - 1 - i, 10, 0);
    }
    while (ask(units[u++ % 2], &cursor, 100, given) > 0)
        continue;
    ck_assert_uint_eq(u, SAME_SECOND / 100 + 1);
    for (int i = 0; i < SAME_SECOND; i++)
        ck_assert_uint_eq(given[i], 1);
    end(units);
}

TEST(another_outcome_is_another_change_and_the_same_is_none)
{
    struct database *units[UNITS];
    _cleanup_free_ char *cursor = NULL;
    unsigned given[2] = {0};

    begin(units);
    (void)ask(units[0], &cursor, 1, given);
    add(units[0], 1, 0, 4);
    ck_assert_uint_eq(ask(units[0], &cursor, 10, given), 1);
    add(units[0], 1, 20, 4); // announced again
    ck_assert_uint_eq(ask(units[0], &cursor, 10, given), 0);
    add(units[0], 1, 30, 0);
    ck_assert_int_eq(sql_number(units[0], "SELECT count(*) FROM result_change"), 2);
    ck_assert_uint_eq(ask(units[0], &cursor, 10, given), 1);
    ck_assert_uint_eq(ask(units[0], &cursor, 10, given), 0);
    end(units);
}

TEST(an_old_cursor_is_refused_and_an_idle_one_grows_no_older)
{
    _cleanup_(change_cursor_release) struct change_cursor c = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *rows = NULL, *none = NULL;
    struct database *units[UNITS];
    int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC);

    begin(units);
    c.floor.time_s = now - CHANGES_KEPT_S - 60;
    ck_assert_int_eq(changes_after(units[0], &c, 10, &rows, &err), -ESTALE);
    error_clear(&err);
    c.floor.time_s = now - CHANGES_KEPT_S + 60;
    ASSERT_OK(changes_after(units[0], &c, 10, &rows, &err), &err);
    ck_assert_int_gt(c.floor.time_s, now - CHANGES_KEPT_S / 2 - 60);
    add(units[0], 0, 0, 0);
    ck_assert_int_eq(sqlite3_exec(database_handle(units[0]),
                                  "UPDATE result_change SET time_s = time_s - 31 * 86400", NULL,
                                  NULL, NULL),
                     SQLITE_OK);
    ASSERT_OK(database_expire_changes(units[0], &err), &err);
    ck_assert_int_eq(sql_number(units[0], "SELECT count(*) FROM result_change"), 0);
    end(units);
}
