// SPDX-License-Identifier: GPL-3.0-only
// What the operator asked for: the options, checked in full, in the types the charm works with.
// options.h fills it; nothing else reads raw option values.
#pragma once

#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

// Backends of local workers, in the order in which instances are numbered.
enum backend {
    BACKEND_NULL,
    BACKEND_UNSHARE,
    BACKEND_QEMU,
    BACKEND_SCHROOT,
    BACKEND_PODMAN,
    BACKEND_LXC,
    BACKEND_COUNT
};
// "null", "unshare", …
const char *backend_name(enum backend backend);
// Whether its workers have to be root: tests on the machine itself, tools that only root may use.
bool backend_needs_root(enum backend backend);
// BACKEND_COUNT when there is none of that name.
enum backend backend_from_name(const char *name);

struct local_workers {
    char *arch;
    unsigned count[BACKEND_COUNT];
};

// Workers elsewhere than on the unit itself: in an OpenStack region, on an LXD host.
enum cloud_kind { CLOUD_OPENSTACK, CLOUD_LXD };
struct cloud_workers {
    enum cloud_kind kind;
    char *cloud; // as instances are named, "lcy02", "lxd-10.0.0.1"
    char *arch;
    unsigned count;
    char *address; // of an LXD host, as the operator wrote it; NULL: none
};

// A Swift in place of the built-in store; without an address of Keystone all of it is unused.
struct swift_options {
    char *auth_url, *username, *password; // the password of the secret, when there is one
    char *project_name, *project_domain_name, *user_domain_name, *region;
    char *secret;
};

// OpenStack clouds: their .rc files, and what instances for tests are like.
struct nova_options {
    char *novarcs; // base64 of the archive
    char *secret;  // or where it is, which wins
    char *flavor, *big_flavor;
    char *image; // regular expression of its name, with $RELEASE and $ARCHITECTURE
    char *network, *security_group, *keypair; // "": Nova's choice
};

// An InfluxDB to push metrics to; without an address all of it is unused.
struct influx_options {
    char *url, *database, *context;
    char *secret;              // with keys username and password; "": nobody has to log in
    char *username, *password; // of that secret; NULL without
};

struct settings {
    bool worker, web; // roles
    struct strv releases;
    struct local_workers *local; // by architecture, sorted
    size_t local_len;
    struct cloud_workers *clouds; // sorted by cloud, then architecture; numbers may be 0
    size_t clouds_len;
    char *source_url;               // NULL: the distribution's package
    char *lists_url, *lists_branch; // git; NULL: lists are the operator's files; the default branch
    char *source_branch;            // NULL: the repository's own choice
    char *worker_args;              // "" as all texts that are not set
    char *setup_command, *setup_command2;
    char *mirror;
    char *hostname;
    char *authorization;
    char *login_url;                // OpenID 2.0 provider
    struct strv allowed_requestors; // teams
    struct strv trusted_proxies;    // addresses and networks, beside the related ones
    char *launchpad_api_url;
    char *api_keys_secret;
    char *github_secrets, *github_credentials; // secrets: package -> secret, user -> token
    struct swift_options swift;
    struct swift_options reader; // whom the web reads with, when it is another one (store_reader.h)
    struct nova_options nova;
    struct influx_options influx;
    char *archive_url; // "": which versions are current is not learnt
    char *storage_url; // where pages read results in a Swift; "": the built-in store
    uint16_t http_port;
    unsigned page_rate_limit;    // pages a second of one address; 0: any number
    unsigned request_rate_limit; // requests a minute of somebody who is logged in; 0: any number
    unsigned upstream_percentage;
    unsigned retry_delay_s;
    unsigned drain_timeout_s;
};

// How many local workers there are of a backend, of all architectures.
unsigned settings_count(const struct settings *settings, enum backend backend);
// Sets the number of local workers of an architecture and backend (BACKEND_COUNT: nothing). 0 or
// -ENOMEM.
int settings_set_local(struct settings *settings, const char *arch, enum backend backend,
                       unsigned count);
// Sets the number of workers of a cloud for an architecture. 0 or -ENOMEM.
int settings_set_cloud(struct settings *settings, enum cloud_kind kind, const char *cloud,
                       const char *arch, unsigned count);
// The same for an LXD host, whose cloud is called after its address (data/remote.h).
int settings_set_remote(struct settings *settings, const char *arch, const char *address,
                        unsigned count);
// The first entry of a cloud, or with `arch` (NULL: any) of both; NULL: none.
const struct cloud_workers *settings_find_cloud(const struct settings *settings, const char *cloud,
                                                const char *arch);
// How many workers there are in clouds of a kind.
unsigned settings_count_clouds(const struct settings *settings, enum cloud_kind kind);
// Whether results go to a Swift.
bool settings_use_swift(const struct settings *settings);
void settings_release(struct settings *settings);

#define _cleanup_settings_ _cleanup_(settings_release)
