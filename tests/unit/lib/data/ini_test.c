// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "data/ini.h"
#include "test.h"

#define ASSERT_REFUSED(text, message) assert_refused(text, sizeof(text) - 1, message)

static struct ini *parse(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct ini *ini = NULL;

    ASSERT_OK(ini_parse_text(text, strlen(text), "test.conf", &ini, &err), &err);
    return ini;
}

static void assert_refused(const char *text, size_t len, const char *message)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct ini *ini = NULL;

    ASSERT_FAILS(ini_parse_text(text, len, "test.conf", &ini, &err), -EINVAL, &err, message);
    ck_assert_ptr_null(ini);
}

TEST(values_are_found_by_section_and_key)
{
    _cleanup_(ini_freep) struct ini *ini =
        parse("# comment\nKEY=top\n\n[one]\n; comment\n key = a b \nempty =\n[two]\r\nkey = 2\r\n");

    ck_assert_str_eq(ini_get(ini, "", "KEY"), "top");
    ck_assert_str_eq(ini_get(ini, "one", "key"), "a b");
    ck_assert_str_eq(ini_get(ini, "one", "empty"), "");
    ck_assert_str_eq(ini_get(ini, "two", "key"), "2");
    ck_assert_ptr_null(ini_get(ini, "two", "empty"));
    ck_assert_ptr_null(ini_get(ini, "three", "key"));
    ck_assert_ptr_null(ini_get(ini, "", "key"));
}

TEST(sections_keep_the_order_of_the_file_even_when_empty)
{
    _cleanup_(ini_freep) struct ini *ini = parse("[b]\n[a]\nx = 1\n[b]\ny = 2\n");
    _cleanup_(ini_freep) struct ini *top = parse("x = 1\n[a]\n");
    _cleanup_strv_ struct strv sections = STRV_INIT;
    _cleanup_free_ char *joined = NULL;

    ck_assert_int_eq(ini_sections(ini, &sections), 0);
    ck_assert_int_eq(ini_sections(top, &sections), 0);
    joined = strv_join(&sections, ",");
    ck_assert_str_eq(joined, "b,a,,a");
    ck_assert(ini_has_section(ini, "b") && ini_has_section(ini, "a"));
    ck_assert(!ini_has_section(ini, "") && !ini_has_section(ini, "c"));
    ck_assert(ini_has_section(top, ""));
    ck_assert_str_eq(ini_get(ini, "b", "y"), "2");
}

TEST(values_are_taken_as_they_are)
{
    _cleanup_(ini_freep) struct ini *ini =
        parse("\xef\xbb\xbfPASSWORD=a;b #c = \"d\"\nURL=http://x:1/y\nlast=no newline");

    ck_assert_str_eq(ini_get(ini, "", "PASSWORD"), "a;b #c = \"d\"");
    ck_assert_str_eq(ini_get(ini, "", "URL"), "http://x:1/y");
    ck_assert_str_eq(ini_get(ini, "", "last"), "no newline");
}

TEST(long_values_and_keys_are_whole)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(ini_freep) struct ini *ini = NULL;

    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_addf(&text, "%s%03d", i == 500 ? " = " : "x", i), 0);
    ck_assert_int_eq(buf_add_str(&text, "\n[s]\nk = v\n"), 0);
    ASSERT_OK(ini_parse_text(text.data, text.len, "test", &ini, &err), &err);
    ck_assert_str_eq(ini_get(ini, "s", "k"), "v");
    text.data[2000] = '\0';
    ck_assert_uint_eq(strlen(ini_get(ini, "", text.data)), 1999);
}

TEST(what_cannot_be_meant_is_refused_with_its_line)
{
    ASSERT_REFUSED("[a]\nx = 1\ny = 2\nx = 3\n", "test.conf: line 4: x: given twice");
    ASSERT_REFUSED("[a]\nx = 1\n[b]\n[a]\nx = 3\n", "test.conf: line 5: x: given twice");
    ASSERT_REFUSED("a = 1\nnonsense\n", "test.conf: line 2: expected KEY = VALUE or [SECTION]");
    ASSERT_REFUSED("a = 1\n[open\n", "test.conf: line 2: expected KEY = VALUE or [SECTION]");
    ASSERT_REFUSED("a = 1\n = 2\n", "test.conf: line 2: a value without a key");
    ASSERT_REFUSED("a = \0b\n", "test.conf: not a text file: it has a NUL byte");
    ASSERT_REFUSED("[0123456789012345678901234567890123456789012345678901234567890]\na = 1\n",
                   "test.conf: line 2: section name too long: "
                   "[0123456789012345678901234567890123456789012345678901234567890]");
}

TEST(an_indented_line_does_not_continue_the_one_above)
{
    ASSERT_REFUSED("a = 1\n  more\n", "test.conf: line 2: expected KEY = VALUE or [SECTION]");
}

TEST(typed_values_name_file_section_and_key_in_errors)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(ini_freep) struct ini *ini =
        parse("port = x\n[web]\nport = 80\nbad = 70000\non = yes\nmaybe = perhaps\nnone =\n");
    const char *text = NULL;
    uint64_t n = 0;
    bool b = false;

    ASSERT_OK(ini_get_uint(ini, "web", "port", 1, 65535, 1, &n, &err), &err);
    ck_assert_uint_eq(n, 80);
    ASSERT_OK(ini_get_uint(ini, "web", "absent", 1, 65535, 99, &n, &err), &err);
    ck_assert_uint_eq(n, 99);
    ASSERT_FAILS(ini_get_uint(ini, "web", "bad", 1, 65535, 99, &n, &err), -ERANGE, &err,
                 "test.conf: [web] bad: expected a whole number from 1 to 65535, got \"70000\"");
    ASSERT_FAILS(ini_get_uint(ini, "", "port", 1, 65535, 99, &n, &err), -EINVAL, &err,
                 "test.conf: port: expected a whole number, got \"x\"");
    ck_assert_uint_eq(n, 99);
    ASSERT_OK(ini_get_bool(ini, "web", "on", false, &b, &err), &err);
    ck_assert(b);
    ASSERT_OK(ini_get_bool(ini, "web", "absent", false, &b, &err), &err);
    ck_assert(!b);
    ASSERT_FAILS(ini_get_bool(ini, "web", "maybe", false, &b, &err), -EINVAL, &err,
                 "test.conf: [web] maybe: expected true or false, got \"perhaps\"");
    ASSERT_OK(ini_require(ini, "web", "on", &text, &err), &err);
    ck_assert_str_eq(text, "yes");
    ASSERT_FAILS(ini_require(ini, "web", "none", &text, &err), -EINVAL, &err,
                 "test.conf: [web] none: is empty");
    ASSERT_FAILS(ini_require(ini, "", "absent", &text, &err), -EINVAL, &err,
                 "test.conf: absent: is missing");
}

TEST(a_file_is_loaded_and_an_absent_or_oversized_one_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(ini_freep) struct ini *ini = NULL, *empty = NULL;
    _cleanup_free_ char *huge = calloc(1, 5 << 20);
    const char *path = test_path(test_dir(), "x.conf");

    ck_assert_int_eq(ini_load(path, &ini, &err), -ENOENT);
    ASSERT_OK(file_replace(path, "a=1\n", 4, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(ini_load(path, &ini, &err), &err);
    ck_assert_str_eq(ini_get(ini, "", "a"), "1");
    ASSERT_OK(file_replace(path, "", 0, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(ini_load(path, &empty, &err), &err);
    ck_assert_int_eq(ini_parse_text(huge, 5 << 20, "huge", &ini, &err), -E2BIG);
}
