// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_cache.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

struct entry {
    char *key; // NULL: free
    int fd;
    int64_t size;
    uint64_t until_us;
};

struct stored_cache {
    struct entry entries[STORED_CACHE_ENTRIES];
    int64_t bytes;
    size_t next;            // the entry that goes when a place is needed, in turn
    sd_event_source *timer; // gives back the room of what is old
};

static void drop(struct stored_cache *cache, struct entry *entry)
{
    if (!entry->key)
        return;
    cache->bytes -= entry->size;
    free(TAKE_PTR(entry->key));
    close_fd(&entry->fd);
}

void stored_cache_forget(struct stored_cache *cache)
{
    for (size_t i = 0; i < STORED_CACHE_ENTRIES; i++)
        drop(cache, &cache->entries[i]);
}

static int arm(const struct stored_cache *cache)
{
    int r = sd_event_source_set_time(cache->timer, clock_monotonic_us() + STORED_CACHE_US);

    return r < 0 ? r : sd_event_source_set_enabled(cache->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source _unused_, uint64_t now, void *userdata)
{
    struct stored_cache *cache = userdata;

    for (size_t i = 0; i < STORED_CACHE_ENTRIES; i++)
        if (cache->entries[i].key && now >= cache->entries[i].until_us)
            drop(cache, &cache->entries[i]);
    return cache->bytes > 0 ? arm(cache) : 0;
}

struct stored_cache *stored_cache_new(sd_event *event)
{
    struct stored_cache *cache = calloc(1, sizeof(*cache));

    if (cache &&
        (sd_event_add_time(event, &cache->timer, CLOCK_MONOTONIC, 0, 0, on_timer, cache) < 0 ||
         sd_event_source_set_enabled(cache->timer, SD_EVENT_OFF) < 0)) {
        stored_cache_free(cache);
        return NULL;
    }
    return cache;
}

void stored_cache_free(struct stored_cache *cache)
{
    if (!cache)
        return;
    stored_cache_forget(cache);
    (void)sd_event_source_disable_unref(cache->timer);
    free(cache);
}

static struct entry *find(struct stored_cache *cache, const char *key)
{
    uint64_t now = clock_monotonic_us();

    for (size_t i = 0; i < STORED_CACHE_ENTRIES; i++) {
        struct entry *entry = &cache->entries[i];

        if (entry->key && now >= entry->until_us)
            drop(cache, entry);
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

    if (fstat(fd, &st) < 0 || st.st_size > STORED_CACHE_FILE || find(cache, key))
        return;
    fresh.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fresh.fd < 0)
        return;
    fresh.key = strdup(key);
    if (!fresh.key) {
        close_fd(&fresh.fd);
        return;
    }
    fresh.size = st.st_size;
    do {
        entry = &cache->entries[cache->next++ % STORED_CACHE_ENTRIES];
        drop(cache, entry);
    } while (cache->bytes + fresh.size > STORED_CACHE_BYTES);
    *entry = fresh;
    cache->bytes += fresh.size;
    if (sd_event_source_get_enabled(cache->timer, NULL) == 0)
        (void)arm(cache);
}
