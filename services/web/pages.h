// SPDX-License-Identifier: GPL-3.0-only
// The handlers of pages (page_*.c), one for each row of the table in routes.c.
#pragma once

#include "web/exchange.h"

int page_home(struct exchange *x, struct error *err);
int page_running(struct exchange *x, struct error *err);
int page_recent(struct exchange *x, struct error *err);
int page_package(struct exchange *x, struct error *err);
int page_history(struct exchange *x, struct error *err);
int page_run(struct exchange *x, struct error *err);
int page_log(struct exchange *x, struct error *err);
int page_results(struct exchange *x, struct error *err);
int page_static(struct exchange *x, struct error *err);
int page_robots(struct exchange *x, struct error *err);
int page_health(struct exchange *x, struct error *err);
int page_queues_json(struct exchange *x, struct error *err);
int page_running_json(struct exchange *x, struct error *err);
int page_request_form(struct exchange *x, struct error *err);
int page_request(struct exchange *x, struct error *err);
int page_moved_to_package(struct exchange *x, struct error *err);

// The database, or NULL when there is none to read: then data.no_results says why, for the page.
// Negative only for lack of memory.
struct database *page_database(struct exchange *x);
