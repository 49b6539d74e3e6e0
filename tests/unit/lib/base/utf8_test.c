// SPDX-License-Identifier: GPL-3.0-only
#include "base/utf8.h"

#include "base/hash.h"
#include "fault.h"
#include "test.h"

static void expect_length(const char *bytes, size_t len, size_t expected)
{
    ck_assert_uint_eq(utf8_sequence(bytes, len), expected);
}

TEST(sequences_of_every_length_are_recognised)
{
    expect_length("a", 1, 1);
    expect_length("\0", 1, 1);
    expect_length("\xc3\xa4z", 3, 2);
    expect_length("\xe2\x82\xac", 3, 3);
    expect_length("\xf0\x9f\x98\x80", 4, 4);
    expect_length("\xf4\x8f\xbf\xbf", 4, 4); // U+10FFFF
}

TEST(what_is_not_well_formed_has_no_length)
{
    expect_length("", 0, 0);
    expect_length("\x80", 1, 0);
    expect_length("\xc3", 1, 0);             // cut
    expect_length("\xc0\xaf", 2, 0);         // overlong
    expect_length("\xe0\x9f\xbf", 3, 0);     // overlong
    expect_length("\xed\xa0\x80", 3, 0);     // a surrogate
    expect_length("\xf4\x90\x80\x80", 4, 0); // above U+10FFFF
    expect_length("\xf0\x9f\x98z", 4, 0);
    expect_length("\xff", 1, 0);
}

TEST(a_text_is_well_formed_when_all_of_it_is)
{
    static const char good[] =
        "a text of ASCII, \xc3\xa4\xe2\x82\xac, and more of it\0 behind a NUL";
    char text[sizeof(good)];

    for (size_t len = 0; len <= 17; len++)
        ck_assert(utf8_is_valid(good, len));
    ck_assert(!utf8_is_valid(good, 18));
    ck_assert(utf8_is_valid(good, 19));
    ck_assert(utf8_is_valid(good, sizeof(good) - 1));
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        memcpy(text, good, sizeof(good));
        text[at] = (char)0xff;
        ck_assert(!utf8_is_valid(text, sizeof(good) - 1));
    }
}

TEST(bad_bytes_and_nul_are_replaced_one_by_one)
{
    static const char text[] = "a\0\xff\xc3\xa4\xe2\x82";
    _cleanup_buf_ struct buf b = BUF_INIT(64);

    ck_assert_int_eq(utf8_add_clean(&b, text, sizeof(text) - 1), 0);
    ck_assert_str_eq(buf_str(&b), "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(text_that_does_not_fit_is_told)
{
    _cleanup_buf_ struct buf b = BUF_INIT(2);

    ck_assert_int_eq(utf8_add_clean(&b, "\xff", 1), -E2BIG);
}

// Test vectors of the authors.
TEST(hash_is_fnv1a)
{
    ck_assert_uint_eq(hash_add(HASH_START, "", 0), UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(hash_add(HASH_START, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    ck_assert_uint_eq(hash_add(hash_add(HASH_START, "foo", 3), "bar", 3),
                      UINT64_C(0x85944171f73967e8));
}
