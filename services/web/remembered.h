// SPDX-License-Identifier: GPL-3.0-only
// Texts that are remembered for a span, and for at most twice that; then all that are older go at
// once.
#pragma once

#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct remembered {
    struct strv now, before;
    uint64_t since_us; // of `now`
};

// Lets go of what is older than two spans, before one looks or adds.
void remembered_turn(struct remembered *remembered, uint64_t span_us);
bool remembered_has(const struct remembered *remembered, const char *text);
// Adds a copy. -ENOMEM.
int remembered_add(struct remembered *remembered, const char *text);
void remembered_release(struct remembered *remembered);
// Takes all of it out.
struct remembered remembered_move(struct remembered *remembered);
