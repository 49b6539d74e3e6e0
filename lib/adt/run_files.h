// SPDX-License-Identifier: GPL-3.0-only
// The files of a run in the store (docs/reference/formats.md), in the order in which they are
// stored: who sees the last of them sees the rest.
#pragma once

#include <stddef.h>

struct run_file {
    const char *name;
    const char *headers[3]; // of the object, up to a NULL
};

#define RUN_FILES_LEN 3
extern const struct run_file run_files[RUN_FILES_LEN];
