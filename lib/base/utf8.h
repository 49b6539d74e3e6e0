// SPDX-License-Identifier: GPL-3.0-only
// UTF-8 in bytes from outside. Well-formed is what table 3-7 of the Unicode standard says: no
// overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include "base/buf.h"

// Length of the well-formed sequence at `s` (1 to 4 bytes); 0 when none begins there.
size_t utf8_sequence(const char *s, size_t len);

// Whether all of it is well-formed.
bool utf8_is_valid(const char *text, size_t len);

// Appends the text with U+FFFD for every NUL and for every byte of no well-formed sequence: what
// comes out is a C string that JSON and HTML take. Errors as buf_add().
int utf8_add_clean(struct buf *b, const char *text, size_t len);
