// SPDX-License-Identifier: GPL-3.0-only
// Makes the unit look as the plan says. Each step does nothing where nothing differs; what has to
// be done because of a change (reload, restart) is remembered before the change is made, so that a
// hook that is killed between the two does it when it is run again.
#pragma once

#include "charm/plan.h"
#include "charm/state.h"
#include "charm/systemd.h"

struct apply {
    const char *root;
    const struct model *model;
    struct state *state;
};

// Installs what is missing of `extra` and of the charm's own list. `refresh` fetches the archive's
// lists first. Says `maintenance` while it works.
int apply_packages(const struct apply *a, const struct strv *extra, bool refresh,
                   struct error *err);

// Everything but services: account, folders, files, the link in /opt.
int apply_files(const struct apply *a, const struct plan *plan, struct error *err);

// Before apply_files(): when storage came or went, results move to where they are wanted. With
// `marked` the folder is the web's, with `stored` the built-in store's too, and gets a mark when it
// becomes that. *ret_lost (the caller frees): a folder that had a mark and has none any more, and
// nothing was done: its disk is not mounted. Else NULL.
int apply_data_dir(const struct apply *a, bool marked, bool stored, char **ret_lost,
                   struct error *err);
// and those that wait for their upload to where workers will look for them. What is in a folder in
// which a worker still runs stays there until a later hook finds that it has ended.
int apply_scratch_dir(const struct apply *a, struct error *err);
// Whether any has waited so long in a place that workers have to leave that the store must be away:
// then who works there will not bring it there either.
int apply_scratch_waits(const struct apply *a, bool *ret, struct error *err);

// Starts, stops, restarts and reloads services; gives their state afterwards (planned services and
// those still stopping).
int apply_services(const struct apply *a, const struct plan *plan, struct unit_states *ret,
                   struct error *err);

// Under which key of the state it stands what has to be done because of a change.
#define APPLY_PENDING "pending"

// Remembers that services have to read everything anew ("workers", "web", "indexer", …).
int apply_remember(const struct apply *a, const char *what, struct error *err);

// Stops the workers: no new test; running ones get `seconds`, then their requests go back.
int apply_drain(const struct apply *a, unsigned seconds, struct error *err);
// Stops all services.
int apply_stop(const struct apply *a, unsigned drain_seconds, struct error *err);
// Takes everything away that the charm made, but for results.
int apply_remove(const struct apply *a, struct error *err);
