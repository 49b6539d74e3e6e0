// SPDX-License-Identifier: GPL-3.0-only
#include "worker/outcome.h"

struct outcome outcome_of(int status, unsigned attempt)
{
    switch (status) {
    case EXIT_TESTBED_FAILURE:
        return (struct outcome){.retry = attempt < OUTCOME_RETRIES, .exitcode = status};
    case 0:
    case 2:
    case 4:
    case 6:
    case 8:
    case 12:
    case 14:
    case EXIT_OTHER:
        return (struct outcome){.exitcode = status};
    default: // 1 is an uncaught exception of autopkgtest; the rest it never says
        return (struct outcome){.exitcode = EXIT_OTHER};
    }
}
