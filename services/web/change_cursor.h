// SPDX-License-Identifier: GPL-3.0-only
// Where a client is in the changes of results, at whatever unit: a change is known by when its
// result was announced and by a digest of its content, which are the same in every unit's database
// (adt/database.h). A cursor is
//
//     floor     everything up to it was seen, or comes too late
//     seen      what was seen behind the floor: that of the last two minutes, at most 256 changes
//
// so that a unit that got results in another order, or some of them later, gives what is not seen
// and nothing twice. Nothing here knows databases.
#pragma once

#include "base/buf.h"

#include <stdint.h>

#define CHANGE_WINDOW_S 120
#define CHANGE_SEEN_MAX 256
#define CHANGE_CURSOR_MAX 2600 // characters

struct change_key {
    int64_t time_s; // since 1970
    int64_t digest; // 48 bits
};

struct change_cursor {
    struct change_key floor;
    struct change_key *seen; // ascending
    size_t len, alloc;
};

void change_cursor_release(struct change_cursor *cursor);
// -EINVAL for what is none. What is written is read back as it was.
int change_cursor_read(const char *text, struct change_cursor *ret, struct error *err);
// The caller frees; NULL for lack of memory.
char *change_cursor_write(const struct change_cursor *cursor);
// One that was seen. -ENOMEM.
int change_cursor_add(struct change_cursor *cursor, struct change_key key);
// After all were added: lifts the floor to the window.
void change_cursor_settle(struct change_cursor *cursor);
