// SPDX-License-Identifier: GPL-3.0-only
// Ends running tests, on whichever unit they run.
#pragma once

#include "adt/control.h"
#include "cli/cli.h"

// Whether it can be the uuid of a request: not empty, of at most 100 bytes, without blanks.
bool kill_uuid_is_valid(const char *uuid);
// Gives the order and waits for the worker that obeys, `seconds` for its first word. *ret_answered
// tells whether there is one; *ret, which the caller releases, is then its last word.
int kill_running(const struct control_kill *order, uint64_t seconds, bool *ret_answered,
                 struct control_answer *ret, struct error *err);
