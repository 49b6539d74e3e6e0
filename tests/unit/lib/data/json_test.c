// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "data/json.h"
#include "test.h"

static json_t *parse(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *value = NULL;

    ASSERT_OK(json_parse(text, strlen(text), "test", &value, &err), &err);
    return value;
}

static void assert_refused(const char *text, size_t len, const char *message)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *value = NULL;

    ASSERT_FAILS(json_parse(text, len, "test", &value, &err), -EINVAL, &err, message);
    ck_assert_ptr_null(value);
}

TEST(a_document_is_parsed_and_written_compactly_with_sorted_keys)
{
    _cleanup_json_ json_t *value = parse(" {\"b\": [1, 2.5, null], \"a\": {\"x\": true}} ");
    _cleanup_buf_ struct buf out = BUF_INIT(100);

    ck_assert_int_eq(buf_add_str(&out, "> "), 0);
    ck_assert_int_eq(json_write(value, &out), 0);
    ck_assert_str_eq(buf_str(&out), "> {\"a\":{\"x\":true},\"b\":[1,2.5,null]}");
}

TEST(what_yaml_would_take_for_something_else_is_escaped_for_it)
{
    _cleanup_json_ json_t *value =
        parse("[\"a\\u007fb\",\"\\u0080\\u0085\\u009f\\u00a0\",\"\\u2027\\u2028\\u2029\\u2030\","
              "\"\\ufffd\\ufffe\\uffff\\ud83d\\ude00\"]");
    _cleanup_buf_ struct buf out = BUF_INIT(200), small = BUF_INIT(20);

    ck_assert_int_eq(json_write_yaml(value, &out), 0);
    ck_assert_str_eq(buf_str(&out), "[\"a\\u007fb\",\"\\u0080\\u0085\\u009f\xc2\xa0\","
                                    "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xb0\","
                                    "\"\xef\xbf\xbd\\ufffe\\uffff\xf0\x9f\x98\x80\"]");
    ck_assert_int_eq(buf_add_str(&small, "x"), 0);
    ck_assert_int_eq(json_write_yaml(value, &small), -E2BIG);
    ck_assert_str_eq(buf_str(&small), "x");
}

TEST(a_bare_value_is_a_document)
{
    _cleanup_json_ json_t *value = parse("\"text\"");
    _cleanup_buf_ struct buf out = BUF_INIT(100);

    ck_assert_int_eq(json_write(value, &out), 0);
    ck_assert_str_eq(buf_str(&out), "\"text\"");
}

TEST(bad_documents_are_refused_with_their_place)
{
    assert_refused("", 0, "test: line 1, column 0: unexpected token near end of file");
    assert_refused("{\n\"a\": x}", 9, "test: line 2, column 6: invalid token near 'x'");
    assert_refused("[1] 2", 5, "test: line 1, column 5: end of file expected near '2'");
    assert_refused("{\"a\":1,\"a\":2}", 13,
                   "test: line 1, column 10: duplicate object key near '\"a\"'");
    assert_refused(
        "[\"\\u0000\"]", 10,
        "test: line 1, column 9: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'");
    assert_refused("[\"\xff\"]", 5, "test: line 1, column 2: unable to decode byte 0xff near '\"'");
    assert_refused("[1e999]", 7, "test: line 1, column 6: real number overflow near '1e999'");
    assert_refused("[99999999999999999999]", 22,
                   "test: line 1, column 21: too big integer near '99999999999999999999'");
}

TEST(deep_nesting_is_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    json_t *value = NULL;

    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(buf_add_char(&text, '['), 0);
    ck_assert_int_eq(json_parse(text.data, text.len, "test", &value, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "maximum parsing depth reached"));
}

TEST(a_file_is_parsed_and_named_in_errors)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;
    const char *path = test_path(test_dir(), "x.json");

    ck_assert_int_eq(json_parse_file(path, 100, &value, &err), -ENOENT);
    ASSERT_OK(file_replace(path, "{\"a\":1}", 7, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(json_parse_file(path, 7, &value, &err), &err);
    ck_assert_int_eq(json_integer_value(json_object_get(value, "a")), 1);
    ck_assert_int_eq(json_parse_file(path, 6, &value, &err), -E2BIG);
    ASSERT_OK(file_replace(path, "", 0, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ck_assert_int_eq(json_parse_file(path, 6, &value, &err), -EINVAL);
    ck_assert(str_starts_with(error_message(&err), path));
}

TEST(writing_past_the_maximum_fails_and_changes_nothing)
{
    _cleanup_json_ json_t *value = parse("[1,2,3]");
    _cleanup_buf_ struct buf out = BUF_INIT(8);

    ck_assert_int_eq(buf_add_str(&out, "ab"), 0);
    ck_assert_int_eq(json_write(value, &out), -E2BIG);
    ck_assert_str_eq(buf_str(&out), "ab");
    buf_truncate(&out, 1);
    ck_assert_int_eq(json_write(value, &out), 0);
    ck_assert_str_eq(buf_str(&out), "a[1,2,3]");
}

TEST(members_have_the_type_that_is_asked_for)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *o =
        parse("{\"s\":\"text\",\"i\":-7,\"b\":true,\"l\":[\"x\",\"y\"],\"n\":null}");
    _cleanup_strv_ struct strv list = STRV_INIT;
    const char *s = NULL, *optional = NULL;
    int64_t i = 0;
    bool b = false;

    ASSERT_OK(json_get_string(o, "s", &s, &err), &err);
    ck_assert_str_eq(s, "text");
    ASSERT_OK(json_get_optional_string(o, "s", &optional, &err), &err);
    ck_assert_str_eq(optional, "text");
    ASSERT_OK(json_get_optional_int(o, "i", &i, &err), &err);
    ck_assert_int_eq(i, -7);
    ASSERT_OK(json_get_optional_bool(o, "b", &b, &err), &err);
    ck_assert(b);
    ASSERT_OK(json_get_optional_strv(o, "l", &list, &err), &err);
    ck_assert_uint_eq(list.len, 2);
    ck_assert_str_eq(list.items[1], "y");
}

TEST(a_text_of_no_consequence_is_empty_when_it_is_none)
{
    _cleanup_json_ json_t *object = json_pack("{s:s, s:i, s:n}", "a", "x", "b", 1, "c");

    ck_assert_str_eq(json_text(object, "a"), "x");
    ck_assert_str_eq(json_text(object, "b"), "");
    ck_assert_str_eq(json_text(object, "c"), "");
    ck_assert_str_eq(json_text(object, "d"), "");
    ck_assert_str_eq(json_text(NULL, "a"), "");
}

TEST(absent_and_null_members_leave_the_default)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *o = parse("{\"n\":null}");
    _cleanup_strv_ struct strv list = STRV_INIT;
    const char *keys[] = {"n", "absent"}, *s = "default";
    int64_t i = 5;
    bool b = true;

    for (size_t k = 0; k < 2; k++) {
        ASSERT_OK(json_get_optional_string(o, keys[k], &s, &err), &err);
        ASSERT_OK(json_get_optional_int(o, keys[k], &i, &err), &err);
        ASSERT_OK(json_get_optional_bool(o, keys[k], &b, &err), &err);
        ASSERT_OK(json_get_optional_strv(o, keys[k], &list, &err), &err);
    }
    ck_assert_str_eq(s, "default");
    ck_assert_int_eq(i, 5);
    ck_assert(b);
    ck_assert_uint_eq(list.len, 0);
    ASSERT_FAILS(json_get_string(o, "absent", &s, &err), -EINVAL, &err, "absent: missing");
    ASSERT_FAILS(json_get_string(o, "n", &s, &err), -EINVAL, &err,
                 "n: expected a string, got null");
}

TEST(members_of_another_type_are_refused_by_name)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *o = parse("{\"a\":[\"x\",1],\"o\":{},\"s\":\"\",\"r\":1.5,\"t\":true}");
    _cleanup_strv_ struct strv list = STRV_INIT;
    const char *s = NULL;
    int64_t i = 0;
    bool b = false;

    ASSERT_FAILS(json_get_string(o, "o", &s, &err), -EINVAL, &err,
                 "o: expected a string, got an object");
    ASSERT_FAILS(json_get_optional_string(o, "a", &s, &err), -EINVAL, &err,
                 "a: expected a string, got an array");
    ASSERT_FAILS(json_get_optional_int(o, "r", &i, &err), -EINVAL, &err,
                 "r: expected a whole number, got a number");
    ASSERT_FAILS(json_get_optional_bool(o, "s", &b, &err), -EINVAL, &err,
                 "s: expected true or false, got a string");
    ASSERT_FAILS(json_get_optional_strv(o, "t", &list, &err), -EINVAL, &err,
                 "t: expected an array, got true or false");
    ASSERT_FAILS(json_get_optional_strv(o, "a", &list, &err), -EINVAL, &err,
                 "a[1]: expected a string, got a number");
    ck_assert_uint_eq(list.len, 0);
    ck_assert_str_eq(json_type_name(NULL), "nothing");
}

TEST(objects_are_built_up)
{
    _cleanup_json_ json_t *o = json_object();
    _cleanup_buf_ struct buf out = BUF_INIT(100);

    ck_assert_int_eq(json_put_string(o, "s", "x"), 0);
    ck_assert_int_eq(json_put_string(o, "none", NULL), 0);
    ck_assert_int_eq(json_put_string(o, "bad", "\xff"), -EILSEQ);
    ck_assert_int_eq(json_put_int(o, "i", INT64_MIN), 0);
    ck_assert_int_eq(json_put_bool(o, "b", false), 0);
    ck_assert_int_eq(json_put(o, "a", json_array()), 0);
    ck_assert_int_eq(json_put(o, "failed", NULL), -ENOMEM);
    ck_assert_int_eq(json_write(o, &out), 0);
    ck_assert_str_eq(buf_str(&out),
                     "{\"a\":[],\"b\":false,\"i\":-9223372036854775808,\"s\":\"x\"}");
}

TEST(copies_of_members_are_the_callers)
{
    _cleanup_json_ json_t *object = json_pack("{s:s, s:n, s:i}", "a", "x", "b", "c", 1);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;

    ASSERT_OK(json_copy_string(object, "a", &a, &err), &err);
    ASSERT_OK(json_copy_optional_string(object, "b", "fallback", &b, &err), &err);
    ASSERT_OK(json_copy_optional_string(object, "d", NULL, &c, &err), &err);
    ck_assert_str_eq(a, "x");
    ck_assert_str_eq(b, "fallback");
    ck_assert_ptr_null(c);
    ASSERT_FAILS(json_copy_optional_string(object, "c", "", &c, &err), -EINVAL, &err,
                 "c: expected a string, got a number");
    ASSERT_FAILS(json_copy_string(object, "d", &c, &err), -EINVAL, &err, "d: missing");
}

TEST(a_list_becomes_an_array_of_what_is_text)
{
    static const char *const texts[] = {"a", "\xff", "", "\xc3\xa4", NULL};
    _cleanup_strv_ struct strv list = STRV_INIT;
    _cleanup_json_ json_t *array = NULL;
    _cleanup_buf_ struct buf out = BUF_INIT(100);

    ck_assert_int_eq(strv_add_all(&list, texts), 0);
    array = json_strings(&list);
    ck_assert_int_eq(json_write(array, &out), 0);
    ck_assert_str_eq(buf_str(&out), "[\"a\",\"\",\"\xc3\xa4\"]");
}
