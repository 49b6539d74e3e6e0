// SPDX-License-Identifier: GPL-3.0-only
// Whether the same test was asked for already: by what the indexer has written of requests; until
// it has, by what this unit has just queued; by the status of running tests; and by what was seen
// in the queues for the pages.
#pragma once

#include "adt/request.h"

struct web;

// A request of which nothing was heard for so long is taken for lost by those who look for the
// same: queues can be purged without a word.
#define DUPLICATE_DAYS 7

struct duplicate_test {
    const struct request *request;
    const char *release, *arch;
};

// The newest request of the same test that is still to be done, as requests_find() gives it, or
// {"state"}, and perhaps "uuid", of one of which no more is known: 1; 0: there is none,
// or nobody knows, or nobody may (a private one). -ENOMEM.
int duplicate_find(struct web *web, const struct duplicate_test *test, json_t **ret);
// It is being queued now. `digest` is "" where nobody may look for the same.
int duplicate_note(struct web *web, const char *uuid, const char *digest);
// A request that this unit queued a moment ago, as requests_find() will give it (but for its test):
// 1; 0: there is none. -ENOMEM.
int duplicate_find_noted(struct web *web, const char *uuid, json_t **ret);
