// SPDX-License-Identifier: GPL-3.0-only
// An object of a Swift that is on its way into a file, as whoever follows it sees it
// (stored_follow() of stored.h): what has come can be read at once, and for the rest one waits.
#pragma once

#include "base/cleanup.h"

#include <stdint.h>

struct stored_file;

// What it means that there is nothing more to read (a log_growth of log_lines.h): 0: that was all;
// -EAGAIN: more comes; -EIO: it broke off.
int stored_file_growth(void *file);
// How many bytes it will have; UINT64_MAX: that is not known.
uint64_t stored_file_size(const struct stored_file *file);

enum stored_moment {
    STORED_GROWN, // there is something more to read, or no more comes
    STORED_BEGUN, // there is such an object, or it is known that there is none
    STORED_OVER   // no more comes
};

// One who waits for a moment of a file: part of what waits, all zero before it is first used.
struct stored_waiter {
    enum stored_moment moment;
    void (*call)(void *userdata);
    void *userdata;
    struct stored_file *file; // of stored_file_await(): borrowed while it waits, else NULL
    struct stored_waiter *next;
};

// Calls `call` once, from the loop, when that moment has come; what it calls must neither wait nor
// give back a file at once.
void stored_file_await(struct stored_file *file, struct stored_waiter *waiter);
void stored_waiter_end(struct stored_waiter *waiter); // it does not wait any more
struct stored_file *stored_file_ref(struct stored_file *file);
void stored_file_unref(struct stored_file *file); // NULL: nothing to do
DEFINE_CLEANUP(struct stored_file *, stored_file_unref)
