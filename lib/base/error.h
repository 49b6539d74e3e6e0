// SPDX-License-Identifier: GPL-3.0-only
// Why a call failed, in words for a person.
//
// A function that can fail returns 0 or a negative errno and takes a `struct error *` last. The
// number is for the caller's decision, the message for the reader: a sentence fragment that names
// the place, what is wrong and the way out (`n-workers: lcy02.amd64: expected a whole number, got
// "ten"`), and is prefixed on its way up. Nothing here logs, prints or exits.
//
//     r = file_read(path, FILE_MAX, &text, err);
//     if (r < 0)
//         return error_prefix(err, r, "cannot read the package list");
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>

struct error {
    char *message; // owned; NULL when there is none
};

#define ERROR_INIT                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

// Sets the message (what was there is dropped) and returns `r`, so that it can end a function:
// `return error_set(err, -EINVAL, "…")`. `err` may be NULL: then only the number is passed on.
int error_set(struct error *err, int r, const char *format, ...) _printf_(3, 4);
int error_setv(struct error *err, int r, const char *format, va_list args) _printf_(3, 0);

// The same with ": " and the system's text for errno `-r` appended.
int error_errno(struct error *err, int r, const char *format, ...) _printf_(3, 4);

// Puts "PREFIX: " before the message and returns `r`. With no message there, the system's text for
// `-r` follows the prefix.
int error_prefix(struct error *err, int r, const char *format, ...) _printf_(3, 4);

// Out of memory: returns -ENOMEM with a message that needs none.
int error_oom(struct error *err);

// The message, or "unknown error" when there is none. Owned by `err`.
const char *error_message(const struct error *err);

// Drops the message; the struct can be used again. NULL: nothing to do.
void error_clear(struct error *err);

#define _cleanup_error_ _cleanup_(error_clear)
