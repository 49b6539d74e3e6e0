// SPDX-License-Identifier: GPL-3.0-only
// Lists appended to lists.
#pragma once

#include "base/strv.h"

// Appends a copy of every item; 0 or -ENOMEM.
static inline int strv_add_list(struct strv *v, const struct strv *other)
{
    return other->len > 0 ? strv_add_all(v, (const char *const *)other->items) : 0;
}
