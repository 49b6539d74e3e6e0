// SPDX-License-Identifier: GPL-3.0-only
// Parameter `token` of actions: something secret, or the address of a user secret that has it.
#pragma once

#include "charm/action.h"

#define ACTION_TOKEN_MAX ((size_t)64 * 1024)

// The token itself, or what is under the key token in the secret that is named in its place.
// Appended to `ret`. -EACCES, -ENOENT, -EINVAL: the secret is not granted, not there, or has none.
int action_token_read(const struct action *action, struct buf *ret, struct error *err);
// Forgets it.
void action_token_release(struct buf *token);
