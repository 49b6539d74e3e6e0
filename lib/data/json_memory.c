// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"

#include <malloc.h>

// Blocks by size: those of class n have at least n * STEP - HEAD bytes, as malloc cuts them. No
// block is of class 0 (nor is NULL a block): a link fits into all others.
#define STEP 16
#define HEAD 8
#define CLASSES 16 // what members, strings and small lists need
#define KEPT_MAX ((size_t)2 * 1024 * 1024)

struct spare {
    struct spare *next;
};

static struct {
    struct spare *blocks[CLASSES];
    size_t bytes;
} kept;

static void *take(size_t size)
{
    size_t class = (size + HEAD + STEP - 1) / STEP;
    struct spare *block = class < CLASSES ? kept.blocks[class] : NULL;

    if (!block)
        return malloc(class * STEP - HEAD);
    kept.blocks[class] = block->next;
    kept.bytes -= class * STEP;
    return block;
}

static void give(void *memory)
{
    struct spare *block = memory;
    size_t class = (malloc_usable_size(memory) + HEAD) / STEP;

    if (class == 0 || class >= CLASSES || kept.bytes + class * STEP > KEPT_MAX) {
        free(memory);
        return;
    }
    block->next = kept.blocks[class];
    kept.blocks[class] = block;
    kept.bytes += class * STEP;
}

void json_keep_memory(void)
{
    json_set_alloc_funcs(take, give);
}
