// SPDX-License-Identifier: GPL-3.0-only
// Tests that run now, learned from status messages; one that was not heard of for a while is
// forgotten. Shapes of the JSON: docs/reference (running.json is read by other programs).
#pragma once

#include "adt/message.h"

#define RUNNING_MAX 5000           // more are not kept
#define RUNNING_FORGET_US 60000000 // workers speak every few seconds

struct running;

int running_new(struct running **ret);
void running_free(struct running *running);
// Who hears of each status before it is noted; `id` tells a test from all others, for addresses: 16
// hexadecimal digits. One at most.
typedef void running_listener(void *userdata, const char *id, const struct test_status *status);
void running_listen(struct running *running, running_listener *listener, void *userdata);
// Takes over the status' content. `now_us` is the monotonic clock.
int running_update(struct running *running, struct test_status *status, uint64_t now_us);
void running_expire(struct running *running, uint64_t now_us);

// {package: {run: {release: {arch: [params, duration, logtail]}}}}; `run` is `KEY_VALUE;` of each
// parameter in the order of the keys.
json_t *running_json(const struct running *running);
struct running_filter { // NULL lets everything through
    const char *package, *release, *arch, *requester;
    size_t offset, limit; // of lists
};
// A list for pages, by package: package, release, arch, params, duration, duration_text, logtail,
// id, and url, which what is private has not. Its rows belong to all who ask: they stay as they
// are. NULL for lack of memory.
json_t *running_list(const struct running *running, const struct running_filter *filter);
// The ids of all of them, whatever the filter's offset and limit.
json_t *running_ids(const struct running *running, const struct running_filter *filter);
size_t running_count(const struct running *running, const struct running_filter *filter);
// Adds to ret[r * archs->len + a] the number of tests on release number r and architecture number
// a, in one walk. -ENOMEM.
int running_count_places(const struct running *running, const struct strv *releases,
                         const struct strv *archs, size_t *ret);
// The `run` text of parameters; values that are lists are written as ['a', 'b'].
int running_key(const json_t *params, struct buf *ret);
