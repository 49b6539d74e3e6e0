// SPDX-License-Identifier: GPL-3.0-only
// Being told when the content of folders changes, by inotify(7), for poll loops. A folder need not
// be there: it is noticed when it comes, when it goes, and when another takes its place (a symbolic
// link that is switched, a rename over it).
//
// What is told is only that something may have changed: read it anew then. The file descriptor is
// readable from the change on; a change between watch_add() and the first read is not lost.
#pragma once

#include "base/strv.h"

#include <stdbool.h>

struct watch {
    int fd; // for poll(); -1: not open
    struct strv dirs;
};

#define WATCH_INIT                                                                                 \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

// Watches the folder too; absolute path, copied. Opens the file descriptor when it is the first.
int watch_add(struct watch *watch, const char *dir, struct error *err);

// Takes what has been told and watches what is there now. false: nothing was told.
bool watch_changed(struct watch *watch);

void watch_release(struct watch *watch);
