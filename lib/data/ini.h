// SPDX-License-Identifier: GPL-3.0-only
// Settings files of the services (inih): `key = value` lines under `[section]` headings, lines of
// comment after `#` or `;`; the *.cred files are the same without headings (`KEY=value`). The charm
// writes them, the services read them.
//
// A value is the rest of its line without the blanks around it, of any length, with no quotes and
// no comments in it; a section may come in several parts, but a key only once. Not for threads.
#pragma once

#include "base/buf.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct ini; // a parsed file, values by (section, key)

int ini_load(const char *path, struct ini **ret, struct error *err);
int ini_parse_text(const char *text, size_t len, const char *name, struct ini **ret,
                   struct error *err);
void ini_free(struct ini *ini);

// NULL when absent. "" is the part before the first heading. Borrowed.
const char *ini_get(const struct ini *ini, const char *section, const char *key);
bool ini_has_section(const struct ini *ini, const char *section);
// Names of the sections in the order of the file.
int ini_sections(const struct ini *ini, struct strv *ret);

// Typed; the default when absent. Message: `FILE: [section] key: expected a whole number, got "x"`.
int ini_get_uint(const struct ini *ini, const char *section, const char *key, uint64_t min,
                 uint64_t max, uint64_t fallback, uint64_t *ret, struct error *err);
int ini_get_bool(const struct ini *ini, const char *section, const char *key, bool fallback,
                 bool *ret, struct error *err);
// An error when absent or empty.
int ini_require(const struct ini *ini, const char *section, const char *key, const char **ret,
                struct error *err);

DEFINE_CLEANUP(struct ini *, ini_free)
