// SPDX-License-Identifier: GPL-3.0-only
// Objects of a Swift that were just read, for who looks at the next part of the same log, into
// another folder of the same archive, or at the run again: objects of a run do not change once they
// are there. They are files without names. A key has who may read it (stored.h: enum
// stored_reader); who asks for what is private has to know that it is for him, each time.
#pragma once

#include "web/uri.h"

#include <stdint.h>
#include <systemd/sd-event.h>

#define STORED_CACHE_ENTRIES 64
// Bytes of one, and of all; more where the disk has room: a quarter of what is free, and half.
#define STORED_CACHE_FILE ((uint64_t)256 * 1024 * 1024)
#define STORED_CACHE_BYTES ((uint64_t)512 * 1024 * 1024)
#define STORED_CACHE_US UINT64_C(60000000) // what was removed is shown no longer than this

struct stored_cache;

// NULL for lack of memory.
struct stored_cache *stored_cache_new(sd_event *event);
void stored_cache_free(struct stored_cache *cache);

// The file of an object, a descriptor of the caller's own; -1: none. *ret_etag (NULL: it has none)
// is the caller's, too. Its headers are added to `headers` (NULL: not wanted).
int stored_cache_get(struct stored_cache *cache, const char *key, char **ret_etag,
                     struct params *headers);
// What is larger than this is not kept, on the disk where `fd` is.
uint64_t stored_cache_largest(int fd);
// Keeps a file (the descriptor stays the caller's), if there is room for it. `etag` may be NULL.
void stored_cache_put(struct stored_cache *cache, const char *key, int fd, const char *etag,
                      const struct params *headers);
void stored_cache_forget(struct stored_cache *cache); // all
