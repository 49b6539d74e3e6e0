// SPDX-License-Identifier: GPL-3.0-only
// The requests of one queue as everybody may see them, in their order, ready to be written as JSON.
// Of each only its text and numbers that tell it and its package from others are kept. Knows no
// broker.
#pragma once

#include "data/json.h"

struct queue_copy {
    struct buf text;   // JSON strings, each with a comma behind it
    size_t *ends;      // where each ends in the text
    uint64_t *numbers; // queue_copy_number() of each
    uint32_t *names;   // of each one's package; 0: nobody may know
    size_t first, len; // those before `first` are not in the queue any more
    size_t alloc;
};

#define QUEUE_COPY_INIT                                                                            \
    {                                                                                              \
        .text = BUF_INIT(QUEUE_COPY_MAX)                                                           \
    }
// Bytes of text; what is behind them is not kept.
#define QUEUE_COPY_MAX ((size_t)32 * 1024 * 1024)

void queue_copy_release(struct queue_copy *copy);

// Of a request's bytes.
uint64_t queue_copy_number(const struct buf *body);
// Appends a request: what everybody sees is its body, "private job" or "unreadable request".
// -ENOMEM.
int queue_copy_add(struct queue_copy *copy, const struct buf *body);
size_t queue_copy_len(const struct queue_copy *copy);
// Forgets those in front of the first one with this number. False: there is none, nothing changes.
bool queue_copy_begin_at(struct queue_copy *copy, uint64_t number);
// The text of request number `at`, from 0, as a JSON string: a new reference; NULL for lack of
// memory.
json_t *queue_copy_get(const struct queue_copy *copy, size_t at);
// The first request for a package at or behind number `from`; queue_copy_len(): there is none.
size_t queue_copy_find(const struct queue_copy *copy, const char *package, size_t from);
// Appends the whole as a JSON array.
int queue_copy_write(const struct queue_copy *copy, struct buf *ret);
