// SPDX-License-Identifier: GPL-3.0-only
#include "base/strv.h"
#include "fault.h"
#include "test.h"

static void assert_joined(const struct strv *v, const char *expected)
{
    _cleanup_free_ char *joined = strv_join(v, "|");

    ck_assert_str_eq(joined, expected);
}

TEST(a_list_grows_and_ends_with_null)
{
    _cleanup_strv_ struct strv v = STRV_INIT;

    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(strv_addf(&v, "%d", i), 0);
        ck_assert_uint_eq(v.len, (size_t)i + 1);
        ck_assert_ptr_null(v.items[v.len]);
    }
    ck_assert_str_eq(v.items[99], "99");
}

TEST(several_are_added_at_once)
{
    _cleanup_strv_ struct strv v = STRV_INIT, twice = STRV_INIT;
    const struct strv empty = STRV_INIT;
    const char *const more[] = {"b", "a", NULL};

    ck_assert_int_eq(strv_add(&v, "c"), 0);
    ck_assert_int_eq(strv_add_all(&v, more), 0);
    assert_joined(&v, "c|b|a");
    ck_assert_int_eq(strv_add_list(&v, &empty), 0);
    strv_sort(&v);
    assert_joined(&v, "a|b|c");
    ck_assert(strv_contains_sorted(&v, "a"));
    ck_assert(strv_contains_sorted(&v, "c"));
    ck_assert(!strv_contains_sorted(&v, "bb"));
    ck_assert_int_eq(strv_add_list(&twice, &v), 0);
    ck_assert_int_eq(strv_add_list(&twice, &v), 0);
    assert_joined(&twice, "a|b|c|a|b|c");
    ck_assert(strv_contains(&v, "b"));
    ck_assert(!strv_contains(&v, "d"));
    ck_assert_uint_eq(strv_find(&twice, "c"), 2);
    ck_assert_uint_eq(strv_find(&twice, "d"), 6);
}

TEST(splitting_leaves_out_empty_pieces)
{
    _cleanup_strv_ struct strv v = STRV_INIT;

    ck_assert_int_eq(strv_split(&v, "  one two,,three ", " ,"), 0);
    assert_joined(&v, "one|two|three");
    ck_assert_int_eq(strv_split(&v, "", " "), 0);
    ck_assert_int_eq(strv_split(&v, "   ", " "), 0);
    ck_assert_uint_eq(v.len, 3);
}

TEST(an_empty_list_is_nothing)
{
    _cleanup_strv_ struct strv v = STRV_INIT;
    unsigned seen = 0;

    assert_joined(&v, "");
    strv_sort(&v);
    ck_assert(!strv_contains(&v, ""));
    ck_assert(!strv_contains_sorted(&v, ""));
    STRV_FOREACH (s, &v) {
        seen += *s == '\0';
    }
    ck_assert_uint_eq(seen, 0);
    strv_release(&v);
    strv_release(&v);
}

TEST(all_are_visited_in_order)
{
    _cleanup_strv_ struct strv v = STRV_INIT;
    _cleanup_buf_ struct buf seen = BUF_INIT(100);

    ck_assert_int_eq(strv_split(&v, "a b c", " "), 0);
    STRV_FOREACH (s, &v) {
        ck_assert_int_eq(buf_add_str(&seen, s), 0);
    }
    ck_assert_str_eq(buf_str(&seen), "abc");
}

TEST(taking_nothing_is_lack_of_memory)
{
    _cleanup_strv_ struct strv v = STRV_INIT;

    ck_assert_int_eq(strv_take(&v, NULL), -ENOMEM);
    ck_assert_uint_eq(v.len, 0);
}

static int use_lists(struct error *err)
{
    _cleanup_strv_ struct strv v = STRV_INIT;
    _cleanup_free_ char *joined = NULL;
    const char *const more[] = {"1", "2", NULL};

    if (strv_split(&v, "a b c d e f g h i j", " ") < 0 || strv_add_all(&v, more) < 0 ||
        strv_addf(&v, "%d", 7) < 0 || strv_take(&v, strdup("x")) < 0)
        return error_oom(err);
    joined = strv_join(&v, ", ");
    return joined ? 0 : error_oom(err);
}

static int use_buffers(struct error *err)
{
    _cleanup_buf_ struct buf b = BUF_INIT(10000);
    _cleanup_free_ char *taken = NULL, *empty = NULL, *text = NULL;

    for (int i = 0; i < 300; i++)
        if (buf_addf(&b, "%d", i) < 0)
            return error_oom(err);
    taken = buf_take(&b);
    empty = taken ? buf_take(&b) : NULL;
    text = empty ? str_format("%s", taken) : NULL;
    return text ? 0 : error_oom(err);
}

TEST(lists_and_buffers_survive_lack_of_memory)
{
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, use_lists);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, use_buffers);
}
