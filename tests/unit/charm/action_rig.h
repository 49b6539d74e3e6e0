// SPDX-License-Identifier: GPL-3.0-only
// What the tests of actions stand on, beside unit.h: actions run with parameters, and a recorder in
// the place of the unit's command line.
#pragma once

#include "charm/actions.h"
#include "unit.h"

// Runs an action and gives the calls it made; the caller frees.
static inline char *run_action(const struct rig *rig, const struct action_definition *definition,
                               const char *params)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    rig_answer(rig, "action-get", params);
    free(rig_calls(rig));
    ASSERT_OK(action_run(rig->root, definition, &err), &err);
    return rig_calls(rig);
}

// The action fails with this message, and gives no results.
static inline void assert_action_fails(const struct rig *rig,
                                       const struct action_definition *definition,
                                       const char *params, const char *message)
{
    _cleanup_free_ char *calls = run_action(rig, definition, params);
    _cleanup_free_ char *line = str_format("action-fail -- %s", message);

    rig_assert_called(calls, line);
    rig_assert_not_called(calls, "action-set");
}

// A unit whose command line is a recorder with this answer.
static inline struct rig command_rig(const char *answer)
{
    struct rig rig = unit_new();
    _cleanup_free_ char *recorder = str_format("%s/recorder", rig.dir);
    _cleanup_free_ char *bin = str_format("%s/bin", rig.charm);
    _cleanup_free_ char *program = str_format("%s/autopkgtest-cloud", bin);

    ck_assert_int_eq(mkdir(bin, 0755), 0);
    ck_assert_int_eq(symlink(recorder, program), 0);
    rig_answer(&rig, "autopkgtest-cloud", answer);
    return rig;
}
