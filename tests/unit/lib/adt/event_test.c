// SPDX-License-Identifier: GPL-3.0-only
#include "adt/event.h"

#include "adt/database.h"
#include "base/file.h"
#include "sql.h"
#include "test.h"

#define EVENT                                                                                      \
    "{\"architecture\":\"amd64\",\"container\":\"\",\"digest\":\"d1\",\"package\":\"gzip\","       \
    "\"reason\":\"why\","                                                                          \
    "\"release\":\"noble\",\"run-id\":\"\",\"state\":\"waiting\",\"time\":7,\"uuid\":\"u-1\","     \
    "\"worker\":\"unit/0/w\"}"

TEST(an_event_is_written_as_it_was_read)
{
    _cleanup_(event_release) struct request_event event = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(event_parse(EVENT, strlen(EVENT), &event, &err), &err);
    ck_assert_int_eq(event.state, EVENT_WAITING);
    ck_assert_int_eq(event.time_us, 7);
    ASSERT_OK(event_format(&event, &body, &err), &err);
    ck_assert_str_eq(buf_str(&body), EVENT);
}

TEST(a_removed_request_names_its_commit)
{
    static const char text[] = "{\"state\":\"cancelled\",\"statuses-url\":\"https://x/s\","
                               "\"testname\":\"smoke\",\"time\":7,\"uuid\":\"u-1\"}";
    _cleanup_(event_release) struct request_event event = {0}, again = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(event_parse(text, strlen(text), &event, &err), &err);
    ASSERT_OK(event_format(&event, &body, &err), &err);
    ASSERT_OK(event_parse(buf_str(&body), body.len, &again, &err), &err);
    ck_assert_str_eq(again.statuses_url, "https://x/s");
    ck_assert_str_eq(again.testname, "smoke");
}

TEST(what_is_no_event_is_refused_with_the_place)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"[]", "event: expected an object, got an array"},
        {"{\"state\":\"done\",\"time\":1}", "event: uuid: missing"},
        {"{\"uuid\":\"u\",\"state\":\"odd\",\"time\":1}", "event: state: \"odd\" is not known"},
        {"{\"uuid\":\"\",\"state\":\"done\",\"time\":1}",
         "event: uuid: expected 1 to 100 characters"},
        {"{\"uuid\":\"u\",\"state\":\"done\"}", "event: time: expected microseconds since 1970"},
        {"{\"uuid\":\"u\",\"state\":\"done\",\"time\":1,\"reason\":[]}",
         "event: reason: expected a string, got an array"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct request_event event = {0};
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_int_lt(event_parse(cases[i].json, strlen(cases[i].json), &event, &err), 0);
        ck_assert_str_eq(error_message(&err), cases[i].message);
    }
}

// ---- in the database

static void add(struct database *db, const char *uuid, int64_t time_us, const char *more)
{
    _cleanup_free_ char *text = str_format(
        "{\"uuid\":\"%s\",\"state\":\"running\",\"time\":%lld%s}", uuid, (long long)time_us, more);
    _cleanup_(event_release) struct request_event event = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(event_parse(text, strlen(text), &event, &err), &err);
    ASSERT_OK(database_add_event(db, &event, &err), &err);
}

TEST(an_event_counts_once_and_later_ones_know_more)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "u", 10, ",\"package\":\"gzip\"");
    add(db, "u", 10, ",\"package\":\"gzip\"");
    add(db, "u", 30, ",\"run-id\":\"r\"");
    add(db, "u", 20, "");
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM request_event"), 3);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM request WHERE package = 'gzip' AND"
                                    " run_id = 'r' AND changed_us = 30"),
                     1);
}

TEST(requests_of_which_nothing_was_heard_are_forgotten)
{
    _cleanup_free_ char *path = path_join(test_dir(), "results.db");
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(database_open(path, &db, &err), &err);
    add(db, "old", 10, "");
    add(db, "old", 11, "");
    add(db, "new", 10, "");
    add(db, "new", 50, "");
    ASSERT_OK(database_expire_events(db, 50, &err), &err);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM request_event WHERE uuid = 'new'"), 2);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM request_event"), 2);
    ck_assert_int_eq(sql_number(db, "SELECT count(*) FROM request"), 1);
}
