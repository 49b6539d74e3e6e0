// SPDX-License-Identifier: GPL-3.0-only
#include "data/command_variable.h"

#include "test.h"

TEST(a_name_is_of_capital_letters)
{
    ck_assert_uint_eq(command_variable_length("$RELEASEname"), 7);
    ck_assert_uint_eq(command_variable_length("$LXD_REMOTE:x"), 10);
    ck_assert_uint_eq(command_variable_length("$release"), 0);
    ck_assert_uint_eq(command_variable_length("${RELEASE}"), 0);
    ck_assert_uint_eq(command_variable_length("RELEASE"), 0);
    ck_assert_uint_eq(command_variable_length("$"), 0);
}

TEST(names_are_found_whole)
{
    ck_assert_int_eq(command_variable_find("NAME", 4), VARIABLE_NAME);
    ck_assert_int_eq(command_variable_find("NAMES", 4), VARIABLE_NAME);
    ck_assert_int_eq(command_variable_find("NAMES", 5), VARIABLE_COUNT);
    ck_assert_int_eq(command_variable_find("NA", 2), VARIABLE_COUNT);
    ck_assert_int_eq(command_variable_find("", 0), VARIABLE_COUNT);
}

// The list that messages show has every variable, in order, and nothing else.
TEST(the_list_for_messages_is_whole)
{
    int next = 0;

    for (const char *at = strchr(command_variables, '$'); at; at = strchr(at + 1, '$'))
        ck_assert_int_eq(command_variable_find(at + 1, command_variable_length(at)), next++);
    ck_assert_int_eq(next, VARIABLE_COUNT);
}
