// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/outbox.h"

#include "test.h"

static uint64_t add(struct outbox *o, const char *url, const char *context, const char *body,
                    uint64_t tag, int64_t now)
{
    struct outbox_status status = {.url = strdup(url),
                                   .context = strdup(context),
                                   .body = strdup(body),
                                   .made_us = now,
                                   .tag = tag};
    uint64_t old = 0;

    ck_assert_int_eq(outbox_add(o, &status, now, &old), 0);
    ck_assert_ptr_null(status.url);
    return old;
}

static struct outbox_entry *send_next(struct outbox *o, int64_t now)
{
    int64_t next = 0;
    struct outbox_entry *entry = outbox_next(o, now, &next);

    if (entry)
        entry->sending = true;
    return entry;
}

TEST(statuses_are_sent_in_the_order_they_are_due)
{
    _cleanup_(outbox_freep) struct outbox *o = outbox_new();
    struct outbox_entry *first, *second;
    int64_t next = 0;

    ck_assert_ptr_null(outbox_next(o, 100, &next));
    ck_assert_int_eq(next, INT64_MAX);
    ck_assert_uint_eq(add(o, "https://a/", "x", "{}", 1, 100), 0);
    ck_assert_uint_eq(add(o, "https://b/", "x", "[]", 2, 100), 0);
    first = send_next(o, 100);
    ck_assert_str_eq(first->status.url, "https://a/");
    first->sending = false;
    first->due_us = 500;
    second = send_next(o, 100);
    ck_assert_str_eq(second->status.url, "https://b/");
    outbox_remove(o, second);
    ck_assert_ptr_null(outbox_next(o, 499, &next));
    ck_assert_int_eq(next, 500);
    ck_assert_ptr_eq(outbox_next(o, 500, &next), first);
}

TEST(only_the_newest_of_a_context_waits_and_a_commit_is_told_one_thing_at_a_time)
{
    _cleanup_(outbox_freep) struct outbox *o = outbox_new();
    struct outbox_entry *pending, *done;

    ck_assert_uint_eq(add(o, "https://a/", "x", "pending", 1, 100), 0);
    ck_assert_uint_eq(add(o, "https://a/", "y", "other", 2, 101), 0);
    ck_assert_uint_eq(add(o, "https://a/", "x", "again", 3, 102), 1);
    pending = send_next(o, 200);
    ck_assert_str_eq(pending->status.body, "other");
    ck_assert_ptr_null(send_next(o, 200));
    outbox_remove(o, pending);
    pending = send_next(o, 200);
    ck_assert_str_eq(pending->status.body, "again");
    ck_assert(!outbox_is_superseded(o, pending));
    ck_assert_uint_eq(add(o, "https://a/", "x", "success", 4, 103), 0);
    ck_assert(outbox_is_superseded(o, pending));
    outbox_remove(o, pending);
    done = send_next(o, 200);
    ck_assert_str_eq(done->status.body, "success");
    ck_assert_uint_eq(done->status.tag, 4);
}

TEST(what_the_broker_has_back_is_forgotten_and_what_is_being_sent_is_not_sent_again)
{
    _cleanup_(outbox_freep) struct outbox *o = outbox_new();
    struct outbox_entry *sent;
    int64_t next;

    add(o, "https://a/", "x", "pending", 1, 100);
    add(o, "https://b/", "x", "pending", 2, 100);
    sent = send_next(o, 100);
    ck_assert_ptr_nonnull(outbox_older(o, 101));
    ck_assert_ptr_null(outbox_older(o, 100));
    outbox_forget(o);
    ck_assert_ptr_null(outbox_older(o, INT64_MAX));
    ck_assert_uint_eq(sent->status.tag, 0);
    add(o, "https://a/", "x", "pending", 1, 200); // of the next connection
    ck_assert_uint_eq(sent->status.tag, 1);
    add(o, "https://a/", "x", "success", 2, 200);
    outbox_remove(o, sent);
    ck_assert_str_eq(outbox_next(o, 200, &next)->status.body, "success");
}
