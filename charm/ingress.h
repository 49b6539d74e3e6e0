// SPDX-License-Identifier: GPL-3.0-only
// Relation `ingress` (interface ingress v2; canonical/charm-relation-interfaces,
// interfaces/ingress/v2): a proxy learns where our units are, and tells at which address people
// reach the web service. All values of both sides' data are JSON.
#pragma once

#include "charm/model.h"
#include "charm/settings.h"
#include "charm/state.h"

// Fills model->ingress, and of what the proxy has told model->public_url or model->ingress_trouble.
// Asks Juju only in hooks of the relation, without a memory and after an upgrade.
int ingress_read(struct model *model, struct state *state, struct error *err);

// Cuts an address down to scheme, host and port, without a slash at its end (the caller frees).
// -EINVAL: no address, or one with a path: pages lead to each other from the root of their host.
int ingress_check_url(const char *url, char **ret, struct error *err);

// Tells address and port of this unit, and as the leader what is the application's. Without the
// role web both are taken back.
int ingress_publish(const struct model *model, const struct settings *settings, struct state *state,
                    struct error *err);
