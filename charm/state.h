// SPDX-License-Identifier: GPL-3.0-only
// What the charm remembers on the unit between hooks, so that it need not ask Juju or do again:
// names and texts in /var/lib/autopkgtest-cloud/charm/state.json (root only). Losing it costs a few
// calls, never correctness.
#pragma once

#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>

#define STATE_DIR "/var/lib/autopkgtest-cloud/charm"

struct state {
    char *path;
    json_t *data;
    bool changed; // since it was loaded or saved
    bool fresh;   // nothing was remembered
};

// `root` stands in front of every path ("" on a unit). A file that is absent or damaged is an empty
// memory.
int state_load(const char *root, struct state *ret, struct error *err);
// NULL when nothing is remembered under `key`. Borrowed.
const char *state_get(const struct state *state, const char *key);
bool state_is(const struct state *state, const char *key, const char *value);
// NULL forgets.
int state_set(struct state *state, const char *key, const char *value, struct error *err);
// A JSON value (borrowed reference; NULL: none), for what is more than a text.
const json_t *state_value(const struct state *state, const char *key);
int state_set_value(struct state *state, const char *key, const json_t *value, struct error *err);
// A set of words. None forgets.
int state_set_words(struct state *state, const char *key, const struct strv *words,
                    struct error *err);
int state_add_words(struct state *state, const char *key, const struct strv *words,
                    struct error *err);
int state_words(const struct state *state, const char *key, struct strv *ret, struct error *err);
// Writes it, when it changed.
int state_save(struct state *state, struct error *err);
void state_release(struct state *state);

#define _cleanup_state_ _cleanup_(state_release)
