// SPDX-License-Identifier: GPL-3.0-only
// Peer relation `cluster`: units of one application share the key that sign logins of the web
// pages. The leader makes it, as a secret that belongs to the application; the secret's address is
// in the application's data of the relation, and every unit reads it from there.
//
// A leader that goes leaves the key behind, a unit that comes finds it, and no password of anybody
// else's changes it.
#pragma once

#include "charm/model.h"
#include "charm/settings.h"
#include "charm/state.h"

#define SESSION_KEY_FILE "/etc/autopkgtest-cloud/session-key.json" // {"key": "…"}

// Fills model->cluster and model->session_secret. Asks Juju only in hooks of the relation, at
// elections, after an upgrade, and for as long as there is no address.
int cluster_read(struct model *model, struct state *state, struct error *err);

// The object for SESSION_KEY_FILE; NULL: there is no key, or nobody here needs one. The caller owns
// it. Where nobody has made one the leader does, *ret_made is true then, and cluster_share() has to
// follow when the file is written.
int cluster_session_key(const char *root, const struct model *model,
                        const struct settings *settings, struct state *state, json_t **ret,
                        bool *ret_made, struct error *err);

// Gives the key in the file to all units.
int cluster_share(const char *root, const struct model *model, struct error *err);

// Makes another key, for the leader (-EACCES for another unit, -ENOENT where there is no key): a
// new revision of the secret, and a number in the relation's data, which sends every unit a hook.
// The next cluster_session_key() gives it; *ret (the caller frees) is the number.
int cluster_rotate(const char *root, const struct model *model, struct state *state, char **ret,
                   struct error *err);
// Lets the next hook ask for the key: whether Juju has taken what an action has sent is known only
// then.
int cluster_forget_key(struct state *state, struct error *err);
