// SPDX-License-Identifier: GPL-3.0-only
// What has become of a request, from the events that the indexer has written (adt/event.h).
#pragma once

#include "adt/database.h"
#include "data/json.h"

// {"uuid", "state", "history": [{"state", "time", "worker", "reason"}], and what is known of
// "package", "release", "arch", "container", "run_id", "url", "log_url"}; times are ISO 8601 in
// UTC. `state` is the last of the history. -ENOENT: nobody has told of it.
int requests_find(struct database *db, const char *uuid, json_t **ret, struct error *err);
