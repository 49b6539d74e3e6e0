// SPDX-License-Identifier: GPL-3.0-only
// Fills the model by hook tools, once at the start of a hook and with as few calls as possible. It
// knows everything that a part of the model is read by; they know the model alone.
#pragma once

#include "charm/model.h"
#include "charm/state.h"

// The state's key, with the storage's name behind it, of the id of one that was detached and that
// nothing took the place of.
#define MODEL_STORAGE_GONE "storage-gone-"
// Forgets them.
int model_forget_storage(struct state *state, struct error *err);

// What model_read_environment() has left. Storage comes from `state`, which storage hooks keep.
int model_read(struct model *model, struct state *state, struct error *err);
// What the broker has told on the first of these relations (identifiers, of one endpoint of
// interface rabbitmq), into an empty *ret; the state is BROKER_NONE without a relation.
// *ret_trouble (the caller frees) tells why data cannot be used, and stays NULL where they can.
int model_read_broker(const struct model *model, const json_t *relations, struct broker *ret,
                      char **ret_trouble, struct error *err);
