// SPDX-License-Identifier: GPL-3.0-only
// A question to the results that may have to look through all of them, however rare what it asks
// for, or that asks for very many: in steps, none of which takes more than some milliseconds.
#pragma once

#include "web/results.h"

struct results_search;

// For filter->limit results behind the first filter->offset that fit, the newest first. The filter
// is copied. -ENOMEM.
int results_search_new(const struct results_filter *filter, struct results_search **ret);
void results_search_free(struct results_search *search); // NULL: nothing to do
// Looks further. 1: there is more to look through; 0: it is done.
int results_search_step(struct results_search *search, struct database *db, struct error *err);
// What the last step has found, which goes on where the one before ended, as results.h has results.
// Borrowed until the next step.
const json_t *results_search_rows(const struct results_search *search);

DEFINE_CLEANUP(struct results_search *, results_search_free)
