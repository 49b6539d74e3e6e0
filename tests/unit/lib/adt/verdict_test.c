// SPDX-License-Identifier: GPL-3.0-only
#include "adt/verdict.h"
#include "test.h"

TEST(codes_have_their_verdicts)
{
    static const struct {
        int code;
        const char *name;
    } cases[] = {{0, "pass"},     {2, "pass"},   {4, "fail"},     {6, "fail"},
                 {12, "fail"},    {14, "fail"},  {8, "neutral"},  {99, "denylisted"},
                 {16, "tmpfail"}, {20, "error"}, {1, "otherfail"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ck_assert_str_eq(verdict_name(verdict_of(cases[i].code)), cases[i].name);
        ck_assert(*verdict_explain(cases[i].code));
    }
}

TEST(names_are_known)
{
    ck_assert(verdict_known("pass"));
    ck_assert(verdict_known("otherfail"));
    ck_assert(!verdict_known("passed"));
    ck_assert(!verdict_known(""));
}
