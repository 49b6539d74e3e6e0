// SPDX-License-Identifier: GPL-3.0-only
// Several HTTP requests at once, each tried once: what is to be tried again, and how, is the
// caller's to say (http_perform() knows how). Limits and errors are those of net/http.h.
#pragma once

#include "net/http.h"

struct http_pool;

// Keeps up to `parallel` connections open between requests; for one thread.
int http_pool_new(const char *user_agent, unsigned parallel, struct http_pool **ret,
                  struct error *err);
// Ends what is on its way.
void http_pool_free(struct http_pool *pool);

// How many are on their way; at most `parallel` may be.
unsigned http_pool_busy(const struct http_pool *pool);
// Starts one. Request and response are borrowed until http_pool_wait() gives its userdata.
int http_pool_start(struct http_pool *pool, const struct http_request *request,
                    struct http_response *response, void *userdata, struct error *err);
// Waits until one has ended. *ret_r is what http_perform() would have returned. -ENOENT: none is on
// its way; others: the library failed.
int http_pool_wait(struct http_pool *pool, void **ret_userdata, int *ret_r, struct error *err);

DEFINE_CLEANUP(struct http_pool *, http_pool_free)
