// SPDX-License-Identifier: GPL-3.0-only
// A folder for targets whose input is files. It goes when the program ends.
#pragma once

#include <stddef.h>

// The folder, made at the first call.
const char *scratch_dir(void);
// Writes a file in it; `name` may have one folder before it, which is made.
void scratch_put(const char *name, const void *content, size_t len);
