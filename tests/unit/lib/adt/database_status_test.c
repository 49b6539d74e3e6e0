// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database_status.h"

#include "test.h"

static const char *const nobody[DATABASE_STATUS_BUSY];

TEST(statuses_are_sent_in_the_order_they_are_due)
{
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct outgoing_status first = {0}, second = {0};
    int64_t next = 0;

    ASSERT_OK(database_open(test_path(test_dir(), "results.db"), &db, &err), &err);
    ck_assert_int_eq(database_next_status(db, 100, nobody, &first, &next, &err), -ENOENT);
    ck_assert_int_eq(next, INT64_MAX);
    ASSERT_OK(database_add_status(db, "https://a/", "{}", 100, &err), &err);
    ASSERT_OK(database_add_status(db, "https://b/", "[]", 100, &err), &err);
    ASSERT_OK(database_next_status(db, 100, nobody, &first, &next, &err), &err);
    ck_assert_str_eq(first.url, "https://a/");
    ck_assert_str_eq(first.body, "{}");
    ck_assert_int_eq(first.made_us, 100);
    ck_assert_int_eq(first.attempts, 0);
    ASSERT_OK(database_delay_status(db, &first, 500, &err), &err);
    ASSERT_OK(database_next_status(db, 100, nobody, &second, &next, &err), &err);
    ck_assert_str_eq(second.url, "https://b/");
    ASSERT_OK(database_end_status(db, &second, &err), &err);
    outgoing_status_release(&second);
    ck_assert_int_eq(database_next_status(db, 499, nobody, &second, &next, &err), -ENOENT);
    ck_assert_int_eq(next, 500);
    ASSERT_OK(database_next_status(db, 500, nobody, &second, &next, &err), &err);
    ck_assert_int_eq(second.attempts, 1);
    ck_assert_int_eq(second.id, first.id);
    outgoing_status_release(&first);
    outgoing_status_release(&second);
}

TEST(only_the_newest_of_a_context_is_told)
{
    static const char *const busy[DATABASE_STATUS_BUSY] = {"https://b/", "https://a/"};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct outgoing_status status = {0};
    int64_t next = 0;

    ASSERT_OK(database_open(test_path(test_dir(), "results.db"), &db, &err), &err);
    for (int i = 0; i < 3; i++) {
        static const char *const bodies[] = {"{\"context\": \"x\", \"state\": \"pending\"}",
                                             "{\"context\": \"y\"}",
                                             "{\"state\": \"success\", \"context\": \"x\"}"};

        ASSERT_OK(database_add_status(db, "https://a/", bodies[i], 100 + i, &err), &err);
    }
    ASSERT_OK(database_next_status(db, 200, nobody, &status, &next, &err), &err);
    ck_assert_str_eq(status.body, "{\"context\": \"y\"}");
    ASSERT_OK(database_end_status(db, &status, &err), &err);
    outgoing_status_release(&status);
    ASSERT_OK(database_next_status(db, 200, nobody, &status, &next, &err), &err);
    ck_assert_ptr_nonnull(strstr(status.body, "success"));
    outgoing_status_release(&status);
    // Another of that commit is on its way.
    ck_assert_int_eq(database_next_status(db, 200, busy, &status, &next, &err), -ENOENT);
    ck_assert_int_eq(next, INT64_MAX);
}

TEST(a_status_that_was_replaced_on_its_way_does_not_end_the_newer_one)
{
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct outgoing_status old = {0}, newer = {0};
    int64_t next = 0;

    ASSERT_OK(database_open(test_path(test_dir(), "results.db"), &db, &err), &err);
    ASSERT_OK(database_add_status(db, "https://a/", "{\"context\": \"x\"}", 1, &err), &err);
    ASSERT_OK(database_next_status(db, 9, nobody, &old, &next, &err), &err);
    ASSERT_OK(database_add_status(db, "https://a/", "{\"context\": \"x\", \"state\": 1}", 2, &err),
              &err);
    ASSERT_OK(database_end_status(db, &old, &err), &err);
    ASSERT_OK(database_delay_status(db, &old, 1000, &err), &err);
    ASSERT_OK(database_next_status(db, 9, nobody, &newer, &next, &err), &err);
    ck_assert_ptr_nonnull(strstr(newer.body, "state"));
    outgoing_status_release(&old);
    outgoing_status_release(&newer);
}
