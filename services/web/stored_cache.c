// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_cache.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

struct entry {
    char *key;  // NULL: free
    char *etag; // NULL: none is known
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

static void entry_release(struct entry *entry)
{
    close_fd(&entry->fd);
    free(entry->key);
    free(entry->etag);
    *entry = (struct entry){.fd = -1};
}

static void drop(struct stored_cache *cache, struct entry *entry)
{
    if (!entry->key)
        return;
    cache->bytes -= entry->size;
    entry_release(entry);
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

int stored_cache_get(struct stored_cache *cache, const char *key, char **ret_etag)
{
    const struct entry *entry = find(cache, key);
    _cleanup_free_ char *etag = entry && entry->etag ? strdup(entry->etag) : NULL;
    int fd = entry && (etag || !entry->etag) ? fcntl(entry->fd, F_DUPFD_CLOEXEC, 0) : -1;

    if (fd >= 0)
        *ret_etag = TAKE_PTR(etag);
    return fd;
}

static int entry_fill(struct entry *entry, const char *key, int fd, const char *etag)
{
    entry->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    entry->key = strdup(key);
    entry->etag = etag ? strdup(etag) : NULL;
    entry->until_us = clock_monotonic_us() + STORED_CACHE_US;
    return entry->fd < 0 || !entry->key || (etag && !entry->etag) ? -ENOMEM : 0;
}

void stored_cache_put(struct stored_cache *cache, const char *key, int fd, const char *etag)
{
    struct entry fresh = {.fd = -1}, *entry;
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size > STORED_CACHE_FILE || find(cache, key))
        return;
    fresh.size = st.st_size;
    if (entry_fill(&fresh, key, fd, etag) < 0) {
        entry_release(&fresh);
        return;
    }
    do {
        entry = &cache->entries[cache->next++ % STORED_CACHE_ENTRIES];
        drop(cache, entry);
    } while (cache->bytes + fresh.size > STORED_CACHE_BYTES);
    *entry = fresh;
    cache->bytes += fresh.size;
    if (sd_event_source_get_enabled(cache->timer, NULL) == 0)
        (void)arm(cache);
}
