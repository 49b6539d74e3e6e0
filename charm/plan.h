// SPDX-License-Identifier: GPL-3.0-only
// What the unit should look like: files, folders, packages, services, port. Made from the settings
// and what is known of the machine, as data; apply.h makes it so. Reads templates, changes nothing.
#pragma once

#include "charm/model.h"
#include "charm/novarcs.h"
#include "charm/settings.h"

#define ETC_DIR "/etc/autopkgtest-cloud"
// The commands in everybody's PATH.
#define COMMAND_LINK "/usr/local/bin/autopkgtest-cloud"
#define OLD_COMMAND_LINK "/usr/local/bin/run-autopkgtest" // the name britney calls
#define UNIT_DIR "/etc/systemd/system"
#define WORKER_TARGET "autopkgtest-worker.target"
#define WORKER_PREFIX "autopkgtest-worker@"
#define WEB_SERVICE "autopkgtest-web.service"
#define INDEXER_SERVICE "autopkgtest-indexer.service"
#define METRICS_SOCKET "autopkgtest-metrics.socket"
#define INFLUX_TIMER "autopkgtest-influxdb.timer"
#define METRICS_TARGET "sockets.target"

// Who reads a file, so must be told when it changes.
enum {
    READ_BY_SYSTEMD = 1 << 0,
    READ_BY_WORKERS = 1 << 1,
    READ_BY_WEB = 1 << 2,
    READ_BY_INDEXER = 1 << 3,
    READ_BY_APT = 1 << 4,
    RESTARTS_WORKERS = 1 << 5, // workers see it only when they start: each restarts after its test
};

struct plan_file {
    char *path; // without the root
    struct buf content;
    bool absent;      // should not be there
    const char *link; // a symbolic link to it, in the place of content; static
    mode_t mode;
    const char *user, *group;
    unsigned readers;
    struct strv restart; // more services that see it only when they start
    // Settings, NULL at the end, that the web service takes up when it reloads and no other reader
    // uses: where nothing else changes, nobody is restarted for them. NULL: none. Static.
    const char *const *reloaded;
};

struct plan_folder {
    char *path;
    mode_t mode;
    const char *user, *group;
};

struct plan {
    struct plan_file *files;
    size_t files_len;
    struct plan_folder *folders;
    size_t folders_len;
    struct strv packages;
    struct strv images;     // root file systems of tests, "noble-amd64" (images.h)
    struct strv awaited;    // of virtual machines: those that an operator has yet to make
    struct strv instances;  // names of worker instances, "local-amd64-1"
    struct strv clouds;     // where they are, each once: "local", "lcy02"
    struct strv workers;    // units of them that should run: all, or none while they cannot work
    bool can_work;          // a worker, if there were one, would have a broker and a store
    bool web, indexer;      // whether these services should run
    const char *public_url; // where people find the web service, when a proxy tells; of the model
    bool influx;            // whether they are pushed to somebody
    bool lists;             // whether per-package lists are fetched
    bool schroot, kvm;      // whether workers test with schroot, in virtual machines
    bool metrics;           // whether somebody reads the unit's figures
    unsigned port;          // to be open; 0: none
};

struct result_store;

struct plan_input {
    const char *root;
    const struct model *model;
    const struct settings *settings;
    const json_t *api_keys;           // user -> key; NULL: none
    const json_t *github_secrets;     // package -> secret; NULL: none
    const json_t *github_credentials; // user -> token; NULL: none
    const json_t *session_key;        // {"key": "…"} (cluster.h); NULL: none
    const struct novarcs *novarcs;    // of the clouds
    const json_t *remotes;            // LXD hosts to know, cloud -> address (remotes.h)
    const char *autopkgtest;          // program
    const char *store_password;       // of the built-in store
    const struct result_store *store; // where results are kept (result_store.h)
    const char *arch;                 // of this machine, for pages when no worker tells one
};

int plan_make(const struct plan_input *input, struct plan *ret, struct error *err);
// Adds the names of packages that the settings need, beside those of the charm's own list.
int plan_packages(const char *root, const struct settings *settings, struct strv *ret);
void plan_release(struct plan *plan);

#define _cleanup_plan_ _cleanup_(plan_release)
