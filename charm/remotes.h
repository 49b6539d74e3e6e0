// SPDX-License-Identifier: GPL-3.0-only
// The LXD hosts that workers of this unit test on. What the client `lxc` needs of them is in
// REMOTES_DIR, its $LXD_CONF: the unit's certificate (client.crt, client.key), the list of hosts
// (config.yml, rendered from templates/conf/lxd.yml) and the certificate of each that trusts the
// unit (servercerts/CLOUD.crt). `autopkgtest-cloud remote` speaks with them.
//
// Workers of a host run only once it trusts the unit: else each request would fail on it. A host
// that is no longer wanted is known for as long as a worker finishes its last test there.
#pragma once

#include "charm/apply.h"
#include "charm/state.h"
#include "charm/status.h"

#define REMOTES_DIR ETC_DIR "/lxd"

// The hosts to know, an object of cloud -> address, remembered in the state. The caller owns it.
int remotes_list(const char *root, struct state *state, const struct settings *settings,
                 json_t **ret, struct error *err);
// The unit's name among those that hosts trust, "autopkgtest-cloud-0"; the caller frees.
char *remotes_client_name(const char *unit);
// What must be installed to work with them: names are appended.
int remotes_packages(const char *root, struct strv *ret);
// Everything that speaking with a host needs: packages, the folder, the unit's certificate.
int remotes_prepare(const struct apply *a, struct error *err);
// Between files and services: makes the unit's certificate where it has none, asks hosts that are
// not known to trust the unit, and takes workers of those that do not out of the plan; the status
// says why. Forgets certificates of hosts that are not in `remotes`.
int remotes_apply(const struct apply *a, const json_t *remotes, struct plan *plan,
                  struct status *status, struct error *err);
// Whether a worker of the host is running still, or with `arch` (NULL: any) one of those.
bool remotes_in_use(const char *root, const char *cloud, const char *arch);
