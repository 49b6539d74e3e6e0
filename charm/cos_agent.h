// SPDX-License-Identifier: GPL-3.0-only
// Relation `cos-agent` (interface cos_agent v0; canonical/charm-relation-interfaces,
// interfaces/cos_agent/v0/schema.py): a subordinate agent on the unit learns what to scrape, which
// alerts to raise and which dashboard to show. All of it is one key `config` of the unit's data.
#pragma once

#include "charm/model.h"
#include "charm/settings.h"
#include "charm/state.h"

// Where autopkgtest-metrics.socket listens (templates/systemd), on this machine alone.
#define METRICS_PORT 9841

// The object of the key. The caller owns it. `settings` NULL: there are none that can be used, the
// web service's metrics are left out.
int cos_agent_config(const struct model *model, const struct settings *settings, json_t **ret,
                     struct error *err);
// Tells it on every relation of model->cos_agent.
int cos_agent_publish(const struct model *model, const struct settings *settings,
                      struct state *state, struct error *err);
