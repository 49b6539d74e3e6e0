// SPDX-License-Identifier: GPL-3.0-only
// What a run's exit code means. Codes are autopkgtest(1)'s and two of ours; words are the ones that
// /api/experimental/recent.json gives to other programs.
#pragma once

#include <stdbool.h>

enum verdict {
    VERDICT_PASS,       // 0, 2 (some skipped)
    VERDICT_FAIL,       // 4, 6, 12, 14
    VERDICT_NEUTRAL,    // 8: no tests
    VERDICT_DENYLISTED, // 99: never run
    VERDICT_TMPFAIL,    // 16: testbed failure
    VERDICT_ERROR,      // 20: other
    VERDICT_OTHERFAIL,
    VERDICT_COUNT
};

enum verdict verdict_of(int exitcode);
// "pass", "fail", "neutral", …
const char *verdict_name(enum verdict verdict);
// Whether verdict_name() gives it for any.
bool verdict_known(const char *name);
// What the exit code says in a few words: "some tests were skipped", "a test failed", …
const char *verdict_explain(int exitcode);
