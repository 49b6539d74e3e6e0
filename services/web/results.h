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
#define RESULTS_WINDOW 20000 // results that a filter looks through at once

struct results_filter { // NULL or "": any
    const char *release, *arch, *requester, *verdict;
    const char *before; // a run id: runs that are older than that one
    uint64_t limit, offset;
};

// Newest first. A filter by release, architecture or verdict is held against the RESULTS_WINDOW
// results before filter->before only.
int results_recent(struct database *db, const struct results_filter *filter, json_t **ret,
                   struct error *err);
// The run id of the last result that such a filter is held against, if there are older ones; else,
// and for others, NULL. The caller frees.
int results_window_end(struct database *db, const struct results_filter *filter, char **ret,
                       struct error *err);
// The newest result of each release and architecture of a package, with a member `flaky`. `brief`:
// each with what a matrix shows only, which is release, arch, version, verdict, explanation, date,
// datetime and history_url; there are many of them.
int results_latest(struct database *db, const char *package, bool brief, json_t **ret,
                   struct error *err);
// Runs of one test, newest first. The filter has a release and an architecture; its offset is not
// used.
int results_history(struct database *db, const char *package, const struct results_filter *filter,
                    json_t **ret, struct error *err);
// One run. -ENOENT.
int results_run(struct database *db, const char *package, const char *release, const char *arch,
                const char *run_id, json_t **ret, struct error *err);
// The run id of the newest run before this one that passed (or had nothing to test); NULL: none.
// The caller frees.
int results_pass_before(struct database *db, const char *package, const char *release,
                        const char *arch, const char *run_id, char **ret, struct error *err);
// Names of packages with results that begin with `prefix`, in order, those behind `after` (NULL:
// from the first), at most `limit`.
int results_packages(struct database *db, const char *prefix, const char *after, size_t limit,
                     json_t **ret, struct error *err);
// Whether a package has results, or is in the release as the archive has it: true as well while
// nothing is known of that.
int results_know_package(struct database *db, const char *package, const char *release, bool *ret,
                         struct error *err);
// How many results there are, up to a few (to tell an empty database).
int results_any(struct database *db, bool *ret, struct error *err);

// ---- results_special.c: PPAs. `releases`: those whose containers are looked at.

// Names of the PPAs of a user that have results. (Of `me` also those of a user `me-x`, as `x-NAME`:
// the containers' names do not tell.)
int results_ppas(struct database *db, const struct strv *releases, const char *user, json_t **ret,
                 struct error *err);
// Results of a PPA, newest first, as many as filter->limit and those before filter->before; the
// rest of the filter is not used. `url` is the folder of their files.
int results_of_ppa(struct database *db, const struct strv *releases, const char *user,
                   const char *ppa, const struct results_filter *filter, json_t **ret,
                   struct error *err);

// The same of private runs that somebody has requested.
int results_private_of(struct database *db, const char *user, const struct results_filter *filter,
                       json_t **ret, struct error *err);

// The address of a page: each part escaped, joined by '/'. The caller
// frees.
char *results_url(const char *package, const char *release, const char *arch, const char *run_id);
