// SPDX-License-Identifier: GPL-3.0-only
// Being told when the content of folders changes, by inotify(7), for poll loops. A folder need not
// be there: it is noticed when it comes, when it goes, and when another takes its place (a symbolic
// link that is switched, a rename over it).
//
// What is told is only that something may have changed: read it anew then. The file descriptor is
// readable from the change on; a change between watch_add() and the first read is not lost.
//
// A user has a limited number of inotify instances (fs.inotify.max_user_instances, 128 by default,
// which a container cannot raise), fewer than a unit may have workers. Where none is left there is
// no descriptor, and the folders are looked into every WATCH_LOOK_US.
#pragma once

#include "base/clock.h"
#include "base/strv.h"

#include <stdbool.h>

#define WATCH_LOOK_US (2 * USEC_PER_SEC)

struct watch {
    int fd; // for poll(); -1: not open, or the folders are looked into
    struct strv dirs;
    uint64_t look_at_us; // next look, monotonic; 0: the descriptor tells
    uint64_t seen;       // what the last look found, as a digest
};

#define WATCH_INIT                                                                                 \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

// Watches the folder too; absolute path, copied. Opens the file descriptor when it is the first.
int watch_add(struct watch *watch, const char *dir, struct error *err);

// Takes what has been told and watches what is there now. false: nothing was told. Without a
// descriptor: looks, whether or not it is time.
bool watch_changed(struct watch *watch);
// When to ask watch_changed() though no descriptor was readable, monotonic; USEC_INFINITY: never.
uint64_t watch_deadline(const struct watch *watch);

void watch_release(struct watch *watch);
