// SPDX-License-Identifier: GPL-3.0-only
// Text in a stored log.gz, found by reading it once, in bounded memory, in a process of its own
// (inside.h).
#pragma once

#include "data/json.h"

#include <stddef.h>

#define LOG_SEARCH_MAX ((size_t)200) // bytes of text that is looked for

struct log_search {
    const char *text;   // as people see lines: without terminal escapes and control characters
    bool exact_case;    // else the case of ASCII letters makes no difference
    size_t skip, limit; // lines with it
};

// {"hits": [{"line": from 1, "section": from 1, "title": the section's, "before", "match", "after":
// the line, cut where it is long}], "total": lines with the text, "lines": all lines}. Lines and
// sections are counted as in log_view.h. fd is taken over.
int log_search(int fd, const struct log_search *search, json_t **ret, struct error *err);
