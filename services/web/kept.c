// SPDX-License-Identifier: GPL-3.0-only
#include "web/kept.h"

#include "base/buf.h"
#include "base/clock.h"

struct kept_entry {
    char *key; // NULL: free
    void *value;
    size_t size;
    uint64_t until_us;
};

int kept_init(struct kept *kept, size_t entries_max, size_t bytes_max, uint64_t keep_us,
              void (*drop)(void *value))
{
    *kept = (struct kept){.entries = calloc(entries_max, sizeof(struct kept_entry)),
                          .entries_max = entries_max,
                          .bytes_max = bytes_max,
                          .keep_us = keep_us,
                          .drop = drop};
    return kept->entries ? 0 : -ENOMEM;
}

static void drop(struct kept *kept, struct kept_entry *entry)
{
    if (!entry->key)
        return;
    kept->drop(entry->value);
    kept->bytes -= entry->size;
    free(entry->key);
    *entry = (struct kept_entry){0};
}

void kept_forget(struct kept *kept)
{
    for (size_t i = 0; kept->entries && i < kept->entries_max; i++)
        drop(kept, &kept->entries[i]);
}

void kept_release(struct kept *kept)
{
    kept_forget(kept);
    free(TAKE_PTR(kept->entries));
}

bool kept_drop_old(struct kept *kept)
{
    uint64_t now = clock_monotonic_us();
    bool any = false;

    for (size_t i = 0; i < kept->entries_max; i++) {
        struct kept_entry *entry = &kept->entries[i];

        if (entry->key && now >= entry->until_us)
            drop(kept, entry);
        any |= entry->key != NULL;
    }
    return any;
}

void *kept_find(struct kept *kept, const char *key)
{
    if (!kept_drop_old(kept))
        return NULL;
    for (size_t i = 0; i < kept->entries_max; i++)
        if (str_equal(kept->entries[i].key, key))
            return kept->entries[i].value;
    return NULL;
}

int kept_put(struct kept *kept, const char *key, void *value, size_t size)
{
    struct kept_entry *entry;
    char *copy;

    if (size > kept->bytes_max)
        return -E2BIG;
    if (kept_find(kept, key))
        return -EEXIST;
    copy = strdup(key);
    if (!copy)
        return -ENOMEM;
    do {
        entry = &kept->entries[kept->next++ % kept->entries_max];
        drop(kept, entry);
    } while (kept->bytes + size > kept->bytes_max);
    *entry = (struct kept_entry){.key = copy,
                                 .value = value,
                                 .size = size,
                                 .until_us = clock_monotonic_us() + kept->keep_us};
    kept->bytes += size;
    return 0;
}
