// SPDX-License-Identifier: GPL-3.0-only
// Finished runs that are kept back until their results are where they belong.
#pragma once

#include "worker/life.h"

#include <stddef.h>
#include <stdint.h>

// A finished run that waits in the spool, is uploaded or announced.
struct parcel {
    enum life state;
    char *run_id;
    char *uuid, *queue;    // of the request, and where it came from
    int64_t since_us;      // when it was taken; 0: by an earlier life
    uint64_t ask_until_us; // until when others may object (monotonic); nothing is uploaded before
    bool seen;             // by the sweep that is under way
    bool yielded;          // another has a result of the same request
    struct parcel *next;
};

// How many there are from `first` on.
size_t parcel_count(const struct parcel *first);
// NULL: none of them is that run.
struct parcel *parcel_find(struct parcel *first, const char *run_id);
void parcel_free(struct parcel *parcel);
