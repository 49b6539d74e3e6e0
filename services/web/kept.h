// SPDX-License-Identifier: GPL-3.0-only
// Things that are kept for a while by a key: so many at most, and so many bytes. When a place is
// needed they go in turn.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept_entry;

struct kept {
    struct kept_entry *entries;
    size_t entries_max, next; // `next`: the entry that goes
    size_t bytes, bytes_max;
    uint64_t keep_us;
    void (*drop)(void *value);
};

// `drop` frees what is kept no longer. -ENOMEM.
int kept_init(struct kept *kept, size_t entries_max, size_t bytes_max, uint64_t keep_us,
              void (*drop)(void *value));
void kept_release(struct kept *kept);

// Borrowed; NULL: there is none, or it was there for `keep_us` already.
void *kept_find(struct kept *kept, const char *key);
// `value`, of `size` bytes, is taken over on success. -EEXIST: there is one of this key; -E2BIG: it
// is larger than all may be together; -ENOMEM.
int kept_put(struct kept *kept, const char *key, void *value, size_t size);
// Drops what was there for long enough. Whether something is left.
bool kept_drop_old(struct kept *kept);
void kept_forget(struct kept *kept); // all
