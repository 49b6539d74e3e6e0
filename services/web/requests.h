// SPDX-License-Identifier: GPL-3.0-only
// What has become of a request, from the events that the indexer has written (adt/event.h).
#pragma once

#include "adt/database.h"
#include "data/json.h"

// {"uuid", "state", "history": [{"state", "time", "worker", "reason"}], and what is known of
// "package", "release", "arch", "container", "run_id", "url", "log_url"}; times are ISO 8601 in
// UTC. `state` is the last of the history. -ENOENT: nobody has told of it.
int requests_find(struct database *db, const char *uuid, json_t **ret, struct error *err);
// The newest request of the same test (request_digest()) of which something was heard since
// `since_us` (microseconds since 1970), as above. -ENOENT.
int requests_find_same(struct database *db, const char *digest, int64_t since_us, json_t **ret,
                       struct error *err);
// Whether a request in this state is still to be tested.
bool request_state_is_open(const char *state);
