// SPDX-License-Identifier: GPL-3.0-only
// The database that results are written to, and what its disk may do to it while the indexer runs:
// it is opened anew after a failure that a handle does not outlive, and when there is another file
// in its place (it was restored). Only the start makes one: where a disk is gone, an empty database
// on what is below it would swallow what is queued.
#pragma once

#include "adt/database.h"

#include <sys/types.h>

struct results_file {
    const char *path;    // borrowed
    struct database *db; // NULL: to be opened
    dev_t dev;
    ino_t ino;
};

// Opens it; makes or migrates it first.
int results_file_open(struct results_file *file, const char *path, struct error *err);
// The database, of the file that is there now. -ENOENT: there is none.
int results_file_get(struct results_file *file, struct database **ret, struct error *err);
// After something could not be written: what is locked or full is so for every handle; after
// anything else the next one is a new one.
void results_file_failed(struct results_file *file);
void results_file_close(struct results_file *file);
