// SPDX-License-Identifier: GPL-3.0-only
#include "web/change_cursor.h"

#include "test.h"

static void add(struct change_cursor *cursor, int64_t time, int64_t digest)
{
    ck_assert_int_eq(change_cursor_add(cursor, (struct change_key){time, digest}), 0);
}

TEST(a_cursor_is_read_as_it_was_written)
{
    _cleanup_(change_cursor_release) struct change_cursor c = {0}, read = {0};
    _cleanup_free_ char *text = NULL, *again = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    for (int i = 0; i < 1000; i++)
        add(&c, 1800000000 + i % 7, (INT64_C(1) << 48) - 1 - i * INT64_C(0x123456789));
    change_cursor_settle(&c);
    ck_assert_uint_eq(c.len, CHANGE_SEEN_MAX);
    text = change_cursor_write(&c);
    ck_assert_uint_le(strlen(text), CHANGE_CURSOR_MAX);
    ck_assert_uint_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_"),
                      strlen(text));
    ASSERT_OK(change_cursor_read(text, &read, &err), &err);
    ck_assert_int_eq(read.floor.time_s, c.floor.time_s);
    ck_assert_int_eq(read.floor.digest, c.floor.digest);
    ck_assert_uint_eq(read.len, c.len);
    ck_assert_mem_eq(read.seen, c.seen, c.len * sizeof(*c.seen));
    again = change_cursor_write(&read);
    ck_assert_str_eq(again, text);
}

TEST(the_floor_follows_the_newest_at_two_minutes)
{
    _cleanup_(change_cursor_release) struct change_cursor c = {.floor = {500, 7}};

    add(&c, 1000, 3);
    add(&c, 880, 2);
    add(&c, 879, 1);
    change_cursor_settle(&c);
    ck_assert_int_eq(c.floor.time_s, 880);
    ck_assert_int_eq(c.floor.digest, 0);
    ck_assert_uint_eq(c.len, 2);
    add(&c, 900, 9); // late: the floor stays
    change_cursor_settle(&c);
    ck_assert_int_eq(c.floor.time_s, 880);
    ck_assert_uint_eq(c.len, 3);
    ck_assert_int_eq(c.seen[1].digest, 9);
}

TEST(of_very_many_the_newest_are_remembered_and_the_floor_is_the_last_that_is_not)
{
    _cleanup_(change_cursor_release) struct change_cursor c = {0};

    for (int i = 1; i <= CHANGE_SEEN_MAX + 10; i++)
        add(&c, 1000, i);
    change_cursor_settle(&c);
    ck_assert_uint_eq(c.len, CHANGE_SEEN_MAX);
    ck_assert_int_eq(c.floor.time_s, 1000);
    ck_assert_int_eq(c.floor.digest, 10);
    ck_assert_int_eq(c.seen[0].digest, 11);
}

TEST(what_is_no_cursor_is_refused)
{
    static const char *const wrong[] = {
        "x",  "0", "AQAAAAAAAAAAAAAA=", "AgAAAAAAAAAAAAAA", "AQAA AAAA", "AQAAAAAAAAAAAAAAAA",
        "+/", ""};
    _cleanup_free_ char *much = malloc(CHANGE_CURSOR_MAX + 2);
    struct change_cursor c = {0};

    ck_assert_int_eq(change_cursor_read("AQAAAAAAAAAAAAAA", &c, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        ck_assert_int_eq(change_cursor_read(wrong[i], &c, NULL), -EINVAL);
    memset(much, 'A', CHANGE_CURSOR_MAX + 1);
    much[CHANGE_CURSOR_MAX + 1] = '\0';
    ck_assert_int_eq(change_cursor_read(much, &c, NULL), -EINVAL);
}
