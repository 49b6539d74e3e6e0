// SPDX-License-Identifier: GPL-3.0-only
// Starts autopkgtest-sources at intervals, as a process of its own: messages do not wait for the
// archive, and nothing of what it reads is parsed in the indexer.
//
//     IDLE ── time ──▶ RUNNING ── ended ──▶ IDLE     next in an interval, after a failure sooner
//                         └── takes too long: killed, a failure
//
// What it complains of is logged when it is something else than the last time.
#pragma once

#include "adt/archive_settings.h"

#include <systemd/sd-event.h>

struct versions;

// Nothing is started when the settings name no archive; *ret is NULL then. The settings are the
// caller's and must live as long. `changed` is called when the table has.
int versions_start(sd_event *event, const struct archive_settings *settings,
                   void (*changed)(void *userdata), void *userdata, struct versions **ret,
                   struct error *err);
// Ends what runs.
void versions_stop(struct versions *versions);

// How long until the next try after `failures` in a row.
uint64_t versions_wait_us(const struct archive_settings *settings, unsigned failures);

DEFINE_CLEANUP(struct versions *, versions_stop)
