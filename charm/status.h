// SPDX-License-Identifier: GPL-3.0-only
// The unit's status: candidates are added while a hook works, the most urgent is shown at its end.
#pragma once

#include "charm/apply.h"
#include "charm/state.h"

enum urgency { STATUS_ACTIVE, STATUS_MAINTENANCE, STATUS_WAITING, STATUS_BLOCKED };

struct status {
    enum urgency urgency;
    char *message; // owned; NULL: none was added
};

// Of two with the same urgency the first stays. 0 or -ENOMEM.
int status_add(struct status *status, enum urgency urgency, const char *format, ...) _printf_(3, 4);
// What follows from the settings and Juju's model: a missing relation, store or key.
int status_add_model(struct status *status, const struct model *model,
                     const struct settings *settings, bool has_api_keys);
// Storage that was detached, and what the operator can do about it.
int status_add_storage(struct status *status, const struct model *model, const struct state *state);
// The folder of the results has lost them (apply_data_dir()).
int status_add_lost(struct status *status, const char *folder);
// What follows from the services, down to the figures of `active`.
int status_add_services(struct status *status, const struct plan *plan,
                        const struct unit_states *states, const char *unit);
// How many workers say what, by the status line that services/worker/report.c sends.
struct worker_figures {
    size_t busy, offline, paused, drained;
    const char *first_paused; // its service; borrowed
};
// Counts one; `state` may be NULL.
void worker_figures_add(struct worker_figures *figures, const char *service,
                        const struct unit_state *state);
// Images that are not there yet, or could not be made.
int status_add_images(struct status *status, const struct plan *plan, const char *root,
                      const char *unit);
// Per-package lists that could not be fetched.
int status_add_lists(struct status *status, const struct plan *plan, const char *root);
// Juju's word for it.
const char *status_word(enum urgency urgency);
void status_release(struct status *status);

#define _cleanup_status_ _cleanup_(status_release)
