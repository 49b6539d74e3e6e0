// SPDX-License-Identifier: GPL-3.0-only
// What the results of one test (a package on a release and architecture) come to: kept beside them
// in the database, so that reports on hundreds of thousands of tests need no look at their results.
// Pure: runs go in, oldest first.
//
// Verdicts that say something of the package are pass, neutral and fail. A failed testbed, an error
// or a refusal changes nothing but the newest run.
#pragma once

#include <stdint.h>

#define SUMMARY_RUN_ID_MAX 23 // with the NUL
#define SUMMARY_VERDICTS 30

struct test_summary {
    char newest[SUMMARY_RUN_ID_MAX];        // "": there are no runs
    int exitcode;                           // of the newest
    char verdicts[SUMMARY_VERDICTS + 1];    // of the last ones that say something, newest first:
                                            // 'P' pass or neutral, 'F' fail
    char passed[SUMMARY_RUN_ID_MAX];        // newest 'P', "": none
    char failing_since[SUMMARY_RUN_ID_MAX]; // first 'F' since then; "": passes, or never has
    int64_t expected_s;                     // duration, newer runs counting more
    int flips;                              // neighbours in `verdicts` that differ
};

// `run_id` is newer than all before.
void test_summary_add(struct test_summary *s, const char *run_id, int exitcode, int64_t duration_s);

// With so many changes between pass and fail among its last verdicts a test is flaky rather than
// broken or repaired.
#define SUMMARY_FLAKY_FLIPS 4
