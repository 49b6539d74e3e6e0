// SPDX-License-Identifier: GPL-3.0-only
// Who may tell the web service whom a request is from (X-Forwarded-For, X-Forwarded-Proto): the
// units of proxies on `website` and `ingress`, and our own on `cluster`, which pass readers on to
// the one that has the results. Juju tells each unit's addresses in its data of the relation:
// private-address, ingress-address and egress-subnets (Juju's documentation: "Relation data").
#pragma once

#include "charm/model.h"
#include "charm/state.h"

// Fills model->proxies: addresses and networks, sorted, without names and without networks of
// everybody. Asks Juju for the unit that a hook is about, and for all of them after an upgrade and
// without a memory.
int proxies_read(struct model *model, struct state *state, struct error *err);
