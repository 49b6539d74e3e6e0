// SPDX-License-Identifier: GPL-3.0-only
// Which workers of this unit take no more work: one empty file for each order, `CLOUD:ARCH` with
// `all` for any, in a folder that the workers watch. So an order needs no broker, holds across
// restarts and reboots, and goes for workers that are added later too.
#pragma once

#include "base/strv.h"

#include <stdbool.h>

#define DRAIN_ALL "all"
#define DRAIN_DIR "/var/lib/autopkgtest-cloud/drained" // where worker.conf names no other

// The folder: `drain-dir` of worker.conf in the settings folder. The caller frees. -ENOENT: there
// is no worker.conf.
int drain_dir(const char *settings_dir, char **ret, struct error *err);

// NULL for any cloud or architecture. *ret_changed (may be NULL): it was not so before. -EINVAL: a
// name that no cloud or architecture can have.
int drain_set(const char *dir, const char *cloud, const char *arch, bool *ret_changed,
              struct error *err);
// Takes this one order back; wider and narrower ones stay.
int drain_clear(const char *dir, const char *cloud, const char *arch, bool *ret_changed,
                struct error *err);
// Appends the orders in force, "local:amd64", sorted.
int drain_list(const char *dir, struct strv *ret, struct error *err);

// Whether some order goes for that worker.
bool drain_covers(const char *dir, const char *cloud, const char *arch);
