// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/outbox.h"

#include "base/buf.h"

struct outbox {
    struct outbox_entry **entry; // in the order in which they came
    size_t len, alloc;
};

struct outbox *outbox_new(void)
{
    return calloc(1, sizeof(struct outbox));
}

void outbox_status_release(struct outbox_status *status)
{
    free(status->url);
    free(status->context);
    free(status->body);
    *status = (struct outbox_status){0};
}

static void free_entry(struct outbox_entry *entry)
{
    outbox_status_release(&entry->status);
    free(entry);
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    for (size_t i = 0; i < outbox->len; i++)
        free_entry(outbox->entry[i]);
    free(outbox->entry);
    free(outbox);
}

static bool same(const struct outbox_status *a, const struct outbox_status *b)
{
    return strcmp(a->url, b->url) == 0 && strcmp(a->context, b->context) == 0;
}

// Whether the broker gives again what it had back while it was being sent.
static bool is_again(const struct outbox_entry *entry, const struct outbox_status *status)
{
    return entry->status.tag == 0 && strcmp(entry->status.body, status->body) == 0;
}

static struct outbox_entry *grow(struct outbox *outbox)
{
    struct outbox_entry *entry;

    if (outbox->len == outbox->alloc) {
        size_t alloc = outbox->alloc ? outbox->alloc * 2 : 16;
        void *grown = reallocarray(outbox->entry, alloc, sizeof(struct outbox_entry *));

        if (!grown)
            return NULL;
        outbox->entry = grown;
        outbox->alloc = alloc;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry)
        outbox->entry[outbox->len++] = entry;
    return entry;
}

int outbox_add(struct outbox *outbox, struct outbox_status *status, int64_t now_us,
               uint64_t *ret_old_tag)
{
    struct outbox_entry *entry = NULL;

    *ret_old_tag = 0;
    for (size_t i = 0; i < outbox->len && !entry; i++)
        if (same(&outbox->entry[i]->status, status) &&
            (!outbox->entry[i]->sending || is_again(outbox->entry[i], status)))
            entry = outbox->entry[i];
    if (entry && entry->sending) {
        entry->status.tag = status->tag;
        outbox_status_release(status);
        return 0;
    }
    if (entry) {
        *ret_old_tag = entry->status.tag;
        outbox_status_release(&entry->status);
    } else {
        entry = grow(outbox);
    }
    if (!entry) {
        outbox_status_release(status);
        return -ENOMEM;
    }
    *entry = (struct outbox_entry){.status = *status, .taken_us = now_us, .due_us = now_us};
    *status = (struct outbox_status){0};
    return 0;
}

static bool is_busy(const struct outbox *outbox, const char *url)
{
    for (size_t i = 0; i < outbox->len; i++)
        if (outbox->entry[i]->sending && strcmp(outbox->entry[i]->status.url, url) == 0)
            return true;
    return false;
}

struct outbox_entry *outbox_next(struct outbox *outbox, int64_t now_us, int64_t *ret_next_us)
{
    struct outbox_entry *found = NULL;

    for (size_t i = 0; i < outbox->len; i++) {
        struct outbox_entry *entry = outbox->entry[i];

        if (!entry->sending && !is_busy(outbox, entry->status.url) &&
            (!found || entry->due_us < found->due_us))
            found = entry;
    }
    *ret_next_us = found ? found->due_us : INT64_MAX;
    return found && found->due_us <= now_us ? found : NULL;
}

bool outbox_is_superseded(const struct outbox *outbox, const struct outbox_entry *entry)
{
    for (size_t i = 0; i < outbox->len; i++)
        if (outbox->entry[i] != entry && !outbox->entry[i]->sending &&
            same(&outbox->entry[i]->status, &entry->status))
            return true;
    return false;
}

struct outbox_entry *outbox_older(struct outbox *outbox, int64_t before_us)
{
    for (size_t i = 0; i < outbox->len; i++)
        if (!outbox->entry[i]->sending && outbox->entry[i]->taken_us < before_us)
            return outbox->entry[i];
    return NULL;
}

static void remove_at(struct outbox *outbox, size_t i)
{
    free_entry(outbox->entry[i]);
    outbox->len--;
    memmove(&outbox->entry[i], &outbox->entry[i + 1],
            (outbox->len - i) * sizeof(struct outbox_entry *));
}

void outbox_remove(struct outbox *outbox, struct outbox_entry *entry)
{
    for (size_t i = 0; i < outbox->len; i++)
        if (outbox->entry[i] == entry) {
            remove_at(outbox, i);
            return;
        }
}

void outbox_forget(struct outbox *outbox)
{
    for (size_t i = outbox->len; i > 0; i--) {
        if (outbox->entry[i - 1]->sending)
            outbox->entry[i - 1]->status.tag = 0;
        else
            remove_at(outbox, i - 1);
    }
}
