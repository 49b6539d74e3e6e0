// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_cache.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

struct entry {
    char *key; // NULL: free
    int fd;    // a file without a name
    uint64_t until_us;
};

struct stored_cache {
    struct entry entries[STORED_CACHE_ENTRIES];
    size_t next; // the entry that goes when a place is needed, in turn
};

struct stored_cache *stored_cache_new(void)
{
    return calloc(1, sizeof(struct stored_cache));
}

static void drop(struct entry *entry)
{
    if (!entry->key)
        return;
    free(TAKE_PTR(entry->key));
    close_fd(&entry->fd);
}

void stored_cache_forget(struct stored_cache *cache)
{
    for (size_t i = 0; i < STORED_CACHE_ENTRIES; i++)
        drop(&cache->entries[i]);
}

void stored_cache_free(struct stored_cache *cache)
{
    if (!cache)
        return;
    stored_cache_forget(cache);
    free(cache);
}

static struct entry *find(struct stored_cache *cache, const char *key)
{
    uint64_t now = clock_monotonic_us();

    for (size_t i = 0; i < STORED_CACHE_ENTRIES; i++) {
        struct entry *entry = &cache->entries[i];

        if (entry->key && now >= entry->until_us)
            drop(entry);
        else if (entry->key && strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

int stored_cache_get(struct stored_cache *cache, const char *key)
{
    const struct entry *entry = find(cache, key);

    return entry ? fcntl(entry->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

void stored_cache_put(struct stored_cache *cache, const char *key, int fd)
{
    struct entry fresh = {.until_us = clock_monotonic_us() + STORED_CACHE_US};
    struct entry *entry;
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size > STORED_CACHE_BYTES || find(cache, key))
        return;
    fresh.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fresh.fd < 0)
        return;
    fresh.key = strdup(key);
    if (!fresh.key) {
        close_fd(&fresh.fd);
        return;
    }
    entry = &cache->entries[cache->next++ % STORED_CACHE_ENTRIES];
    drop(entry);
    *entry = fresh;
}
