// SPDX-License-Identifier: GPL-3.0-only
#include "web/page_cache.h"

#include "base/clock.h"

struct entry {
    char *key; // NULL: free
    struct MHD_Response *response;
    uint64_t until_us;
    size_t size;
};

struct page_cache {
    struct entry entries[PAGE_CACHE_ENTRIES];
    size_t bytes, next; // `next`: the entry that goes when a place is needed, in turn
};

struct page_cache *page_cache_new(void)
{
    return calloc(1, sizeof(struct page_cache));
}

// Connections that still send it have references of their own.
static void drop(struct page_cache *cache, struct entry *entry)
{
    if (!entry->key)
        return;
    MHD_destroy_response(entry->response);
    cache->bytes -= entry->size;
    free(entry->key);
    *entry = (struct entry){0};
}

void page_cache_free(struct page_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < PAGE_CACHE_ENTRIES; i++)
        drop(cache, &cache->entries[i]);
    free(cache);
}

// NULL: this one is answered for itself.
static char *key_of(const struct exchange *x)
{
    if (!(x->method & METHODS_READ) || !x->route || !x->route->keep ||
        exchange_header(x, "Cookie") || exchange_header(x, "X-Api-Key"))
        return NULL;
    // What is kept of data has no parameters, whatever stands behind its path.
    return str_format("%c%c%s?%s", x->wants_json ? 'j' : 'h', exchange_is_tls(x) ? 's' : 'p',
                      x->path, x->route->kind == ROUTE_DATA ? "" : x->query_text);
}

static struct entry *find(struct page_cache *cache, const char *key)
{
    uint64_t now = clock_monotonic_us();

    for (size_t i = 0; i < PAGE_CACHE_ENTRIES; i++) {
        struct entry *entry = &cache->entries[i];

        if (entry->key && now >= entry->until_us)
            drop(cache, entry);
        else if (entry->key && strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

bool page_cache_answer(struct page_cache *cache, struct exchange *x)
{
    _cleanup_free_ char *key = key_of(x);
    struct entry *entry = key ? find(cache, key) : NULL;

    if (!entry)
        return false;
    x->response = entry->response;
    x->response_shared = true;
    x->status = MHD_HTTP_OK;
    return true;
}

void page_cache_keep(struct page_cache *cache, struct exchange *x, size_t size)
{
    char *key = key_of(x);
    struct entry *entry;

    if (!key || size > PAGE_CACHE_BYTES / 2 || (entry = find(cache, key))) {
        free(key);
        return;
    }
    do {
        entry = &cache->entries[cache->next++ % PAGE_CACHE_ENTRIES];
        drop(cache, entry);
    } while (cache->bytes + size > PAGE_CACHE_BYTES);
    *entry = (struct entry){.key = key,
                            .response = x->response,
                            .until_us = clock_monotonic_us() + PAGE_CACHE_US,
                            .size = size};
    cache->bytes += size;
    x->response_shared = true;
}
