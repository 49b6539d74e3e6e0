// SPDX-License-Identifier: GPL-3.0-only
// How rows of results are read, for results.c and reports.c.
#pragma once

#include "web/results.h"

// What results_row() needs first in a row: tables t (test) and r (result).
#define RESULT_COLUMNS                                                                             \
    "t.package, t.release, t.arch, r.run_id, r.version, r.triggers, r.duration, r.exitcode,"       \
    " r.requester, r.env"
#define RESULT_COLUMNS_LEN 10
#define RUN_COLUMN 3

// What the exit code of `r` must be like, by its verdict (?3, '': any).
#define FITS_VERDICT                                                                               \
    " AND (?3 = '' OR ?3 = CASE WHEN r.exitcode IN (0, 2) THEN 'pass'"                             \
    "  WHEN r.exitcode IN (4, 6, 12, 14) THEN 'fail' WHEN r.exitcode = 8 THEN 'neutral'"           \
    "  WHEN r.exitcode = 99 THEN 'denylisted' WHEN r.exitcode = 16 THEN 'tmpfail'"                 \
    "  WHEN r.exitcode = 20 THEN 'error' ELSE 'otherfail' END)"

// What a column has, "" for NULL. Borrowed until the next step.
const char *results_column(sqlite3_stmt *s, int number);
// The object of results.h.
int results_row(sqlite3_stmt *s, json_t **ret);
// Binds the texts (NULL as "") from parameter 1 on; SQLite's result.
int results_bind(sqlite3_stmt *s, const char *const *texts, size_t n);
// The first column of the first row, which the caller frees; NULL: there is none. `sql` is a
// constant; the texts are bound as results_bind() does it.
int results_first_text(struct database *db, const char *sql, const char *const *texts, size_t n,
                       char **ret, struct error *err);
// Steps to the end and gathers the rows; resets the statement. `rc`: of binding. `add` (may be
// NULL) adds what further columns have.
int results_gather(struct database *db, sqlite3_stmt *s, int rc,
                   int (*add)(sqlite3_stmt *s, json_t *row), json_t **ret, struct error *err);
