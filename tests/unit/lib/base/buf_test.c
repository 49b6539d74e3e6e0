// SPDX-License-Identifier: GPL-3.0-only
#include "base/buf.h"
#include "test.h"

TEST(an_empty_buffer_is_the_empty_string)
{
    struct buf b = BUF_INIT(10);

    ck_assert_str_eq(buf_str(&b), "");
}

TEST(an_append_past_the_maximum_fails_and_changes_nothing)
{
    _cleanup_buf_ struct buf b = BUF_INIT(5);

    ck_assert_int_eq(buf_add_str(&b, "abc"), 0);
    ck_assert_int_eq(buf_add_str(&b, "def"), -E2BIG);
    ck_assert_str_eq(buf_str(&b), "abc");
    ck_assert_int_eq(buf_addf(&b, "%d", 42), 0);
    ck_assert_str_eq(buf_str(&b), "abc42");
    ck_assert_int_eq(buf_add_char(&b, 'x'), -E2BIG);
}

TEST(bytes_may_contain_nul)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100);

    ck_assert_int_eq(buf_add(&b, "a\0b", 3), 0);
    ck_assert_uint_eq(b.len, 3);
    buf_consume(&b, 2);
    ck_assert_str_eq(buf_str(&b), "b");
    buf_consume(&b, 7);
    ck_assert_uint_eq(b.len, 0);
}

TEST(reading_goes_on_behind_what_was_read)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100);
    char bytes[4] = {0};
    size_t at = 0;

    ck_assert_uint_eq(buf_read(&b, &at, bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(buf_add_str(&b, "abcde"), 0);
    ck_assert_uint_eq(buf_read(&b, &at, bytes, 3), 3);
    ck_assert_mem_eq(bytes, "abc", 3);
    ck_assert_uint_eq(buf_read(&b, &at, bytes, sizeof(bytes)), 2);
    ck_assert_mem_eq(bytes, "de", 2);
    ck_assert_uint_eq(at, 5);
    ck_assert_uint_eq(buf_read(&b, &at, bytes, sizeof(bytes)), 0);
}

TEST(take_hands_over_and_leaves_it_empty)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100);
    _cleanup_free_ char *taken = NULL, *nothing = NULL;

    ck_assert_int_eq(buf_add_str(&b, "mine"), 0);
    taken = buf_take(&b);
    ck_assert_str_eq(taken, "mine");
    nothing = buf_take(&b);
    ck_assert_str_eq(nothing, "");
}

TEST(growth_keeps_the_content)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100000);

    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(buf_add_char(&b, (char)('a' + i % 26)), 0);
    ck_assert_uint_eq(b.len, 10000);
    ck_assert_int_eq(b.data[9999], 'a' + 9999 % 26);
    buf_truncate(&b, 3);
    ck_assert_str_eq(buf_str(&b), "abc");
    buf_truncate(&b, 30);
    ck_assert_uint_eq(b.len, 3);
}

TEST(what_fits_has_no_room_left_and_goes_on)
{
    _cleanup_buf_ struct buf b = BUF_INIT(100000);

    buf_fit(&b);
    ck_assert_ptr_null(b.data);
    ck_assert_int_eq(buf_add_str(&b, "abc"), 0);
    ck_assert_uint_gt(b.alloc, 4);
    buf_fit(&b);
    ck_assert_uint_eq(b.alloc, 4);
    ck_assert_str_eq(buf_str(&b), "abc");
    ck_assert_int_eq(buf_add_str(&b, "def"), 0);
    ck_assert_str_eq(buf_str(&b), "abcdef");
}

TEST(strip_cuts_white_space_off_both_ends)
{
    char text[] = " \t a b\r\n";

    ck_assert_str_eq(str_strip(text), "a b");
}

TEST(prefix_suffix_and_equality)
{
    ck_assert(str_starts_with("libfoo", "lib"));
    ck_assert(!str_starts_with("li", "lib"));
    ck_assert(str_ends_with("a.conf", ".conf"));
    ck_assert(!str_ends_with("conf", ".conf"));
    ck_assert(str_equal(NULL, NULL));
    ck_assert(!str_equal("", NULL));
    ck_assert(str_empty(NULL) && str_empty("") && !str_empty("x"));
}

TEST(secrets_compare_by_content_and_length)
{
    ck_assert(secret_equal("abc", 3, "abc", 3));
    ck_assert(!secret_equal("abc", 3, "abd", 3));
    ck_assert(!secret_equal("abcabc", 6, "abc", 3));
    ck_assert(!secret_equal("a", 1, "", 0));
    ck_assert(!secret_equal("", 0, "a", 1));
    ck_assert(secret_equal("", 0, "", 0));
}

TEST(control_characters_are_seen)
{
    ck_assert(!str_has_control(""));
    ck_assert(!str_has_control("gr\xc3\xbc\xc3\x9f, ~"));
    ck_assert(str_has_control("a\nb"));
    ck_assert(str_has_control("\x7f"));
}
