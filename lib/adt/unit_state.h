// SPDX-License-Identifier: GPL-3.0-only
// What a service of this unit is doing, for the program that counts (services/metrics): a small
// file `state` in the service's runtime folder, rewritten whenever it changes. systemd removes the
// folder together with the service, so that a file tells of one that lives.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

// Where systemd makes runtime folders for us: $AUTOPKGTEST_CLOUD_RUN, or /run/autopkgtest-cloud.
const char *unit_state_run_dir(void);
// The runtime folder of this process; NULL when systemd has not made one.
const char *unit_state_own_dir(void);

enum worker_activity {
    WORKER_IDLE,
    WORKER_BUSY,
    WORKER_IMAGE,     // idle, without the image of a release
    WORKER_STORE,     // takes no work: results wait for a store that does not take them
    WORKER_PAUSED,    // after testbed failures in a row
    WORKER_DRAINED,   // was told to take no work
    WORKER_NO_BROKER, // and idle
    WORKER_ACTIVITY_COUNT
};
// "idle", "busy", …: a label of metrics.
const char *worker_activity_name(enum worker_activity activity);

struct worker_state {
    enum worker_activity activity;
    unsigned testbed_failures; // in a row
};
int worker_state_write(const char *dir, const struct worker_state *state, struct error *err);
// -ENOENT: no worker runs there.
int worker_state_read(const char *dir, struct worker_state *ret, struct error *err);

struct indexer_state {
    bool connected;             // to the broker
    uint64_t unwritten;         // messages received that are not in the database yet
    uint64_t results, rejected; // messages written and set aside since the start
};
int indexer_state_write(const char *dir, const struct indexer_state *state, struct error *err);
int indexer_state_read(const char *dir, struct indexer_state *ret, struct error *err);
