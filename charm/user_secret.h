// SPDX-License-Identifier: GPL-3.0-only
// Secrets of the model's users, which options and parameters of actions name by their address.
#pragma once

#include "base/error.h"

// What somebody has to do about a secret that Juju does not give. `what` named it: an option, or
// with -EACCES the parameter of an action; `uri` is its address ("secret:ID", "secret://MODEL/ID");
// `r` is what juju_secret_get() has returned: -EACCES (not granted; the command can be run as it
// stands) or -ENOENT. The caller frees; NULL: no memory.
char *user_secret_refusal(const char *what, const char *uri, const char *app, int r);
