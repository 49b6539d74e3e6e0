// SPDX-License-Identifier: GPL-3.0-only
// How far a long command has come, on standard error: a line that is written anew twice a second on
// a terminal, a line every ten seconds in a log.
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool quiet, terminal;
    uint64_t next_us; // when something is shown again
};

void progress_begin(struct progress *progress, bool quiet);
// Shows it when it is time to.
void progress_show(struct progress *progress, const char *format, ...) _printf_(2, 3);
// Before something else is written: the line on the terminal goes.
void progress_clear(const struct progress *progress);
