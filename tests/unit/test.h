// SPDX-License-Identifier: GPL-3.0-only
// The face of Check that our tests see, kept thin so that another library could stand behind it.
//
//     TEST(parse_uint_refuses_a_sign)
//     {
//         …ck_assert…
//     }
//
// Every TEST() of a file is found by itself; each runs in a process of its own. test_main.c has
// main().
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <check.h>

struct test_case {
    const char *name;
    const TTest *function;
    struct test_case *next;
};

void test_register(struct test_case *test);

#define TEST(test_name)                                                                            \
    START_TEST(test_name);                                                                         \
    static struct test_case test_case_##test_name = {.name = #test_name};                          \
    __attribute__((constructor)) static void test_register_##test_name(void)                       \
    {                                                                                              \
        test_case_##test_name.function = test_name;                                                \
        test_register(&test_case_##test_name);                                                     \
    }                                                                                              \
    static void test_name##_fn(int _i _unused_)

// The call succeeds; else the test fails with the error's message.
#define ASSERT_OK(call, err)                                                                       \
    do {                                                                                           \
        int assert_r_ = (call);                                                                    \
        ck_assert_msg(assert_r_ >= 0, "%s: %d: %s", #call, assert_r_, error_message(err));         \
    } while (0)

// The call fails with this negative errno and exactly this message.
#define ASSERT_FAILS(call, errno_value, err, text)                                                 \
    do {                                                                                           \
        int assert_r_ = (call);                                                                    \
        ck_assert_int_eq(assert_r_, errno_value);                                                  \
        ck_assert_str_eq(error_message(err), text);                                                \
        error_clear(err);                                                                          \
    } while (0)

// A new empty folder under $TMPDIR or /tmp that is removed when the test program ends.
const char *test_dir(void);
// path_join() whose result lives as long as the test.
const char *test_path(const char *dir, const char *name);
// Keeps an allocated string (not NULL) for as long as the test runs.
const char *test_keep(char *s);
