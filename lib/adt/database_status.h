// SPDX-License-Identifier: GPL-3.0-only
// The outbox of commit statuses: what is still to be told to GitHub (adt/github.h), in the database
// so that it outlives the indexer. Times are microseconds since 1970.
#pragma once

#include "adt/database.h"

struct outgoing_status {
    int64_t id;
    char *url, *body;
    int64_t made_us;
    int64_t attempts; // so far
};

// An older status of the same commit and context that was not sent yet is forgotten.
int database_add_status(struct database *db, const char *url, const char *body, int64_t now_us,
                        struct error *err);
// The next one that is due and of none of the commits at `busy`, so that statuses of a commit are
// sent in their order. -ENOENT: there is none; *ret_next_us says when there will be (INT64_MAX:
// never).
#define DATABASE_STATUS_BUSY 4
int database_next_status(struct database *db, int64_t now_us,
                         const char *const busy[DATABASE_STATUS_BUSY], struct outgoing_status *ret,
                         int64_t *ret_next_us, struct error *err);
// It was taken, or never will be.
int database_end_status(struct database *db, const struct outgoing_status *status,
                        struct error *err);
// It is to be tried again at `next_us`.
int database_delay_status(struct database *db, const struct outgoing_status *status,
                          int64_t next_us, struct error *err);
void outgoing_status_release(struct outgoing_status *status);
