// SPDX-License-Identifier: GPL-3.0-only
// `autopkgtest-cloud`, the unit's own command line, run by actions: what needs the broker, the
// store or the database is done there. Knows how it is called and what its exit codes (sysexits.h)
// mean.
#pragma once

#include "base/strv.h"
#include "charm/action.h"

// Runs CHARM/bin/autopkgtest-cloud WORDS… with `input` (NULL: none) on standard input and appends
// its standard output to `ret`. No time limit: actions have none. A failure is -EIO with the
// program's own words, without its name, and what to do where they do not say it.
int unit_command(const struct action *action, const struct strv *words, const struct buf *input,
                 struct buf *ret, struct error *err);
// The same for an answer that is one JSON object. The caller owns it.
int unit_command_json(const struct action *action, const struct strv *words,
                      const struct buf *input, json_t **ret, struct error *err);
