// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "data/json.h"
#include "data/yaml.h"
#include "test.h"

#define ASSERT_YAML(text, json) assert_yaml(text, sizeof(text) - 1, json)
#define ASSERT_REFUSED(text, r, message) assert_refused(text, sizeof(text) - 1, r, message)

static void assert_yaml(const char *text, size_t len, const char *json)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 16);

    ASSERT_OK(yaml_parse(text, len, "test", &value, &err), &err);
    ck_assert_int_eq(json_write(value, &out), 0);
    ck_assert_str_eq(buf_str(&out), json);
}

static void assert_refused(const char *text, size_t len, int r, const char *message)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *value = NULL;

    ASSERT_FAILS(yaml_parse(text, len, "test", &value, &err), r, &err, message);
    ck_assert_ptr_null(value);
}

TEST(empty_documents_are_null)
{
    ASSERT_YAML("", "null");
    ASSERT_YAML("# comment only\n", "null");
    ASSERT_YAML("---\n...\n", "null");
}

TEST(mappings_and_sequences_nest)
{
    ASSERT_YAML("lcy02:\n  amd64: 4\n  arm64: 1\nempty: {}\nlist:\n- a\n- [b, c]\n- x: y\n  z: 1\n",
                "{\"empty\":{},\"lcy02\":{\"amd64\":4,\"arm64\":1},"
                "\"list\":[\"a\",[\"b\",\"c\"],{\"x\":\"y\",\"z\":1}]}");
}

TEST(plain_scalars_follow_the_core_schema)
{
    ASSERT_YAML("[null, Null, NULL, ~, true, True, FALSE]",
                "[null,null,null,null,true,true,false]");
    ASSERT_YAML("a:\nb: ~\n", "{\"a\":null,\"b\":null}");
    ASSERT_YAML("[0, -7, +12, 007, 0o17, 0xfF, 9223372036854775807, -9223372036854775808]",
                "[0,-7,12,7,15,255,9223372036854775807,-9223372036854775808]");
    ASSERT_YAML("[1.5, -.5, +2., 1e3, 24.04, 1E-2]",
                "[1.5,-0.5,2.0,1000.0,24.039999999999999,0.01]");
}

TEST(what_only_looks_like_a_number_or_truth_is_a_string)
{
    ASSERT_YAML(
        "[yes, no, on, off, nUll, tRUE, 1_000, 0x, 0xg, 0o8, '', +, '-', ., 1e, 1e+, 1.2.3, +-1, "
        "1:30, 12 monkeys, inf]",
        "[\"yes\",\"no\",\"on\",\"off\",\"nUll\",\"tRUE\",\"1_000\",\"0x\",\"0xg\",\"0o8\",\"\","
        "\"+\",\"-\",\".\",\"1e\",\"1e+\",\"1.2.3\",\"+-1\",\"1:30\",\"12 monkeys\",\"inf\"]");
}

TEST(quoted_and_block_scalars_are_strings)
{
    ASSERT_YAML("a: '1'\nb: \"true\"\nc: |\n  1\nd: >-\n  two\n  lines\n",
                "{\"a\":\"1\",\"b\":\"true\",\"c\":\"1\\n\",\"d\":\"two lines\"}");
    ASSERT_YAML("'1': \"\\u00e4\"\n'<<': x\n", "{\"1\":\"\xc3\xa4\",\"<<\":\"x\"}");
}

TEST(numbers_out_of_range_are_refused)
{
    static const char message[] =
        "test: line 1, column 1: number out of range, quote it if a string is meant";

    ASSERT_REFUSED("9223372036854775808", -EINVAL, message);
    ASSERT_REFUSED("99999999999999999999999", -EINVAL, message);
    ASSERT_REFUSED("0x8000000000000000", -EINVAL, message);
    ASSERT_REFUSED("1e999", -EINVAL, message);
    ASSERT_REFUSED(".inf", -EINVAL, message);
    ASSERT_REFUSED("-.Inf", -EINVAL, message);
    ASSERT_REFUSED(".NaN", -EINVAL, message);
}

TEST(keys_are_strings_and_only_once)
{
    ASSERT_REFUSED("a: 1\nb: 2\na: 3\n", -EINVAL, "test: line 3, column 1: duplicate key \"a\"");
    ASSERT_REFUSED("a: 1\n'a': 2\n", -EINVAL, "test: line 2, column 1: duplicate key \"a\"");
    ASSERT_REFUSED("a:\n  24.04: x\n", -EINVAL,
                   "test: line 2, column 3: expected a string as key, got a number, quote it");
    ASSERT_REFUSED("? [a]\n: x\n", -EINVAL, "test: line 1, column 3: expected a string as key");
    ASSERT_REFUSED("{a: 1, ? {b: 1} : 2}", -EINVAL,
                   "test: line 1, column 10: expected a string as key");
    ASSERT_REFUSED("<<: {a: 1}\n", -EINVAL,
                   "test: line 1, column 1: merge keys are not allowed, write the keys out");
}

TEST(anchors_aliases_and_tags_are_refused)
{
    ASSERT_REFUSED("a: &x 1\n", -EINVAL,
                   "test: line 1, column 4: anchors, aliases and tags are not allowed");
    ASSERT_REFUSED("a: *x\n", -EINVAL,
                   "test: line 1, column 4: anchors, aliases and tags are not allowed");
    ASSERT_REFUSED("a: !!str 1\n", -EINVAL,
                   "test: line 1, column 4: anchors, aliases and tags are not allowed");
    ASSERT_REFUSED("!x [a]", -EINVAL,
                   "test: line 1, column 1: anchors, aliases and tags are not allowed");
    ASSERT_REFUSED("&x {a: b}", -EINVAL,
                   "test: line 1, column 1: anchors, aliases and tags are not allowed");
}

TEST(more_than_one_document_is_refused)
{
    ASSERT_REFUSED("a\n---\nb\n", -EINVAL, "test: line 2, column 1: more than one document");
}

TEST(what_is_not_yaml_is_refused_with_its_place)
{
    ASSERT_REFUSED("a: [1, 2\nb: 3\n", -EINVAL,
                   "test: line 2, column 2: while parsing a flow sequence, did not find expected "
                   "',' or ']'");
    ASSERT_REFUSED("a: @b\n", -EINVAL,
                   "test: line 1, column 4: while scanning for the next token, found character "
                   "that cannot start any token");
    ASSERT_REFUSED("ok: 1\nb: \xff\n", -EINVAL,
                   "test: line 2, column 4: invalid leading UTF-8 octet");
    ASSERT_REFUSED("a\x01", -EINVAL, "test: line 1, column 2: control characters are not allowed");
    ASSERT_REFUSED("a: \"x\\0y\"\n", -EINVAL, "test: line 1, column 4: NUL in a string");
}

TEST(nesting_has_a_limit)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;

    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        ck_assert_int_eq(buf_add_char(&text, '['), 0);
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        ck_assert_int_eq(buf_add_char(&text, ']'), 0);
    ASSERT_OK(yaml_parse(text.data, text.len, "test", &value, &err), &err);
    buf_truncate(&text, YAML_DEPTH_MAX);
    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(buf_add_char(&text, '['), 0);
    assert_refused(text.data, text.len, -E2BIG, "test: line 1, column 33: nested too deeply");
}

TEST(number_of_values_and_size_have_limits)
{
    _cleanup_buf_ struct buf text = BUF_INIT(YAML_BYTES_MAX + 1);
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *value = NULL;

    ck_assert_int_eq(buf_add_char(&text, '['), 0);
    for (int i = 0; i < YAML_NODES_MAX; i++)
        ck_assert_int_eq(buf_add_str(&text, "1,"), 0);
    ck_assert_int_eq(yaml_parse(text.data, text.len, "test", &value, &err), -E2BIG);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "too many values"));
    while (text.len <= YAML_BYTES_MAX)
        ck_assert_int_eq(buf_add_char(&text, ' '), 0);
    assert_refused(text.data, text.len, -E2BIG, "test: larger than 1048576 bytes");
}

TEST(a_file_is_parsed_and_named_in_errors)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;
    const char *path = test_path(test_dir(), "x.yaml");

    ck_assert_int_eq(yaml_parse_file(path, &value, &err), -ENOENT);
    ASSERT_OK(file_replace(path, "a: 1\n", 5, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(yaml_parse_file(path, &value, &err), &err);
    ck_assert_int_eq(json_integer_value(json_object_get(value, "a")), 1);
}

TEST(a_key_may_be_the_word_null)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;

    ASSERT_OK(yaml_parse("amd64: {null: 1}", 16, "test", &value, &err), &err);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(value, "amd64"), "null")),
                     1);
    ck_assert_int_eq(yaml_parse("{~: 1}", 6, "test", &value, &err), -EINVAL);
}
