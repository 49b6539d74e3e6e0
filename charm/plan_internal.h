// SPDX-License-Identifier: GPL-3.0-only
// What plan.c and plan_files.c share.
#pragma once

#include "charm/plan.h"
#include "data/template.h"

struct instance {
    const char *cloud, *arch;
    const struct cloud_workers *place; // NULL: on the unit itself, cloud "local"
    enum backend backend;              // there; BACKEND_COUNT elsewhere
    unsigned number;
};

// Calls `each` for every worker instance, in order: those of the unit itself, then cloud by cloud,
// architectures ascending, in them by backend, numbered through.
int plan_each_instance(const struct settings *settings,
                       int (*each)(const struct instance *instance, void *userdata),
                       void *userdata);
// "local-amd64-1"; the caller frees.
char *plan_instance_name(const struct instance *instance);

// An empty file at the end of the plan, owned by root; NULL for lack of memory. The strings `user`
// and `group` of a file are literals.
struct plan_file *plan_file_add(struct plan *plan, const char *path, mode_t mode, unsigned readers);
// Where the worker's folders are.
const char *plan_scratch_dir(const struct plan_input *input);
// Adds every file.
int plan_files(const struct plan_input *input, struct plan *plan, struct error *err);
