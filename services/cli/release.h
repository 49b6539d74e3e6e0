// SPDX-License-Identifier: GPL-3.0-only
// The beginning and the end of a release: `autopkgtest-cloud release seed` and `release remove`.
//
//     seed    results of OLD, the newest of each test ──▶ autopkgtest-NEW in the store, and rows of
//     NEW
//     remove  queues ──▶ rows ──▶ (only when asked to) what is in the store
//
// Both can be ended at any point, and go on where they were when they are started again.
#pragma once

#include "adt/database.h"
#include "net/swift.h"

struct seed {
    struct swift *swift;
    struct database *db;
    const char *old_release, *new_release;
    const char *scratch; // files with names that begin so may be made, and are removed
    bool artifacts;      // these too
    bool dry_run;        // only count
    void (*progress)(const struct seed *seed, void *userdata);
    void *userdata;
    struct lane *lanes;  // of the copies
    uint64_t runs;       // that the new release begins with
    uint64_t missing;    // of these not there
    uint64_t copied;     // of these
    uint64_t incomplete; // of these: the store had no result.tar
};

// Errors of the store and the database end it.
int seed_run(struct seed *seed, struct error *err);

struct removal {
    struct swift *swift; // NULL: what is in the store stays
    struct database *db; // NULL: there is none
    const char *release;
    const struct strv *archs; // whose queues are looked for
    bool dry_run;             // only count
    void (*progress)(const struct removal *removal, void *userdata);
    void *userdata;
    uint64_t requests, queues, results, objects, containers;
};

int removal_run(struct removal *x, struct error *err);
