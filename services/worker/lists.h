// SPDX-License-Identifier: GPL-3.0-only
// The per-package lists: big_packages, long_tests, never_run, vm_packages. Files of lines
// `PACKAGE[/ARCH[/RELEASE]]` with `#` comments; shell wildcards in PACKAGE, `all` for any.
//
// They are in memory, and read again when their folder changes (control.c watches it).
#pragma once

#include "base/strv.h"

#include <stdbool.h>

enum list { LIST_NEVER_RUN, LIST_BIG, LIST_LONG, LIST_VM, LIST_COUNT };

struct lists {
    struct strv lines[LIST_COUNT]; // without comments and blanks
};

// Reads the four files of `dir`. A missing one is an empty list. One that cannot be read is logged,
// and what was known of it stays; so is a line that is none, which is left out. -ENOMEM only.
int lists_load(struct lists *lists, const char *dir, struct error *err);
void lists_release(struct lists *lists);

// Whether the list names the package.
bool lists_contain(const struct lists *lists, enum list list, const char *package, const char *arch,
                   const char *release);

// Whether a line of a list (without its newline) speaks of that package.
bool lists_line_matches(const char *line, const char *package, const char *arch,
                        const char *release);
