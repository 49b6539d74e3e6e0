// SPDX-License-Identifier: GPL-3.0-only
// Pages that were just made, for those who ask for the same in the next second: when a link goes
// round, or a hundred programs look at the same queue, the page is made once a second, and
// compressed once. Only of routes that say so (router.h), and only for clients that nobody knows by
// name.
//
// A page with an entity tag stays behind its second, for ten minutes if there is room: who finds
// out that it would become the same one answers with it, so that all who are sent it share its
// bytes.
#pragma once

#include "web/exchange.h"

#define PAGE_CACHE_US UINT64_C(1000000) // no page is older, unless it would be the same again
#define PAGE_CACHE_TAGGED_US UINT64_C(600000000)
#define PAGE_CACHE_ENTRIES 128
#define PAGE_CACHE_BYTES ((size_t)8 * 1024 * 1024) // without what compressed forms add

struct page_cache;

struct page_cache *page_cache_new(void);
void page_cache_free(struct page_cache *cache);

// Answers with the kept page, if there is one, or with 304 when the client has it:
// exchange.response is shared when exchange.response_shared says so.
bool page_cache_answer(struct page_cache *cache, struct exchange *x);
// The same with a page of any age that has the tag which exchange_set_tag() gave: from then on it
// is a new one.
bool page_cache_answer_same(struct page_cache *cache, struct exchange *x);
// Keeps the page, answers with it and returns 1; `body` and the exchange's headers are taken over.
// 0: it cannot be kept, and nothing was done. -ENOMEM.
int page_cache_keep(struct page_cache *cache, struct exchange *x, const char *type,
                    struct buf *body);
