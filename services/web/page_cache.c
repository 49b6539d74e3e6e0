// SPDX-License-Identifier: GPL-3.0-only
#include "web/page_cache.h"

#include "data/compress.h"
#include "web/body.h"
#include "web/kept.h"

struct page {
    size_t refs;
    char *type, *tag; // `tag` NULL: none
    struct params headers;
    struct body *plain;
    struct MHD_Response *responses[2]; // as it is, and compressed; NULL: nobody has asked for it
};

struct page_cache {
    struct kept pages;  // by what was asked for
    struct kept tagged; // those with an entity tag, by that, too
};

// Connections that still send it have references of their own.
static void page_unref(void *userdata)
{
    struct page *page = userdata;

    if (!page || --page->refs > 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(page->responses); i++)
        if (page->responses[i])
            MHD_destroy_response(page->responses[i]);
    body_unref(page->plain);
    params_release(&page->headers);
    free(page->type);
    free(page->tag);
    free(page);
}

struct page_cache *page_cache_new(void)
{
    struct page_cache *cache = calloc(1, sizeof(*cache));

    if (cache &&
        kept_init(&cache->pages, PAGE_CACHE_ENTRIES, PAGE_CACHE_BYTES, PAGE_CACHE_US, page_unref) ==
            0 &&
        kept_init(&cache->tagged, PAGE_CACHE_ENTRIES, PAGE_CACHE_BYTES, PAGE_CACHE_TAGGED_US,
                  page_unref) == 0)
        return cache;
    page_cache_free(cache);
    return NULL;
}

void page_cache_free(struct page_cache *cache)
{
    if (!cache)
        return;
    kept_release(&cache->pages);
    kept_release(&cache->tagged);
    free(cache);
}

// NULL: this one is answered for itself.
static char *key_of(const struct exchange *x)
{
    if (!(x->method & METHODS_READ) || !x->route || !x->route->keep || x->secret ||
        exchange_header(x, "Cookie") || exchange_header(x, "X-Api-Key"))
        return NULL;
    // What is kept of data has no parameters, whatever stands behind its path.
    return str_format("%c%c%s?%s", x->wants_json ? 'j' : 'h', exchange_is_tls(x) ? 's' : 'p',
                      x->path, x->route->kind == ROUTE_DATA ? "" : x->query_text);
}

// ---- answering

static int make_response(struct page *page, bool gzip)
{
    _cleanup_(body_unrefp) struct body *body =
        gzip ? body_gzip(page->plain, COMPRESS_FAST) : body_ref(page->plain);
    struct MHD_Response *response = body ? body_response(body) : NULL;

    if (!response)
        return -ENOMEM;
    if (exchange_describe(response, MHD_HTTP_OK, &page->headers, page->tag, gzip) < 0) {
        MHD_destroy_response(response);
        return -ENOMEM;
    }
    page->responses[gzip] = response;
    return 0;
}

static int answer_known(struct exchange *x, const struct page *page)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (!response)
        return -ENOMEM;
    exchange_drop_response(x);
    x->response = response;
    x->status = MHD_HTTP_NOT_MODIFIED;
    return exchange_describe(response, x->status, &page->headers, page->tag, x->gzip);
}

static bool answer(struct exchange *x, struct page *page)
{
    exchange_encode(x, page->type, page->plain->len);
    if (page->tag && exchange_set_tag(x, page->tag) < 0)
        return false;
    if (page->tag && exchange_is_known(x))
        return answer_known(x, page) == 0;
    if (!page->responses[x->gzip] && make_response(page, x->gzip) < 0)
        return false;
    exchange_drop_response(x);
    x->response = page->responses[x->gzip];
    x->response_shared = true;
    x->status = MHD_HTTP_OK;
    return true;
}

bool page_cache_answer(struct page_cache *cache, struct exchange *x)
{
    _cleanup_free_ char *key = key_of(x);
    struct page *page = key ? kept_find(&cache->pages, key) : NULL;

    return page && answer(x, page);
}

// ---- keeping

static char *tagged_key(const char *key, const char *tag)
{
    return key && tag ? str_format("%s\n%s", key, tag) : NULL;
}

static void keep_in(struct kept *kept, const char *key, struct page *page)
{
    if (key && kept_put(kept, key, page, page->plain->len) == 0)
        page->refs++;
}

bool page_cache_answer_same(struct page_cache *cache, struct exchange *x)
{
    _cleanup_free_ char *key = key_of(x), *tagged = tagged_key(key, x->tag);
    struct page *page = tagged ? kept_find(&cache->tagged, tagged) : NULL;

    if (!page || !answer(x, page))
        return false;
    keep_in(&cache->pages, key, page);
    return true;
}

static struct page *page_new(struct exchange *x, const char *type, struct buf *body)
{
    struct page *page = calloc(1, sizeof(*page));

    if (!page)
        return NULL;
    page->refs = 1;
    page->type = strdup(type);
    page->tag = x->tag ? strdup(x->tag) : NULL;
    page->plain = page->type && (page->tag || !x->tag) ? body_new(body) : NULL;
    if (!page->plain) {
        page_unref(page);
        return NULL;
    }
    page->headers = x->headers;
    x->headers = (struct params){0};
    return page;
}

int page_cache_keep(struct page_cache *cache, struct exchange *x, const char *type,
                    struct buf *body)
{
    _cleanup_free_ char *key = key_of(x), *tagged = tagged_key(key, x->tag);
    struct page *page;
    int r;

    if (!key || body->len > PAGE_CACHE_BYTES / 2)
        return 0;
    if (exchange_add_vary(x, type) < 0 || exchange_add_cache_control(x) < 0 ||
        exchange_add_guards(x) < 0 || exchange_add_header(x, "Content-Type", type) < 0)
        return -ENOMEM;
    page = page_new(x, type, body);
    if (!page)
        return -ENOMEM;
    keep_in(&cache->pages, key, page);
    keep_in(&cache->tagged, tagged, page);
    r = answer(x, page) ? 1 : -ENOMEM;
    if (r == 1 && page->refs == 1 && x->response_shared) { // somebody else was faster
        page->responses[x->gzip] = NULL;
        x->response_shared = false;
    }
    page_unref(page);
    return r;
}
