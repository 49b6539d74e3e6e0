// SPDX-License-Identifier: GPL-3.0-only
#include "data/base64.h"
#include "test.h"

TEST(base64_is_strict_about_what_it_is)
{
    static const char *const bad[] = {"a", "ab=c", "a-b=", "====", "abcde"};
    static const char *const good[][2] = {
        {"", ""}, {"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {"YW Jj\nYWJj", "abcabc"}};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(100);

        ck_assert_int_eq(base64_decode(bad[i], &out), -EINVAL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(100);

        ck_assert_int_eq(base64_decode(good[i][0], &out), 0);
        ck_assert_str_eq(buf_str(&out), good[i][1]);
    }
}

TEST(what_is_decoded_has_a_largest_size)
{
    _cleanup_buf_ struct buf out = BUF_INIT(2);

    ck_assert_int_eq(base64_decode("YWJj", &out), -E2BIG);
}

TEST(bytes_come_back_as_they_were)
{
    static const char *const pairs[][2] = {
        {"", ""}, {"a", "YQ=="}, {"ab", "YWI="}, {"abc", "YWJj"}, {"abcd", "YWJjZA=="}};
    _cleanup_buf_ struct buf text = BUF_INIT(1000), back = BUF_INIT(1000);
    char bytes[256];

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(100);

        ck_assert_int_eq(base64_encode(pairs[i][0], strlen(pairs[i][0]), &out), 0);
        ck_assert_str_eq(buf_str(&out), pairs[i][1]);
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    ck_assert_int_eq(base64_encode(bytes, sizeof(bytes), &text), 0);
    ck_assert_int_eq(base64_decode(buf_str(&text), &back), 0);
    ck_assert_uint_eq(back.len, sizeof(bytes));
    ck_assert_int_eq(memcmp(back.data, bytes, sizeof(bytes)), 0);
}
