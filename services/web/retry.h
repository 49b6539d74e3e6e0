// SPDX-License-Identifier: GPL-3.0-only
// The way from a result (an object of results.h) to the same request once more.
#pragma once

#include "data/json.h"

#include <stdbool.h>

// Whether that could end otherwise: tests of a package that is on the denylist are never run.
bool retry_makes_sense(const json_t *result);

// The address of the form for requests, filled in with what led to a result: its test, triggers,
// and what else made it special. The caller frees; NULL: no memory.
char *retry_url(const json_t *result);
