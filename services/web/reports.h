// SPDX-License-Identifier: GPL-3.0-only
// Reports on all tests, from what the indexer derives of results
// (docs/explanation/results-database.md). Each reads by an index and is bounded.
#pragma once

#include "adt/database.h"
#include "data/json.h"

#define REPORT_ROWS 100
#define REPORT_WINDOW 20000 // regressions that a filter looks through at once

struct report_filter { // NULL or "": any
    const char *release, *arch;
    const char *since;  // regressions that began then or later: a run id or the beginning of one
    const char *before; // … and before: the run id of the last one on the page before
    uint64_t limit, offset;
};

// Tests that fail after they had passed, the newest first. A result as in results.h (the first that
// failed) with `passed` (run id of the last that passed), `passed_url`, `newest`, `newest_url`.
int report_regressions(struct database *db, const struct report_filter *filter, json_t **ret,
                       struct error *err);
// Where a filter by place has stopped looking, REPORT_WINDOW regressions before filter->before: the
// run id that the last of them began with; NULL: it has seen all. The caller frees.
int report_regressions_window_end(struct database *db, const struct report_filter *filter,
                                  char **ret, struct error *err);
// Tests whose last verdicts change often, the worst first: the newest result with `flips`,
// `verdicts` (array of "pass" and "fail", newest first) and `score` (percent of the changes that
// there could be).
int report_flaky(struct database *db, const struct report_filter *filter, json_t **ret,
                 struct error *err);
// What one test's results come to: {"verdicts", "flips", "score", "flaky", "expected_s",
// "failing_since", "passed"}; an empty object when it has none.
int report_test(struct database *db, const char *package, const char *release, const char *arch,
                json_t **ret, struct error *err);

// Results of a package since `since` (a run id or the beginning of one) whose verdict differs
// between pass and fail from that of the run before, newest first, with `before` ("pass" or
// "fail").
int report_changes(struct database *db, const char *package, const char *since, uint64_t limit,
                   json_t **ret, struct error *err);

// Runs since `first_day` (YYYYMMDD):
//     {"tests": [{"release", "arch", "runs", VERDICT: n…, "seconds", "mean_s"}],
//      "days": [{"day", "runs", VERDICT: n…}]}
int report_statistics(struct database *db, int64_t first_day, json_t **ret, struct error *err);
