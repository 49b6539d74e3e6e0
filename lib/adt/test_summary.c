// SPDX-License-Identifier: GPL-3.0-only
#include "adt/test_summary.h"

#include "adt/verdict.h"
#include "base/cleanup.h"

#include <string.h>

static char letter_of(int exitcode)
{
    switch (verdict_of(exitcode)) {
    case VERDICT_PASS:
    case VERDICT_NEUTRAL:
        return 'P';
    case VERDICT_FAIL:
        return 'F';
    default:
        return '\0';
    }
}

static void copy_run_id(char *to, const char *run_id)
{
    size_t len = strnlen(run_id, SUMMARY_RUN_ID_MAX - 1);

    memcpy(to, run_id, len);
    to[len] = '\0';
}

static void put_letter(struct test_summary *s, char letter)
{
    size_t len = strlen(s->verdicts);

    len = len < SUMMARY_VERDICTS ? len : SUMMARY_VERDICTS - 1;
    memmove(s->verdicts + 1, s->verdicts, len);
    s->verdicts[0] = letter;
    s->verdicts[len + 1] = '\0';
    s->flips = 0;
    for (size_t i = 1; i <= len; i++)
        s->flips += s->verdicts[i] != s->verdicts[i - 1];
}

void test_summary_add(struct test_summary *s, const char *run_id, int exitcode, int64_t duration_s)
{
    char letter = letter_of(exitcode);

    copy_run_id(s->newest, run_id);
    s->exitcode = exitcode;
    if (!letter)
        return;
    s->expected_s = s->verdicts[0] ? (3 * s->expected_s + duration_s) / 4 : duration_s;
    put_letter(s, letter);
    if (letter == 'P') {
        copy_run_id(s->passed, run_id);
        s->failing_since[0] = '\0';
    } else if (s->passed[0] && !s->failing_since[0]) {
        copy_run_id(s->failing_since, run_id);
    }
}
