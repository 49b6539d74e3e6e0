// SPDX-License-Identifier: GPL-3.0-only
// What the files database*.c share.
//
//     database.c         handles, transactions, statements
//     database_open.c    opening one that is there or not, of this schema
//     database_schema.c  the tables, and how older ones become them
//     database_result.c  results and what is derived from them
//     database_request.c what has become of requests
//     database_change.c  which results are new, in an order that all units share
#pragma once

#include "adt/database.h"

#define SCHEMA_VERSION 7

// ---- database.c
// A handle with SQLite's flags of opening, whatever is in the file.
int database_open_handle(const char *path, int flags, unsigned wait_ms, struct database **ret,
                         struct error *err);
int database_execute(struct database *db, const char *sql, const char *doing, struct error *err);

// ---- database_schema.c
int schema_read_version(struct database *db, int *ret, struct error *err);
int schema_migrate(struct database *db, struct error *err);

// ---- database_result.c
// Makes test_summary anew for all tests.
int database_summarize_all(struct database *db, struct error *err);

// ---- database_change.c
// Notes that a result is new, or has an outcome that it did not have.
int database_note_change(struct database *db, int64_t test_id, const struct test_complete *done,
                         struct error *err);
// Forgets what was noted of an earlier outcome of the same run.
int database_forget_change(struct database *db, const struct test_complete *done, int exitcode,
                           int64_t duration_s, struct error *err);
