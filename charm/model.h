// SPDX-License-Identifier: GPL-3.0-only
// What Juju tells this unit: options, the broker's relation, the website relations, storage. Raw
// values; model_read.h reads them, options.h checks them.
#pragma once

#include "charm/broker.h"

#define DATA_DIR "/var/lib/autopkgtest-cloud"
// The charm's folder by a name that does not change.
#define CHARM_LINK "/opt/autopkgtest-cloud"

enum hook {
    HOOK_INSTALL,
    HOOK_UPGRADE_CHARM,
    HOOK_START,
    HOOK_STOP,
    HOOK_REMOVE,
    HOOK_CONFIG_CHANGED,
    HOOK_UPDATE_STATUS,
    HOOK_LEADER_ELECTED,
    HOOK_SECRET_CHANGED,
    HOOK_SECRET_REMOVE,
    HOOK_RELATION_CREATED,
    HOOK_RELATION_JOINED,
    HOOK_RELATION_CHANGED,
    HOOK_RELATION_DEPARTED,
    HOOK_RELATION_BROKEN,
    HOOK_STORAGE_ATTACHED,
    HOOK_STORAGE_DETACHING
};

struct model {
    enum hook hook;
    char *unit; // "autopkgtest-cloud/0"
    char *app;  // "autopkgtest-cloud"
    char *uuid; // of the model, "" when Juju does not tell
    char *charm_dir;
    json_t *config;
    struct broker broker;
    char *broker_trouble;  // why the broker's data cannot be used; NULL: they can
    json_t *website;       // identifiers of relations
    json_t *cos_agent;     // the same
    json_t *cluster;       // the same, one at most
    char *session_secret;  // address of the secret that the units share (cluster.h); NULL: none
    json_t *ingress;       // the same, one at most
    struct strv proxies;   // addresses and networks of the related ones (proxies.h)
    char *public_url;      // what its proxy has told (ingress.h); NULL: nothing
    char *ingress_trouble; // why that cannot be used; NULL: it can
    char *data_dir;        // where storage `data` is mounted; NULL: there is none
    char *tmp_dir;         // the same of `tmp`
    char *http_proxy, *https_proxy, *no_proxy; // "" as not set
};

// The environment alone: enough to tell who we are. Also puts the model's proxies into it under the
// names programs look at, for every program that is started.
int model_read_environment(enum hook hook, struct model *ret, struct error *err);
// Where results and database are: storage `data`, or the usual place.
const char *model_data_dir(const struct model *model);
// Where the workers' folders are: storage `tmp`, or the same.
const char *model_scratch_dir(const struct model *model);
void model_release(struct model *model);

#define _cleanup_model_ _cleanup_(model_release)
