// SPDX-License-Identifier: GPL-3.0-only
// The database's results once more, from what is in the store.
//
//     containers ──▶ RELEASE/ARCH/ in each ──▶ its runs, a page at a time, by delimiter '@'
//         └─▶ those the database does not have: result.tar, several at once
//               └─▶ rows, and how far it has come, in one short transaction a chunk
//
// Killed at any point it goes on behind the last chunk that was written. Nothing that is there is
// changed, so it can run beside the indexer.
#pragma once

#include "adt/database.h"
#include "net/swift.h"

struct rebuild_counts {
    uint64_t runs;       // looked at
    uint64_t missing;    // of these not in the database
    uint64_t added;      // of these now in it
    uint64_t incomplete; // without a result.tar: not stored to the end (yet)
    uint64_t unreadable; // with one that does not tell how the run ended
    uint64_t refused;    // containers that are not open to us
};

struct rebuild {
    struct swift *swift;
    struct database *db;         // NULL: there is none, all is missing (only with dry_run)
    const struct strv *releases; // only these; empty: all
    const struct strv *known;    // releases whose container is looked for when the store cannot be
                                 // asked for its containers; NULL: it can
    unsigned parallel;
    bool dry_run;
    bool restart; // from the start, wherever an earlier one has come to
    // Called often, with the folder that is being looked at.
    void (*progress)(const struct rebuild_counts *counts, const char *container, const char *prefix,
                     void *userdata);
    // Called for what is left out, and why.
    void (*complain)(const char *what, const struct error *why, void *userdata);
    void *userdata;
    struct rebuild_counts counts;
};

// Errors of the store (net/swift.h) and the database end it; started again it goes on there.
int rebuild_run(struct rebuild *x, struct error *err);

// Whether the container may hold runs of one of the releases (of any when there are none).
bool rebuild_wants_container(const char *name, const struct strv *releases);

// ---- rebuild_chunk.c

// Brings the runs of the folders in `paths` (with or without more behind them) into the database,
// and, when some were missing, sets the marker to the last of them.
int rebuild_chunk(struct rebuild *rebuild, const char *container, const char *prefix,
                  const struct strv *paths, struct error *err);
