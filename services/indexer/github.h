// SPDX-License-Identifier: GPL-3.0-only
// Commit statuses of tested pull requests: put into the outbox with the result, in one transaction
// (adt/database_status.h), and sent from there until GitHub takes them.
//
// Each web unit tells them by itself, as no one of them is more than the others: GitHub takes the
// same status as often as it comes. Statuses of one commit are sent in their order, and of one
// context only the newest, so that what every unit tells last is how the test has ended.
//
//     completion message ──batch──▶ result, github_status ──github_sender──▶ GitHub
//                                        ▲   2xx: done         │
//                                        │   4xx: given up     │
//                                        └── else: later ◀─────┘   10 s … 1 h, for a day
#pragma once

#include "adt/database.h"
#include "adt/settings.h"

#include <systemd/sd-event.h>

// Puts the status of this test into the outbox, when a webhook has asked for it.
int github_note_result(struct database *db, const struct web_settings *settings,
                       const struct test_complete *done, struct error *err);
// The same when it was queued, or removed from its queue, as one that newer code supersedes.
int github_note_event(struct database *db, const struct web_settings *settings,
                      const struct request_event *event, struct error *err);

struct github_sender;

int github_sender_new(sd_event *event, struct database *db, const struct web_settings *settings,
                      struct github_sender **ret, struct error *err);
void github_sender_free(struct github_sender *sender);
// There may be something new in the outbox.
void github_sender_touch(struct github_sender *sender);
