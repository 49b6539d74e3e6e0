// SPDX-License-Identifier: GPL-3.0-only
// Small public objects of a Swift that were just read, for who looks at the same run, or at its log
// next: objects of a run do not change once they are there. Nothing private is kept here.
#pragma once

#include <stdint.h>

#define STORED_CACHE_ENTRIES 64
#define STORED_CACHE_BYTES ((int64_t)1024 * 1024) // larger ones are not kept
#define STORED_CACHE_US UINT64_C(60000000)        // what was removed is shown no longer than this

struct stored_cache;

struct stored_cache *stored_cache_new(void);
void stored_cache_free(struct stored_cache *cache);

// The file of an object, a descriptor of the caller's own; -1: none.
int stored_cache_get(struct stored_cache *cache, const char *key);
// Keeps a file (the descriptor stays the caller's), if it is small.
void stored_cache_put(struct stored_cache *cache, const char *key, int fd);
void stored_cache_forget(struct stored_cache *cache); // all
