// SPDX-License-Identifier: GPL-3.0-only
// The handlers of pages (page_*.c), one for each row of the table in routes.c.
#pragma once

#include "web/exchange.h"
#include "web/running.h"
#include "web/stored.h"

int page_home(struct exchange *x, struct error *err);
int page_running(struct exchange *x, struct error *err);
int page_running_events(struct exchange *x, struct error *err);
int page_recent(struct exchange *x, struct error *err);
int page_queues(struct exchange *x, struct error *err);
int page_regressions(struct exchange *x, struct error *err);
int page_flaky(struct exchange *x, struct error *err);
int page_statistics(struct exchange *x, struct error *err);
int page_user(struct exchange *x, struct error *err);
int page_ppa(struct exchange *x, struct error *err);
int page_moved_to_user(struct exchange *x, struct error *err);
int page_packages(struct exchange *x, struct error *err);
int page_package(struct exchange *x, struct error *err);
int page_history(struct exchange *x, struct error *err);
int page_run(struct exchange *x, struct error *err);
int page_log(struct exchange *x, struct error *err);
int page_container(struct exchange *x, struct error *err);
int page_results(struct exchange *x, struct error *err);
int page_private_list(struct exchange *x, struct error *err);
int page_private_results(struct exchange *x, struct error *err);
int page_static(struct exchange *x, struct error *err);
int page_robots(struct exchange *x, struct error *err);
int page_health(struct exchange *x, struct error *err);
int page_queues_json(struct exchange *x, struct error *err);
int page_running_json(struct exchange *x, struct error *err);
int page_recent_json(struct exchange *x, struct error *err);
int page_api_submit(struct exchange *x, struct error *err);
int page_api_cancel(struct exchange *x, struct error *err);
int page_request_cancel(struct exchange *x, struct error *err);
int page_api_request(struct exchange *x, struct error *err);
int page_api_results(struct exchange *x, struct error *err);
int page_api_changes(struct exchange *x, struct error *err);
int page_api_test(struct exchange *x, struct error *err);
int page_api_packages(struct exchange *x, struct error *err);
int page_api_document(struct exchange *x, struct error *err);
int page_request_state(struct exchange *x, struct error *err);
int page_run_by_uuid(struct exchange *x, struct error *err);
int page_metrics(struct exchange *x, struct error *err);
int page_package_feed(struct exchange *x, struct error *err);
int page_user_feed(struct exchange *x, struct error *err);
int page_badge(struct exchange *x, struct error *err);
int page_request_form(struct exchange *x, struct error *err);
int page_request_check(struct exchange *x, struct error *err);
int page_request(struct exchange *x, struct error *err);
int page_moved_to_package(struct exchange *x, struct error *err);

// Shows a folder of the store (its name ends in a slash, or is empty) or sends an object, to whom
// may see it (page_files.c).
int page_stored(struct exchange *x, enum stored_reader reader, const char *container,
                const char *object, struct error *err);
// What is below an archive's name, `…/artifacts.tar.gz/FOLDER/` or `…/NAME` (page_archive.c).
// -ENOENT without a message: the object's name has no stored archive in it.
int page_archive(struct exchange *x, enum stored_reader reader, const char *container,
                 const char *object, struct error *err);
// Whether it can be looked into, by its name.
bool page_is_archive(const char *name);
// Answers with a file of static/ (page_files.c).
int page_static_file(struct exchange *x, const char *name, struct error *err);

// The database, or NULL when there is none to read: then data.no_results says why, for the page.
// Negative only for lack of memory.
struct database *page_database(struct exchange *x);

// ---- page_parts.c: parts of a page's data
int page_start(struct exchange *x, const char *title, struct error *err);
// data.KEY and data.has_KEY; takes over the rows.
int page_put_rows(json_t *data, const char *key, json_t *rows);
// Leaves the first `max` of the rows, whose last is where the next page begins: data.older, a run's
// id, and data.page_query, what goes before `before=`. -ENOMEM.
int page_cut_rows(struct exchange *x, json_t *rows, size_t max);
// The run of `?before=RUNID`, NULL without one. 400 for what is none.
int page_read_before(struct exchange *x, const char **ret, struct error *err);
// The way to go on behind `run_id`, where a filter has stopped looking (NULL: nowhere), unless
// there is a next page anyhow: data.older, as of page_cut_rows(), and data.looked_through.
int page_put_window_end(struct exchange *x, const char *run_id);
struct results_filter;
// data.results: results that fit (results.h), those before `?before=RUNID`, and the way to older
// ones.
int page_put_results(struct exchange *x, struct database *db, const struct results_filter *filter,
                     struct error *err);
// data.broker_away: whether it is; then data.broker_away_for is for how long, "1m 15s".
int page_put_broker(struct exchange *x);
// data.running: tests that run now (NULL: any), the first of them; data.broker_away when nobody
// knows.
int page_put_running(struct exchange *x, const char *package, const char *release,
                     const char *arch);
// The same, and where the next ones are.
int page_put_running_list(struct exchange *x, const struct running_filter *filter);
// data.page of data.pages, of `each` of `total` entries; data.many when there are several;
// data.previous and data.next when there are such; data.page_query: `query`, which goes before
// `page=` and is empty or ends in an ampersand.
int page_put_pages(struct exchange *x, uint64_t page, uint64_t total, uint64_t each,
                   const char *query);
// What a search field has sent: NULL when it is absent or empty. 400 when it has more than `max`
// bytes, or is no UTF-8.
int page_query_text(struct exchange *x, const char *name, size_t max, const char **ret,
                    struct error *err);
// A list of {"value", "selected"} for a menu.
json_t *page_menu(const struct strv *values, const char *selected);
