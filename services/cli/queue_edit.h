// SPDX-License-Identifier: GPL-3.0-only
// `autopkgtest-cloud queue list`, `filter`, `move` and `put`.
#pragma once

#include "cli/cli.h"
#include "cli/selection.h"

enum queue_verb { QUEUE_LIST, QUEUE_FILTER, QUEUE_MOVE };

extern const char queue_list_help[], queue_filter_help[], queue_move_help[], queue_put_help[];

// argv[0] is the verb; the exit code.
int queue_edit(enum queue_verb verb, int argc, char **argv);
int queue_put(int argc, char **argv);

// Removes for good what is selected, telling of each that it was cancelled and why (`reason`). The
// number in *ret_removed. -ENOENT: there is no such queue.
int queue_remove(const char *queue, const struct selection *selection, const char *reason,
                 uint64_t *ret_removed, struct error *err);
