// SPDX-License-Identifier: GPL-3.0-only
// Pages that were just made, for those who ask for the same in the next second: when a link goes
// round, or a hundred programs look at the same queue, the page is made once a second. Only of
// routes that say so (router.h), and only for clients that nobody knows by name.
#pragma once

#include "web/exchange.h"

#define PAGE_CACHE_US UINT64_C(1000000) // a page is never older
#define PAGE_CACHE_ENTRIES 128
#define PAGE_CACHE_BYTES ((size_t)16 * 1024 * 1024)

struct page_cache;

struct page_cache *page_cache_new(void);
void page_cache_free(struct page_cache *cache);

// Answers with the kept page, if there is one: exchange.response is then shared.
bool page_cache_answer(struct page_cache *cache, struct exchange *x);
// Keeps the answer that was just made, whose content has `size` bytes: from then on it is shared.
// Without memory, and when it is too large, it stays the exchange's own.
void page_cache_keep(struct page_cache *cache, struct exchange *x, size_t size);
