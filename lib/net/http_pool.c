// SPDX-License-Identifier: GPL-3.0-only
#include "net/http_pool.h"

#include "net/http_internal.h"

#define WAIT_MS 1000

struct slot {
    struct transfer transfer; // .easy NULL: free
    void *userdata;
};

struct http_pool {
    CURLM *multi;
    char *user_agent;
    unsigned parallel, busy;
    struct slot *slots;
};

int http_pool_new(const char *user_agent, unsigned parallel, struct http_pool **ret,
                  struct error *err)
{
    struct http_pool *pool = calloc(1, sizeof(*pool));

    if (!pool || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(pool);
        return error_oom(err);
    }
    pool->parallel = parallel ? parallel : 1;
    pool->multi = curl_multi_init();
    pool->user_agent = strdup(user_agent);
    pool->slots = calloc(pool->parallel, sizeof(*pool->slots));
    if (!pool->multi || !pool->user_agent || !pool->slots) {
        http_pool_free(pool);
        return error_oom(err);
    }
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)pool->parallel);
    *ret = pool;
    return 0;
}

static void slot_release(struct http_pool *pool, struct slot *slot)
{
    (void)curl_multi_remove_handle(pool->multi, slot->transfer.easy);
    curl_easy_cleanup(slot->transfer.easy);
    slot->transfer.easy = NULL;
    transfer_release(&slot->transfer);
    pool->busy--;
}

void http_pool_free(struct http_pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; pool->slots && i < pool->parallel; i++)
        if (pool->slots[i].transfer.easy)
            slot_release(pool, &pool->slots[i]);
    (void)curl_multi_cleanup(pool->multi);
    free(pool->slots);
    free(pool->user_agent);
    free(pool);
    curl_global_cleanup();
}

unsigned http_pool_busy(const struct http_pool *pool)
{
    return pool->busy;
}

static struct slot *find_slot(struct http_pool *pool, const CURL *easy)
{
    for (unsigned i = 0; i < pool->parallel; i++)
        if (pool->slots[i].transfer.easy == easy)
            return &pool->slots[i];
    return NULL;
}

int http_pool_start(struct http_pool *pool, const struct http_request *request,
                    struct http_response *response, void *userdata, struct error *err)
{
    struct slot *slot = find_slot(pool, NULL);
    CURL *easy;
    int r;

    if (!slot)
        return error_set(err, -EBUSY, "%u requests are on their way", pool->busy);
    r = transfer_init(&slot->transfer, request, response, err);
    easy = r == 0 ? curl_easy_init() : NULL;
    if (!easy) {
        transfer_release(&slot->transfer);
        slot->transfer = (struct transfer){.body_fd = -1};
        return r < 0 ? r : error_oom(err);
    }
    slot->userdata = userdata;
    transfer_begin(&slot->transfer, easy, pool->user_agent);
    pool->busy++;
    if (curl_multi_add_handle(pool->multi, easy) == CURLM_OK)
        return 0;
    slot_release(pool, slot);
    return error_oom(err);
}

// One that has ended, if there is one.
static bool take_ended(struct http_pool *pool, void **ret_userdata, int *ret_r, struct error *err)
{
    const CURLMsg *message;
    struct slot *slot = NULL;
    int left;

    while (!slot && (message = curl_multi_info_read(pool->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            slot = find_slot(pool, message->easy_handle);
    if (!slot)
        return false;
    *ret_r = transfer_end(&slot->transfer, message->data.result);
    if (*ret_r < 0)
        (void)error_set(err, *ret_r, "%s", slot->transfer.message);
    *ret_userdata = slot->userdata;
    slot_release(pool, slot);
    return true;
}

int http_pool_wait(struct http_pool *pool, void **ret_userdata, int *ret_r, struct error *err)
{
    CURLMcode code = CURLM_OK;
    int running;

    while (code == CURLM_OK && pool->busy > 0) {
        code = curl_multi_perform(pool->multi, &running);
        if (code == CURLM_OK && take_ended(pool, ret_userdata, ret_r, err))
            return 0;
        if (code == CURLM_OK)
            code = curl_multi_poll(pool->multi, NULL, 0, WAIT_MS, NULL);
    }
    if (code == CURLM_OK)
        return error_set(err, -ENOENT, "no request is on its way");
    return error_set(err, code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO, "%s",
                     curl_multi_strerror(code));
}
