// SPDX-License-Identifier: GPL-3.0-only
// Packages of the distribution: what is installed, read from dpkg's own list, and apt-get for what
// is not.
#pragma once

#include "base/strv.h"

#include <stdbool.h>

// Appends those of `wanted` that neither are installed nor provided by an installed package.
// Streams ROOT/var/lib/dpkg/status; no such file: nothing is installed.
int packages_missing(const char *root, const struct strv *wanted, struct strv *ret,
                     struct error *err);

// A word that changes whenever something is installed or removed: date and size of dpkg's list. The
// caller frees.
char *packages_stamp(const char *root);

// The package that has LXD's client `lxc`; NULL: this system has it as a snap only. A literal.
const char *packages_lxd_client(const char *root);

// Names from the charm's list for this system (CHARM_DIR/packages.ID-VERSION by
// ROOT/etc/os-release, else the first packages.* there is), one a line, `#` comments.
int packages_read_list(const char *root, const char *charm_dir, struct strv *ret,
                       struct error *err);

// apt-get update, when `refresh` or when installing fails without it; then apt-get install. Each is
// tried three times, since archives fail for moments.
int packages_install(const struct strv *names, bool refresh, struct error *err);
