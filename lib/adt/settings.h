// SPDX-License-Identifier: GPL-3.0-only
// The settings files that the charm renders (templates/conf/) and the services read, into structs.
// The formats are described in docs/reference/files.md; a test of the charm reads back with these
// parsers what its templates render.
#pragma once

#include "base/network.h"
#include "data/ini.h"
#include "net/amqp.h"
#include "net/swift.h"

#define CONFIG_DIR "/etc/autopkgtest-cloud"

// Folder of the settings files: $AUTOPKGTEST_CLOUD_CONFIG, or CONFIG_DIR.
const char *settings_dir(void);

// rabbitmq.cred: RABBIT_HOST (first host), RABBIT_HOSTS (all, blank-separated, optional),
// RABBIT_PORT, RABBIT_USER, RABBIT_PASSWORD, RABBIT_VHOST, RABBIT_TLS (0/1, default 0),
// RABBIT_CA_FILE. -ENOENT: the unit has no broker (yet).
int settings_load_broker(const char *dir, struct amqp_settings *ret, struct error *err);
// swift.cred: SWIFT_AUTH_URL, SWIFT_USERNAME, SWIFT_PASSWORD, SWIFT_PROJECT_NAME,
// SWIFT_PROJECT_DOMAIN_NAME, SWIFT_USER_DOMAIN_NAME, SWIFT_REGION.
int settings_load_store(const char *dir, struct swift_settings *ret, struct error *err);
// The same from a file of another name.
int settings_read_store(const char *path, struct swift_settings *ret, struct error *err);

// worker.conf: section [worker] for all, and one section per worker instance, `[local-amd64-1]`.
struct worker_settings {
    char *name;  // instance: CLOUD-ARCH-N
    char *unit;  // Juju's name of the unit, "autopkgtest-cloud/0"
    char *model; // UUID of its model, which tells it from others of that name; "" without Juju
    char *cloud, *arch;
    struct strv releases;
    char *backend;            // null, unshare, …
    struct strv backend_args; // variables not yet replaced
    char *image;              // file a release's tests need, with variables; NULL: none
    struct strv setup_commands;
    char *mirror;      // NULL when not set
    char *autopkgtest; // program
    char *upload;      // program: autopkgtest-upload
    char *work_dir;    // folders of running tests
    char *spool_dir;   // results not uploaded yet
    char *drain_dir;   // orders to take no more work (adt/drain.h)
    char *lists_dir;   // big_packages, long_tests, never_run, vm_packages
    uint64_t retry_delay_s;
    uint64_t upstream_percentage;
    uint64_t lease_ttl_s;
};
// -ENOENT: there is no section for this instance.
int settings_load_worker(const char *dir, const char *instance, struct worker_settings *ret,
                         struct error *err);
void worker_settings_release(struct worker_settings *settings);

// web.conf: section [web]; read by the web server and the indexer.
struct web_settings {
    char *unit; // Juju's name of the unit, "autopkgtest-cloud/0"
    char *hostname;
    char *public_url; // http[s]://HOST[:PORT][/PATH] of a proxy in front of it; NULL: none is known
    uint16_t port;
    struct networks trusted_proxies; // whose X-Forwarded-For and -Proto are believed
    unsigned page_rate_limit;        // pages a second of one address; 0: any number
    unsigned request_rate_limit; // requests a minute of somebody who is logged in; 0: any number
    unsigned client_timeout_s;   // for how long a client may be idle or too slow
    struct strv releases, architectures;
    char *authorization;            // open, api-key, login, launchpad
    char *login_url;                // OpenID 2.0 provider
    struct strv allowed_requestors; // teams
    char *launchpad_api_url;
    char *api_keys_file;           // JSON: user -> key; NULL when not set
    char *session_key_file;        // JSON: {"key": "…"}, of all units; NULL when not set
    char *github_secrets_file;     // JSON: package -> secret; NULL when not set
    char *github_credentials_file; // JSON: user -> token; NULL when not set
    char *github_api_url;
    char *results_mark;      // a file of the folder with the results; NULL: not set
    char *store_mark;        // the same of the built-in store's folder
    char *database;          // results.db
    char *public_database;   // public/autopkgtest.db
    char *store_dir;         // built-in store
    char *store_credentials; // file with SWIFT_USERNAME=, SWIFT_PASSWORD= that the built-in store
                             // accepts
    char *store_url;         // where results are read from: the built-in store's own address or the
                             // internal Swift address
    char *store_reader; // file like swift.cred: who may read private results there; NULL: nobody
    char *store_peer;   // the web unit that keeps them, `http://HOST:PORT`; NULL: none other
    char *templates_dir, *static_dir;
};
int settings_load_web(const char *dir, struct web_settings *ret, struct error *err);
// The same for who opens the results. -ENODEV: their mark is not there: the disk that they are on
// is not mounted.
int settings_load_results(const char *dir, struct web_settings *ret, struct error *err);
// Where people find the web service, `http://HOST`. The caller frees; NULL for lack of memory.
char *web_settings_url(const struct web_settings *settings);
void web_settings_release(struct web_settings *settings);
