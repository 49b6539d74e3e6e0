// SPDX-License-Identifier: GPL-3.0-only
#include "web/package_diff.h"

#include "test.h"

static void expect(const char *before, const char *after, const char *wanted)
{
    _cleanup_json_ json_t *changes = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(package_diff(before, after, &changes, &err), &err);
    ck_assert_int_eq(json_write(changes, &text), 0);
    ck_assert_str_eq(buf_str(&text), wanted);
}

TEST(what_changed_came_and_went_by_package)
{
    expect("zlib1g\t1.3\nbash\t5.2\nold:i386\t1\n", "bash\t5.2\nnew\t2~rc1\nzlib1g\t1.3.1\n",
           "[{\"added\":true,\"after\":\"2~rc1\",\"package\":\"new\"},"
           "{\"before\":\"1\",\"package\":\"old:i386\",\"removed\":true},"
           "{\"after\":\"1.3.1\",\"before\":\"1.3\",\"package\":\"zlib1g\"}]");
}

TEST(the_same_in_another_order_is_no_change)
{
    expect("a\t1\nb\t2\n", "b\t2\na\t1", "[]");
}

TEST(lines_that_are_something_else_are_left_out)
{
    expect("", "no version\n\t1\nx\t\n\n", "[]");
    expect("a\t1\n", "a\t1\nb\t\xff\n", "[]");
}

TEST(a_later_line_of_the_same_package_counts)
{
    expect("a\t1\na\t2\n", "a\t2\n", "[]");
}
