// SPDX-License-Identifier: GPL-3.0-only
#include "adt/verdict.h"

#include "base/cleanup.h"

#include <string.h>

static const char *const names[VERDICT_COUNT] = {
    [VERDICT_PASS] = "pass",           [VERDICT_FAIL] = "fail",
    [VERDICT_NEUTRAL] = "neutral",     [VERDICT_DENYLISTED] = "denylisted",
    [VERDICT_TMPFAIL] = "tmpfail",     [VERDICT_ERROR] = "error",
    [VERDICT_OTHERFAIL] = "otherfail",
};

static const struct {
    int exitcode;
    enum verdict verdict;
    const char *explanation;
} codes[] = {
    {0, VERDICT_PASS, "all tests passed"},
    {2, VERDICT_PASS, "the tests passed, some were skipped"},
    {4, VERDICT_FAIL, "a test failed"},
    {6, VERDICT_FAIL, "a test failed, and some were skipped"},
    {8, VERDICT_NEUTRAL, "the package has no tests, or all were skipped"},
    {12, VERDICT_FAIL, "the package is erroneous: its tests could not be set up"},
    {14, VERDICT_FAIL, "the package is erroneous, and some tests were skipped"},
    {16, VERDICT_TMPFAIL, "the testbed failed"},
    {20, VERDICT_ERROR, "the test could not be run"},
    {99, VERDICT_DENYLISTED, "not run: the package or its architecture is on the never_run list"},
};

enum verdict verdict_of(int exitcode)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(codes); i++)
        if (codes[i].exitcode == exitcode)
            return codes[i].verdict;
    return VERDICT_OTHERFAIL;
}

const char *verdict_explain(int exitcode)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(codes); i++)
        if (codes[i].exitcode == exitcode)
            return codes[i].explanation;
    return "an exit code that autopkgtest does not document";
}

const char *verdict_name(enum verdict verdict)
{
    return names[verdict];
}

bool verdict_known(const char *name)
{
    for (size_t i = 0; i < VERDICT_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}
