// SPDX-License-Identifier: GPL-3.0-only
#include "fault.h"
#include "test.h"

TEST(setting_replaces_and_returns_the_number)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_str_eq(error_message(&err), "unknown error");
    ck_assert_int_eq(error_set(&err, -EINVAL, "bad %s", "thing"), -EINVAL);
    ck_assert_str_eq(error_message(&err), "bad thing");
    ck_assert_int_eq(error_set(&err, -ENOENT, "none"), -ENOENT);
    ck_assert_str_eq(error_message(&err), "none");
    error_clear(&err);
    ck_assert_str_eq(error_message(&err), "unknown error");
}

TEST(the_system_text_is_appended)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(error_errno(&err, -ENOENT, "cannot open %s", "x"), -ENOENT);
    ck_assert_str_eq(error_message(&err), "cannot open x: No such file or directory");
}

TEST(prefixes_are_put_in_front)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(error_prefix(&err, -EACCES, "outer"), -EACCES);
    ck_assert_str_eq(error_message(&err), "outer: Permission denied");
    ck_assert_int_eq(error_prefix(&err, -EACCES, "line %d", 3), -EACCES);
    ck_assert_str_eq(error_message(&err), "line 3: outer: Permission denied");
}

TEST(a_caller_who_wants_no_message_gets_the_number)
{
    ck_assert_int_eq(error_set(NULL, -EINVAL, "x"), -EINVAL);
    ck_assert_int_eq(error_errno(NULL, -EINVAL, "x"), -EINVAL);
    ck_assert_int_eq(error_prefix(NULL, -EINVAL, "x"), -EINVAL);
    ck_assert_int_eq(error_oom(NULL), -ENOMEM);
    ck_assert_str_eq(error_message(NULL), "unknown error");
}

TEST(out_of_memory_needs_no_memory)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(error_set(&err, -EINVAL, "before"), -EINVAL);
    ck_assert_int_eq(error_oom(&err), -ENOMEM);
    ck_assert_str_eq(error_message(&err), "out of memory");
    ck_assert_int_eq(error_oom(&err), -ENOMEM);
    ck_assert_int_eq(error_prefix(&err, -ENOMEM, "x"), -ENOMEM);
    ck_assert_str_eq(error_message(&err), "x: out of memory");
}

// The number stays as it is whatever becomes of the message.
static int say_much(struct error *err)
{
    int r = error_set(err, -ENOMEM, "one %d", 1);

    r = error_prefix(err, r, "two");
    r = error_errno(err, r, "three %s", "x");
    if (r != -ENOMEM || !err->message)
        return -EINVAL;
    error_clear(err);
    return 0;
}

TEST(without_memory_messages_are_out_of_memory)
{
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, say_much);
}
