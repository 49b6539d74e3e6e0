// SPDX-License-Identifier: GPL-3.0-only
// Base64 (RFC 4648, section 4).
#pragma once

#include "base/buf.h"

// Appends what the text stands for; blanks and newlines in it are left out, padding may be missing.
// -EINVAL, -E2BIG.
int base64_decode(const char *text, struct buf *ret);
// Appends the bytes as text in one line, padded. -E2BIG, -ENOMEM.
int base64_encode(const void *bytes, size_t len, struct buf *ret);
