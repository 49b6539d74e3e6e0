// SPDX-License-Identifier: GPL-3.0-only
// What others are told: status messages, the journal, systemd.
#pragma once

#include "worker/worker.h"

// A status message on the test; sets the time of the next one.
void report_test(struct worker *w, bool running);
// Tells those who ask for the request's uuid what has become of it; `reason` may be NULL.
void report_event(struct worker *w, enum event_state state, const char *reason);
// The same of a result that was announced; `uuid` NULL: nobody can ask for it.
void report_done(struct worker *w, const char *uuid, const char *run_id,
                 const struct test_complete *done);
// Journal fields of the job; without one they go.
void report_fields(const struct worker *w);
// The line systemd shows.
void report_status(struct worker *w);
