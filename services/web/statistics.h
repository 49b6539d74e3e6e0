// SPDX-License-Identifier: GPL-3.0-only
// What the last weeks' results come to, kept for a while: pages and estimates need it often, and it
// changes slowly.
#pragma once

#include "data/json.h"

#define STATISTICS_DAYS 30

struct web;

// report_statistics() of the last STATISTICS_DAYS days, to which it adds for pages: `date` of days;
// `mean`, `total`, `percent` (that passed, of those that passed or failed) of tests. As of a minute
// ago at most. Borrowed.
int statistics_get(struct web *web, const json_t **ret, struct error *err);
// How long a test there takes, by the last weeks; 0: not known.
int64_t statistics_mean_s(const json_t *statistics, const char *release, const char *arch);
void statistics_forget(struct web *web);
