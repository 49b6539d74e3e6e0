// SPDX-License-Identifier: GPL-3.0-only
// Injected failures: the n-th of the chosen calls that code of this tree makes fails once.
//
// The linker turns the calls listed in fault.c into ours (--wrap, see the Makefile); what libraries
// of others call is not touched, but for jansson's memory. Children of the test count along.
#pragma once

#include "base/error.h"

enum fault_kind {
    FAULT_MEMORY = 1, // malloc() and its like: NULL
    FAULT_IO = 2,     // calls that a signal may interrupt: read, write, poll, wait
    FAULT_FILE = 4,   // open, rename, fork, …
    FAULT_CLONE = 8   // clone, by which lib starts every program
};

// Something to try: does its work from the beginning and cleans up. Returns 0 or a negative errno,
// with a message.
typedef int (*fault_scenario)(struct error *err);

// What a scenario may do when a call fails in it.
enum fault_expectation {
    FAULT_FAILS,    // it always fails, with this errno
    FAULT_REPORTED, // it always fails, with a message
    FAULT_TOLERATED // it fails with a message, or has found another way
};

// Runs the scenario with the first call failing with errno `number`, then the second, and so on,
// until it has run to its end undisturbed, which must succeed. At least one failure must have been
// met.
void fault_try_each(unsigned kinds, int number, enum fault_expectation expected,
                    fault_scenario scenario);
