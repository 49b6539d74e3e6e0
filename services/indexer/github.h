// SPDX-License-Identifier: GPL-3.0-only
// Commit statuses of tested pull requests: told to GitHub once, by one of the web units.
//
// The units share one durable queue of what becomes of requests and of results. It has a single
// active consumer: the broker gives all messages to one unit's indexer, in their order, and to
// another one when that is gone. A message is acknowledged when GitHub has taken its status, so
// that a unit that dies takes none with it; what it was just telling is told again.
//
//     testcomplete.fanout ┐                      ┌─▶ unit 0 ─▶ outbox ─▶ GitHub
//                         ├─▶ autopkgtest-github ┤              ▲  2xx: acknowledged
//     autopkgtest.events  ┘     (one at a time)  └ ─ unit 1     │  4xx: given up
//                                                               └─ else: later, 10 s … 1 h, for a
//                                                               day
//
// A broker closes the channel of who holds messages for long: after some minutes of trouble they
// are given back, and come again at once, with a new time-out.
#pragma once

#include "adt/event.h"
#include "adt/message.h"
#include "adt/settings.h"
#include "indexer/outbox.h"

#include <systemd/sd-event.h>

// What is to be told of a finished test, or of a request that was queued or taken out of its queue.
// 1: *ret is filled but for its tag, the caller releases it; 0: nothing; -ENOMEM.
int github_status_of_result(const struct web_settings *settings, const struct test_complete *done,
                            struct outbox_status *ret, struct error *err);
int github_status_of_event(const struct web_settings *settings, const struct request_event *event,
                           struct outbox_status *ret, struct error *err);

#define GITHUB_QUEUE "autopkgtest-github"

struct github;

// Takes part in telling. *ret is NULL when no credentials are configured: then this unit does not.
int github_new(sd_event *event, const char *config_dir, const struct web_settings *settings,
               struct github **ret, struct error *err);
// Takes NULL, as the following.
void github_free(struct github *github);
// The broker's settings may be others now.
void github_reconnect(struct github *github);
