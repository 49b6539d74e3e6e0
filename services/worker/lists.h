// SPDX-License-Identifier: GPL-3.0-only
// The per-package lists: big_packages, long_tests, never_run, vm_packages. Files of lines
// `PACKAGE[/ARCH[/RELEASE]]` with `#` comments; shell wildcards in PACKAGE, `all` for any.
//
// A list is read when it is asked, so that an edit counts from the next test on and an idle worker
// keeps nothing of it in memory.
#pragma once

#include "base/error.h"

#include <stdbool.h>

// Whether a line of a list (without its newline) speaks of that package.
bool lists_line_matches(const char *line, const char *package, const char *arch,
                        const char *release);

// Whether the list file `name` of folder `dir` names the package. A missing file is an empty list.
int lists_contain(const char *dir, const char *name, const char *package, const char *arch,
                  const char *release, bool *ret, struct error *err);
