// SPDX-License-Identifier: GPL-3.0-only
// The command line, `autopkgtest-cloud` beside this program, for what may take long: looking
// through queues of any length. The web service waits for its end in its loop.
#pragma once

#include "base/strv.h"

#include <stdbool.h>

struct web;
struct command;

// Called once: the exit code (of sysexits.h; -1: it did not end in good order), and the last words
// of its standard error, without the command's name. When the service ends first: EX_TEMPFAIL.
typedef void command_done(int status, const char *message, void *userdata);

struct command_spec {
    const char *name;             // how its messages begin
    const struct strv *arguments; // borrowed for the call
    // One after the other: two that walk through a queue at once hide messages from each other.
    bool in_turn;
    command_done *done;
    void *userdata;
};

// Starts `autopkgtest-cloud ARGUMENTS…`, or lets it wait for its turn. -EBUSY: too many are at work
// or wait.
int command_start(struct web *web, const struct command_spec *spec, struct error *err);
// Ends those that are at work.
void commands_end(struct web *web);
