// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "indexer/indexer.h"
#include "sql.h"
#include "test.h"

static void add(struct batch *batch, uint64_t tag, const char *body)
{
    struct amqp_delivery delivery = {.tag = tag, .body = BUF_INIT(BUF_OWN_MAX)};

    ck_assert_int_eq(buf_add_str(&delivery.body, body), 0);
    ck_assert_int_eq(batch_add(batch, &delivery), 0);
}

#define DONE(run)                                                                                  \
    "{\"release\":\"noble\",\"architecture\":\"amd64\",\"container\":\"autopkgtest-noble\","       \
    "\"package\":\"gzip\",\"swift_dir\":\"noble/amd64/g/gzip/20261123_0415" run "_abc12@\","       \
    "\"exitcode\":0,\"duration\":1,\"triggers\":\"gzip/1\"}"

TEST(a_batch_is_written_whole_and_poison_is_set_aside)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_(batch_freep) struct batch *batch = batch_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t tag = 0;
    size_t rejected = 0;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(batch, 5, DONE("01"));
    add(batch, 6, "no JSON");
    add(batch, 7, DONE("02"));
    ASSERT_OK(batch_write(batch, db, &tag, &rejected, &err), &err);
    ck_assert_uint_eq(tag, 7);
    ck_assert_uint_eq(rejected, 1);
    ck_assert_uint_eq(batch_size(batch), 0);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM result"), 2);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM rejected_message"), 1);
}

TEST(a_batch_that_cannot_be_written_is_kept_for_the_next_try)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL, *other = NULL;
    _cleanup_(batch_freep) struct batch *batch = batch_new();
    _cleanup_error_ struct error err = ERROR_INIT;
    uint64_t tag = 0;
    size_t rejected = 0;

    ASSERT_OK(database_open(path, &db, &err), &err);
    ASSERT_OK(database_open(path, &other, &err), &err);
    (void)sqlite3_busy_timeout(database_handle(db), 1);
    ASSERT_OK(database_begin(other, &err), &err); // somebody else holds the lock
    add(batch, 1, DONE("01"));
    ck_assert_int_eq(batch_write(batch, db, &tag, &rejected, &err), -EAGAIN);
    ck_assert_uint_eq(batch_size(batch), 1);
    ck_assert_int_eq(database_rollback(other), 0);
    ASSERT_OK(batch_write(batch, db, &tag, &rejected, &err), &err);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM result"), 1);
}

TEST(the_queue_is_named_after_the_unit)
{
    _cleanup_free_ char *name = indexer_queue_name("autopkgtest-web/1");

    ck_assert_str_eq(name, "autopkgtest-indexer.autopkgtest-web-1");
}
