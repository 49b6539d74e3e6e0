// SPDX-License-Identifier: GPL-3.0-only
// What the end of autopkgtest means: which code is recorded, and whether the test is tried again.
// autopkgtest(1), EXIT STATUS; docs/reference/formats.md.
#pragma once

#include <stdbool.h>

enum {
    EXIT_PASS = 0,
    EXIT_TESTBED_FAILURE = 16,
    EXIT_OTHER = 20,   // unexpected failure, of autopkgtest or of ours
    EXIT_NOT_RUN = 99, // on the never_run list
};

#define OUTCOME_RETRIES 3 // of a testbed failure, before it is recorded

struct outcome {
    bool retry;
    int exitcode; // to record; only when not tried again
};

// `status`: exit code, or minus the number of the signal that ended it. `attempt`: 0 for the first.
struct outcome outcome_of(int status, unsigned attempt);
