// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/indexer.h"

struct batch {
    struct {
        uint64_t tag;
        bool event; // else a result
        uint64_t announced_s;
        struct buf body;
    } * message;
    size_t len, alloc;
};

struct batch *batch_new(void)
{
    return calloc(1, sizeof(struct batch));
}

static void batch_clear(struct batch *batch)
{
    size_t i;

    for (i = 0; i < batch->len; i++)
        buf_release(&batch->message[i].body);
    batch->len = 0;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    batch_clear(batch);
    free(batch->message);
    free(batch);
}

int batch_add(struct batch *batch, struct amqp_delivery *delivery)
{
    if (batch->len == batch->alloc) {
        size_t alloc = batch->alloc ? batch->alloc * 2 : 64;
        void *message = reallocarray(batch->message, alloc, sizeof(*batch->message));

        if (!message)
            return -ENOMEM;
        batch->message = message;
        batch->alloc = alloc;
    }
    batch->message[batch->len].tag = delivery->tag;
    batch->message[batch->len].event = str_equal(delivery->exchange, EXCHANGE_EVENT);
    batch->message[batch->len].announced_s = delivery->timestamp_s;
    batch->message[batch->len].body = delivery->body;
    delivery->body = (struct buf)BUF_INIT(0);
    batch->len++;
    return 0;
}

size_t batch_size(const struct batch *batch)
{
    return batch->len;
}

// One message into its table, or aside. A database error is the only failure.
static int write_message(const struct batch *batch, size_t i, struct database *db, size_t *rejected,
                         struct error *err)
{
    const struct buf *body = &batch->message[i].body;
    uint64_t announced_s = batch->message[i].announced_s;
    bool is_event = batch->message[i].event;
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_(event_release) struct request_event event = {0};
    _cleanup_error_ struct error reason = ERROR_INIT;
    int r = is_event ? event_parse(buf_str(body), body->len, &event, &reason)
                     : test_complete_parse(buf_str(body), body->len, &done, &reason);

    if (r == 0 && is_event)
        return database_add_event(db, &event, err);
    if (r == 0) {
        done.announced_s = announced_s >> 40 == 0 ? (int64_t)announced_s : 0;
        return database_add_result(db, &done, err);
    }
    if (r == -ENOMEM)
        return error_oom(err);
    (*rejected)++;
    return database_add_rejected(db, buf_str(body), body->len, error_message(&reason), err);
}

int batch_write(struct batch *batch, struct database *db, uint64_t *ret_last_tag,
                size_t *ret_rejected, struct error *err)
{
    size_t i, rejected = 0;
    int r = database_begin(db, err);

    if (r < 0)
        return r;
    for (i = 0; i < batch->len && r == 0; i++)
        r = write_message(batch, i, db, &rejected, err);
    if (r == 0)
        r = database_commit(db, err);
    if (r < 0) {
        (void)database_rollback(db);
        return r;
    }
    *ret_last_tag = batch->len ? batch->message[batch->len - 1].tag : 0;
    *ret_rejected = rejected;
    batch_clear(batch);
    return 0;
}
