// SPDX-License-Identifier: GPL-3.0-only
// A few workers of a unit at a time connect to the broker and look through their queues: hundreds
// of them that start together, or that lost the broker together, would drown it.
#pragma once

#include "base/error.h"

#include <stdint.h>

#define GATE_PLACES 8 // workers of one unit that may be inside

// Takes a place, which is held until the descriptor is closed, also by the process's end. `dir` is
// the unit's folder of work, the same for all its workers. *ret_fd is -1 where none is free now.
int gate_enter(const char *dir, int *ret_fd, struct error *err);
// How long to wait before the next try, by chance different for each.
uint64_t gate_pause_us(void);
