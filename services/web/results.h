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
// The newest result of each release and architecture of a package, with a member `flaky`.
int results_latest(struct database *db, const char *package, json_t **ret, struct error *err);
// Runs of one test, newest first, those before `before` (a run id; NULL: from the newest). The
// filter has a release and an architecture; its offset is not used.
int results_history(struct database *db, const char *package, const struct results_filter *filter,
                    const char *before, json_t **ret, struct error *err);
// One run. -ENOENT.
int results_run(struct database *db, const char *package, const char *release, const char *arch,
                const char *run_id, json_t **ret, struct error *err);
// The run id of the newest run before this one that passed (or had nothing to test); NULL: none.
// The caller frees.
int results_pass_before(struct database *db, const char *package, const char *release,
                        const char *arch, const char *run_id, char **ret, struct error *err);
// Names of packages with results that begin with `prefix`, in order, at most `limit`.
int results_packages(struct database *db, const char *prefix, size_t limit, json_t **ret,
                     struct error *err);
// How many results there are, up to a few (to tell an empty database).
int results_any(struct database *db, bool *ret, struct error *err);

// ---- results_special.c: PPAs. `releases`: those whose containers are looked at.

// Names of the PPAs of a user that have results. (Of `me` also those of a user `me-x`, as `x-NAME`:
// the containers' names do not tell.)
int results_ppas(struct database *db, const struct strv *releases, const char *user, json_t **ret,
                 struct error *err);
// The newest results of a PPA; `url` is the folder of their files.
int results_of_ppa(struct database *db, const struct strv *releases, const char *user,
                   const char *ppa, size_t limit, json_t **ret, struct error *err);

// The newest private runs that somebody has requested; `url` is the folder of their files.
int results_private_of(struct database *db, const char *user, size_t limit, json_t **ret,
                       struct error *err);

// The address of a page: each part escaped, joined by '/'. The caller
// frees.
char *results_url(const char *package, const char *release, const char *arch, const char *run_id);
