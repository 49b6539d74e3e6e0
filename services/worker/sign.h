// SPDX-License-Identifier: GPL-3.0-only
// Signs of life on the testbeds of LXD hosts, which several units use: while a test runs its
// instance is told the time, as often as its lease would run out. Whoever cleans a host can thus
// tell an instance in which a test of another unit runs from one that nobody has any more.
//
// A process of its own tells it, because a host may be slow: this program with --alive.
#pragma once

#include "adt/settings.h"
#include "base/process.h"

#include <sys/types.h>

struct worker;

struct sign {
    struct process process; // that tells it, or PROCESS_INIT
    uint64_t at_us;         // the next one, monotonic; 0: no test runs
};

// Starts what is due. Logs what fails.
void sign_advance(struct worker *w);
// The process has ended (its pidfd is readable); it has logged what it could not do.
void sign_ended(struct sign *sign);
uint64_t sign_deadline(const struct sign *sign);
