// SPDX-License-Identifier: GPL-3.0-only
// A checkout of autopkgtest from git, for option autopkgtest-source: each commit in a folder of its
// own below /var/lib/autopkgtest-cloud/autopkgtest/, so that a running test keeps the files it
// started with. The folder used before the last change is kept, older ones are removed.
#pragma once

#include "charm/state.h"

#define SOURCE_DIR "/var/lib/autopkgtest-cloud/autopkgtest"

// Makes sure that what `url` and `branch` (NULL: the repository's default) name was fetched once,
// and gives the path of its program, without `root`; the caller frees. -EIO: git failed, -ENOENT:
// it is no autopkgtest; the message is for the operator.
int source_ensure(const char *root, struct state *state, const char *url, const char *branch,
                  char **ret_program, struct error *err);

// Fetches what they name now, and gives its commit (12 digits); the caller frees. The next
// source_ensure() gives its program. Errors as there.
int source_update(const char *root, struct state *state, const char *url, const char *branch,
                  char **ret_commit, struct error *err);
