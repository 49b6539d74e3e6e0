// SPDX-License-Identifier: GPL-3.0-only
// The workers that run on this machine, whether the charm still wants them or they only finish
// their last tests: systemd makes a folder /run/autopkgtest-cloud/worker-NAME (RuntimeDirectory= of
// the service) for as long as the worker NAME runs.
#pragma once

#include "base/strv.h"

// Adds the names of their services ("autopkgtest-worker@local-amd64-1.service"), in ascending
// order. `root` stands in front of the path ("" on a unit).
int running_workers_list(const char *root, struct strv *ret, struct error *err);
