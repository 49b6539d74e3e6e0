// SPDX-License-Identifier: GPL-3.0-only
// The unit's own figures: workers and what they do, results that wait, room on disks, the indexer.
// Read from the settings, from what services tell in their runtime folders (adt/unit_state.h) and
// from the file system, at the moment they are asked for; nothing of it asks the broker.
#pragma once

#include "base/buf.h"

// Appends them in Prometheus' text format 0.0.4. Names and labels: docs/reference/metrics.md. A
// role that the unit does not have tells nothing.
int metrics_collect(const char *config_dir, const char *run_dir, struct buf *ret,
                    struct error *err);
