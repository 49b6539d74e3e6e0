// SPDX-License-Identifier: GPL-3.0-only
// What changed among the packages of a testbed between two runs. Pure.
#pragma once

#include "data/json.h"

// Both texts are `testbed-packages` of result.tar: a line `PACKAGE<tab>VERSION` for each package,
// in any order (a later line of the same package counts); lines that are something else are left
// out. *ret: an array, by package, of
// {"package", "before", "after"}, where the one that had no such package lacks its member and
// `added` or `removed` is true.
int package_diff(const char *before, const char *after, json_t **ret, struct error *err);
