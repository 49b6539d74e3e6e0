// SPDX-License-Identifier: GPL-3.0-only
// Questions to the database of results, answered as JSON for pages. Every statement goes by an
// index and is bounded. A result is an object:
//
//     package, release, arch, run_id, version, triggers (array), duration (seconds), duration_text,
//     exitcode, verdict, explanation, requester, env, date, url, log_url, and one of the verdicts'
//     names as a true member, for templates.
#pragma once

#include "adt/database.h"

#define RESULTS_PAGE 50 // rows of a page of history
#define RESULTS_MAX 10000
#define RESULTS_WINDOW 20000 // newest results that filters look through

struct results_filter { // NULL or "": any
    const char *release, *arch, *requester, *verdict;
    uint64_t limit, offset;
};

// Newest first.
int results_recent(struct database *db, const struct results_filter *filter, json_t **ret,
                   struct error *err);
// The newest result of each release and architecture of a package.
int results_latest(struct database *db, const char *package, json_t **ret, struct error *err);
// Runs of one test, newest first, those before `before` (a run id; NULL: from the newest).
int results_history(struct database *db, const char *package, const char *release, const char *arch,
                    const char *before, size_t limit, json_t **ret, struct error *err);
// One run. -ENOENT.
int results_run(struct database *db, const char *package, const char *release, const char *arch,
                const char *run_id, json_t **ret, struct error *err);
// How many results there are, up to a few (to tell an empty database).
int results_any(struct database *db, bool *ret, struct error *err);

// A list without rows. And the address of a page: each part escaped, joined by '/'. The caller
// frees.
char *results_url(const char *package, const char *release, const char *arch, const char *run_id);
