// SPDX-License-Identifier: GPL-3.0-only
// Per-package lists from git, for option package-configs-source. A timer of systemd fetches them
// every minute (services/lists), this module names it and looks how that went.
#pragma once

#include "base/error.h"

#define LISTS_DIR "/var/lib/autopkgtest-cloud/package-configs"
#define LISTS_SERVICE "autopkgtest-lists.service"
#define LISTS_TIMER "autopkgtest-lists.timer"
#define LISTS_TARGET "timers.target" // what starts the timer

// Why they could not be fetched the last time; NULL: nothing failed. The caller frees.
char *lists_failure(const char *root);

// Fetches them now, and gives their commit (12 digits); the caller frees. -EIO: with the reason.
int lists_update(const char *root, char **ret_commit, struct error *err);
