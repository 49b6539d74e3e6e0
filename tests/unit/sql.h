// SPDX-License-Identifier: GPL-3.0-only
// A look into the database of results, for tests of what writes it.
#pragma once

#include "adt/database.h"
#include "test.h"

// The first column of the first row, which must be there.
static inline int64_t sql_number(struct database *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t n;

    ck_assert_int_eq(sqlite3_prepare_v2(database_handle(db), sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    n = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return n;
}
