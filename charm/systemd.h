// SPDX-License-Identifier: GPL-3.0-only
// systemd's units: one question for the state of all, one systemctl for each verb.
#pragma once

#include "base/strv.h"

#include <stdbool.h>

struct unit_state {
    char *name;
    char *active; // "active", "activating", "deactivating", "inactive", "failed", …
    char *text;   // the service's own status line, "" without
};

struct unit_states {
    struct unit_state *items; // by name, in ascending byte order
    size_t len;
    bool unsettled; // services were just told something: what they say is about to change
};

// One entry for each name; systemd answers "inactive" for units it does not know.
// Asks over ROOT/run/systemd/private, or where that fails by systemctl.
int systemd_show(const char *root, const struct strv *names, struct unit_states *ret,
                 struct error *err);
// NULL when it was not asked for.
const struct unit_state *unit_states_find(const struct unit_states *states, const char *name);
void unit_states_release(struct unit_states *states);

// Whether a unit has a link in TARGET.wants below ROOT/etc/systemd/system.
bool systemd_is_enabled(const char *root, const char *target, const char *unit);
// The names in there, as systemd_list_folder().
int systemd_list_enabled(const char *root, const char *target, const char *prefix, struct strv *ret,
                         struct error *err);

// Adds the names in a folder (of units, links or drop-ins) that start with `prefix` to the list,
// which is sorted as a whole then; no folder: none.
int systemd_list_folder(const char *path, const char *prefix, struct strv *ret, struct error *err);

// systemctl VERB [--no-block] UNITS…; without units nothing is done, except for daemon-reload.
int systemd_run(const char *verb, bool no_block, const struct strv *units, struct error *err);
// The same, waiting at most timeout_s (0: no limit); -ETIMEDOUT leaves the job running.
int systemd_run_timeout(const char *verb, const struct strv *units, unsigned timeout_s,
                        struct error *err);
// Sends a signal ("TERM") to the main process of each.
int systemd_kill(const char *signal, const struct strv *units, struct error *err);

#define _cleanup_unit_states_ _cleanup_(unit_states_release)
