// SPDX-License-Identifier: GPL-3.0-only
// Strict parsers of numbers and the like: the whole string, no blanks, no sign where none fits.
// On failure the message says what was expected and what was found: `expected a whole number from 1
// to 65535, got "80a"`; the caller prefixes the place.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decimal digits only, within [min, max]. -EINVAL not a number, -ERANGE outside.
int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct error *err);
// The same with an optional leading '-'.
int parse_int(const char *s, int64_t min, int64_t max, int64_t *ret, struct error *err);
// true/false, yes/no, on/off, 1/0 (any case).
int parse_bool(const char *s, bool *ret, struct error *err);
// Lower-case hexadecimal of `len` bytes into `ret` (2*len characters and a NUL).
void hex_encode(const void *bytes, size_t len, char *ret);
