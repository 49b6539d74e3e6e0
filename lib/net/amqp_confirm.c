// SPDX-License-Identifier: GPL-3.0-only
#include "net/amqp_internal.h"

#include "base/hash.h"

#define KEEP_ALLOCATED 64

uint64_t amqp_fingerprint(amqp_bytes_t exchange, amqp_bytes_t routing_key, const void *body,
                          size_t len)
{
    static const char parting = '\xff'; // so that ("ab", "c") is not ("a", "bc")
    uint64_t hash = hash_add(HASH_START, exchange.bytes, exchange.len);

    hash = hash_add(hash, &parting, 1);
    hash = hash_add(hash, routing_key.bytes, routing_key.len);
    hash = hash_add(hash, &parting, 1);
    hash = hash_add(hash, body, len);
    return hash ? hash : 1;
}

int amqp_unconfirmed_reserve(struct amqp_unconfirmed *u)
{
    struct amqp_pending *items;
    size_t alloc;

    if (u->len < u->alloc)
        return 0;
    if (u->head > u->len / 2) {
        u->len -= u->head;
        memmove(u->items, u->items + u->head, u->len * sizeof(*u->items));
        u->head = 0;
        return 0;
    }
    alloc = u->alloc ? u->alloc * 2 : 8;
    items = reallocarray(u->items, alloc, sizeof(*items));
    if (!items)
        return -ENOMEM;
    u->items = items;
    u->alloc = alloc;
    return 0;
}

uint64_t amqp_unconfirmed_add(struct amqp_unconfirmed *u, uint64_t fingerprint)
{
    u->items[u->len] = (struct amqp_pending){.fingerprint = fingerprint};
    return u->first_tag + (u->len++ - u->head);
}

// The broker says what it returns by content, not by number, but in the order of publishing.
void amqp_unconfirmed_returned(struct amqp_unconfirmed *u, uint64_t fingerprint)
{
    for (size_t i = u->head; i < u->len; i++) {
        if (u->items[i].state == AMQP_PENDING_WAITS && u->items[i].fingerprint == fingerprint) {
            u->items[i].state = AMQP_PENDING_RETURNED;
            return;
        }
    }
}

static void drop_settled(struct amqp_unconfirmed *u)
{
    while (u->head < u->len && u->items[u->head].state == AMQP_PENDING_DONE) {
        u->head++;
        u->first_tag++;
    }
    if (u->head < u->len)
        return;
    u->head = u->len = 0;
    if (u->alloc > KEEP_ALLOCATED) {
        free(u->items);
        u->items = NULL;
        u->alloc = 0;
    }
}

int amqp_unconfirmed_settle(struct amqp_unconfirmed *u, uint64_t tag, bool multiple, bool refused,
                            int (*settled)(void *userdata, uint64_t tag, enum amqp_outcome outcome),
                            void *userdata)
{
    uint64_t count = u->len - u->head, first, end;
    int r = 0;

    if (multiple && tag == 0)
        tag = u->first_tag + count - 1;
    if (count == 0 || tag < u->first_tag || tag - u->first_tag >= count)
        return 0; // nothing that waits
    end = tag - u->first_tag + 1;
    first = multiple ? 0 : end - 1;
    for (uint64_t i = first; i < end && r >= 0; i++) {
        struct amqp_pending *p = &u->items[u->head + i];
        enum amqp_outcome outcome = refused                             ? AMQP_REFUSED
                                    : p->state == AMQP_PENDING_RETURNED ? AMQP_RETURNED
                                                                        : AMQP_CONFIRMED;

        if (p->state == AMQP_PENDING_DONE)
            continue;
        p->state = AMQP_PENDING_DONE;
        r = settled(userdata, u->first_tag + i, outcome);
    }
    drop_settled(u);
    return r;
}

void amqp_unconfirmed_release(struct amqp_unconfirmed *u)
{
    free(u->items);
    *u = (struct amqp_unconfirmed){0};
}
