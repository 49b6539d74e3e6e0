// SPDX-License-Identifier: GPL-3.0-only
// The life of a request on this worker: which states there are and which moves are allowed.
// docs/explanation/life-of-a-request.md tells who holds the request in each state and what a crash
// leaves behind.
//
//                       delivered
//        QUEUED ───────────────────────▶ TAKEN ── test ends before the confirm ──▶ EARLY
//        ▲  ▲ ▲    refused, link lost,   │   │                                     │  │
//        │  │ └──────────────────────────┘   │ lease confirmed, original acked     │  │
//        │  └────────────────────────────────┼─────────────────────────────────────┘  │
//        │ copy published, lease removed     ▼                                        │
//    RETURNING ◀──── handed back ──── CHECKING ── result is stored already ──▶ STORED │
//        ▲ ▲ ▲                           │  a copy that came back: was it done before? │
//        │ │ │                           ▼                                            │
//        │ │ └──── handed back ────── RUNNING ◀──── timer ──── WAITING                │
//        │ │                           │  │                       ▲ │                 │
//        │ │                           │  └── testbed failure ────┘ │                 │
//        │ └───────────────────────────┼───────── handed back ──────┘                 │
//        │                   test ends ▼                                              │
//        ├─────────────────────────── SPOOLED ◀───────────────────────────────────────┘
//        │ folder unreadable           │  ▲
//        │                             ▼  │ store is down
//        └────────────────────────── UPLOADING
//                                      │ result.tar is in the store
//                                      ▼
//                                    STORED ── announced, confirmed ──▶ ANNOUNCED ── lease and
//                                                                       folder removed ──▶ DONE
//
// Not drawn: an EARLY testbed failure is WAITING too. What is SPOOLED or STORED at the start of a
// worker begins its life there.
//
// Knows nothing of brokers, processes or files.
#pragma once

#include <stdbool.h>

enum life {
    LIFE_QUEUED,    // in its queue on the broker; not ours
    LIFE_TAKEN,     // delivered, not acknowledged; the copy is on its way into the lease queue
    LIFE_EARLY,     // the test has ended, but the copy's confirm is still awaited
    LIFE_CHECKING,  // leased; doubtful: others are asked for it, and the store for its result
    LIFE_RUNNING,   // leased; the test runs
    LIFE_WAITING,   // leased; testbed failure, the next attempt waits for its time
    LIFE_RETURNING, // leased; going back to its queue
    LIFE_KEEPING,   // leased; the test has ended, its folder is copied to the spool's disk
    LIFE_SPOOLED,   // leased; result complete in the spool
    LIFE_UPLOADING, // leased; autopkgtest-upload works on the spool folder
    LIFE_STORED,    // leased; the store has the result, nobody was told
    LIFE_ANNOUNCED, // told; lease and spool folder are still to be removed
    LIFE_DONE,      // nothing is left of it but the result
    LIFE_COUNT
};

const char *life_name(enum life state);

// Whether a request may go from one state to the other.
bool life_may_move(enum life from, enum life to);

// Makes the move. One that the table does not have is a mistake in this program: the state is left
// alone, and the answer is false (worker_move() says what becomes of it).
bool life_move(enum life *state, enum life to);

// The copy in our lease queue is what keeps the request from being lost.
bool life_is_leased(enum life state);
