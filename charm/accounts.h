// SPDX-License-Identifier: GPL-3.0-only
// The system user and group of the services, and their numbers: read from ROOT/etc/passwd and group
// directly, made with groupadd and useradd.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define ACCOUNT "autopkgtest"
#define ACCOUNT_HOME "/var/lib/autopkgtest-cloud/home"

// "root" is 0 everywhere. -ENOENT: there is none of that name. *ret_home may be NULL.
int account_user(const char *root, const char *name, uid_t *ret_uid, char **ret_home,
                 struct error *err);
int account_group(const char *root, const char *name, gid_t *ret_gid, struct error *err);

// Makes user and group, and a range of subordinate ids for user namespaces, where missing.
// *ret_changed (may be NULL) tells whether anything was.
int accounts_ensure(const char *root, bool *ret_changed, struct error *err);
// Lets the user use virtual machines of the kernel (/dev/kvm): makes it a member of group kvm,
// which is made, where udev has not done so.
int accounts_allow_kvm(const char *root, struct error *err);
