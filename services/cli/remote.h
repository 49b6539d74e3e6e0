// SPDX-License-Identifier: GPL-3.0-only
// `autopkgtest-cloud remote`: the LXD hosts that workers of this unit test on.
#pragma once

#include "cli/cli.h"
#include "cli/lxd_api.h"

// What `lxc config trust add` prints: base64 of JSON.
struct remote_token {
    char *text; // as LXD takes it back
    char *fingerprint;
    struct strv addresses;
};

// -EBADMSG: it is none. Blanks around it do no harm.
int remote_token_parse(const char *text, struct remote_token *ret, struct error *err);
void remote_token_release(struct remote_token *token);

#define _cleanup_remote_token_ _cleanup_(remote_token_release)

// What the verbs share.
struct remote_call {
    const char *verb;
    struct strv addresses;
    const char *as; // the unit's name in the host's list of those it trusts
    uint64_t older_h;
    bool dry_run, json;
};

// When an instance on a host is stale.
struct remote_stale {
    const char *unit;        // that cleans, "autopkgtest-cloud/0"
    const char *app;         // whose units have marked it, "autopkgtest-cloud"
    const char *model;       // UUID of the model of those; "": none, nor has the instance one
    const struct strv *runs; // of this unit, that go on: "20261126_181447_b9b95@"
    int64_t now;             // seconds since 1970
    uint64_t older_s;        // of other units: what was made or in use since stays
};

// Of LXD's list of instances, one that the application has marked, and where
// - a worker of this unit made it, for a run that does not go on here; or
// - another unit did, or it is one of those in which images are made, and nothing has been heard of
//   it for long: a running test tells its instance the time every few minutes (worker/sign.h).
// Others are never stale: hosts are shared.
bool remote_instance_is_stale(const json_t *instance, const struct remote_stale *stale);
// Of its list of images: one of autopkgtest-build-lxd or of a unit that another has taken the name
// from, or that has never got it. What has come within the last hour (or older_s, when that is
// less) may get it still, and stays.
bool remote_image_is_stale(const json_t *image, const struct remote_stale *stale);

// Removes it on each host.
int remote_clean(const struct remote_call *call, struct error *err);

// A host by its address; what it says of itself in *ret_server (borrowed). -EACCES: it does not
// trust the unit.
int remote_open(const char *address, struct lxd **ret, const json_t **ret_server,
                struct error *err);
