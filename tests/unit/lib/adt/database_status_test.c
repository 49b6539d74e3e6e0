// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_status.h"

#include "test.h"

TEST(statuses_are_sent_in_the_order_they_are_due)
{
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct outgoing_status first = {0}, second = {0};
    int64_t next = 0;

    ASSERT_OK(database_open(test_path(test_dir(), "results.db"), &db, &err), &err);
    ck_assert_int_eq(database_next_status(db, 100, &first, &next, &err), -ENOENT);
    ck_assert_int_eq(next, INT64_MAX);
    ASSERT_OK(database_add_status(db, "https://a/", "{}", 100, &err), &err);
    ASSERT_OK(database_add_status(db, "https://b/", "[]", 100, &err), &err);
    ASSERT_OK(database_next_status(db, 100, &first, &next, &err), &err);
    ck_assert_str_eq(first.url, "https://a/");
    ck_assert_str_eq(first.body, "{}");
    ck_assert_int_eq(first.made_us, 100);
    ck_assert_int_eq(first.attempts, 0);
    ASSERT_OK(database_delay_status(db, first.id, 500, &err), &err);
    ASSERT_OK(database_next_status(db, 100, &second, &next, &err), &err);
    ck_assert_str_eq(second.url, "https://b/");
    ASSERT_OK(database_end_status(db, second.id, &err), &err);
    outgoing_status_release(&second);
    ck_assert_int_eq(database_next_status(db, 499, &second, &next, &err), -ENOENT);
    ck_assert_int_eq(next, 500);
    ASSERT_OK(database_next_status(db, 500, &second, &next, &err), &err);
    ck_assert_int_eq(second.attempts, 1);
    ck_assert_int_eq(second.id, first.id);
    outgoing_status_release(&first);
    outgoing_status_release(&second);
}
