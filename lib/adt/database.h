// SPDX-License-Identifier: GPL-3.0-only
// The database of results: schema, migrations and the statements the indexer and the web server
// share. The tables `test`, `result`, `current_version` and `url_last_checked` are read by other
// programs; names and types are fixed.
//
// One process writes (the indexer); readers open read-only and see a consistent state (WAL).
#pragma once

#include "adt/event.h"
#include "adt/message.h"

#include <sqlite3.h>

struct database;

// Opens for writing, makes what is missing and migrates an older schema (PRAGMA user_version). A
// newer one: -ENOTSUP.
int database_open(const char *path, struct database **ret, struct error *err);
// Opens read-only. -ENOENT when the indexer has not made it yet. `wait_ms`: for others who have it
// locked, before that is -EAGAIN, here and in whatever is asked later.
int database_open_readonly(const char *path, unsigned wait_ms, struct database **ret,
                           struct error *err);
#define DATABASE_WAIT_MS 10000 // of who writes, and of programs that somebody waits for
void database_close(struct database *db);
sqlite3 *database_handle(struct database *db);
// What SQLite has last said that it could not do for a reason of its own, as a negative errno:
// -EAGAIN (locked), -ENOSPC, -EACCES, -EIO, -ENOENT (a file beside it cannot be opened), -EUCLEAN
// (damaged). 0: nothing since it was opened or that was forgotten.
int database_trouble(const struct database *db);
void database_forget_trouble(struct database *db);

int database_begin(struct database *db, struct error *err);
int database_commit(struct database *db, struct error *err);
int database_rollback(struct database *db);

// Adds or replaces the result of a run of a plain `autopkgtest-RELEASE` container with triggers;
// others go to the table of their own, which the public copy does not have. Idempotent.
int database_add_result(struct database *db, const struct test_complete *done, struct error *err);

// What eleven columns of a row, from `column` on, say of a run: container, release, arch, package,
// run_id, version, triggers, duration, exitcode, requester, env. NULL is "". -ENOMEM, with what is
// in *ret to be released all the same.
int database_read_run(sqlite3_stmt *row, int column, struct test_complete *ret);

// Sets a message aside that has no place in the tables, with the reason, for a person to look at.
int database_add_rejected(struct database *db, const void *body, size_t len, const char *reason,
                          struct error *err);

// Adds what has become of a request. Idempotent.
int database_add_event(struct database *db, const struct request_event *event, struct error *err);
// Forgets requests of which nothing was heard since (microseconds since 1970), at most a thousand
// at a time.
int database_expire_events(struct database *db, int64_t before_us, struct error *err);

// Table result_change names the results of table `result` that were added or changed, by when they
// were announced (done->announced_s; when that is not known, when the test has ended; in no case
// the future) and a digest of the run and its outcome: units that got the same messages have the
// same rows, in whatever order they got them. They are kept for so long.
#define CHANGES_KEPT_S (INT64_C(30) * 86400)
// Forgets older ones, at most a thousand at a time.
int database_expire_changes(struct database *db, struct error *err);

// A prepared statement, kept for the life of the handle and reset; bind with database_bind. The
// text must be a constant.
int database_statement(struct database *db, const char *sql, sqlite3_stmt **ret, struct error *err);
// Turns SQLite's result into an errno and a message.
int database_error(struct database *db, int rc, const char *doing, struct error *err);

DEFINE_CLEANUP(struct database *, database_close)
