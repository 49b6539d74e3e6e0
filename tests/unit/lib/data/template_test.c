// SPDX-License-Identifier: GPL-3.0-only
// The rules of the language are in template_cases/*.json, one file a chapter: each case has name,
// template, data, partials and expected, or error instead; `strict` switches strict mode on. The
// rest, which JSON cannot say, is here.
#include "data/json.h"
#include "data/template.h"
#include "data/template_internal.h"
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CASES "tests/unit/lib/data/template_cases/"

static int add_partials(struct template_set *set, const json_t *partials, struct error *err)
{
    const char *name;
    json_t *text;
    int r = 0;

    json_object_foreach ((json_t *)partials, name, text) {
        r = template_set_add(set, name, json_string_value(text), json_string_length(text), err);
        if (r < 0)
            break;
    }
    return r;
}

static int render_case(const json_t *c, struct buf *out, struct error *err)
{
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    const json_t *text = json_object_get(c, "template");
    struct template_options options = {
        .partials = set,
        .strict = json_is_true(json_object_get(c, "strict")),
    };
    int r = template_parse(json_string_value(text), json_string_length(text), "case", &t, err);

    if (r == 0)
        r = add_partials(set, json_object_get(c, "partials"), err);
    if (r == 0)
        r = template_render(t, json_object_get(c, "data"), &options, out, err);
    return r;
}

static void check_case(const char *file, const json_t *c)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(100000);
    const char *name = json_string_value(json_object_get(c, "name"));
    const char *error = json_string_value(json_object_get(c, "error"));
    const char *expected = json_string_value(json_object_get(c, "expected"));
    int r = render_case(c, &out, &err);

    if (error)
        ck_assert_msg(r < 0 && strcmp(error_message(&err), error) == 0,
                      "%s: %s: expected the error\n%s\ngot %d\n%s", file, name, error, r,
                      error_message(&err));
    else
        ck_assert_msg(r == 0 && strcmp(buf_str(&out), expected) == 0,
                      "%s: %s: expected\n%s\ngot %d %s\n%s", file, name, expected, r,
                      r < 0 ? error_message(&err) : "", buf_str(&out));
}

static void check_file(const char *file)
{
    json_error_t problem;
    _cleanup_(json_decrefp) json_t *cases = json_load_file(file, JSON_REJECT_DUPLICATES, &problem);
    size_t i;

    ck_assert_msg(cases != NULL, "%s: line %d: %s", file, problem.line, problem.text);
    ck_assert_uint_gt(json_array_size(cases), 0);
    for (i = 0; i < json_array_size(cases); i++)
        check_case(file, json_array_get(cases, i));
}

TEST(cases_of_interpolation)
{
    check_file(CASES "interpolation.json");
}

TEST(cases_of_sections)
{
    check_file(CASES "sections.json");
}

TEST(cases_of_inverted_sections)
{
    check_file(CASES "inverted.json");
}

TEST(cases_of_comments)
{
    check_file(CASES "comments.json");
}

TEST(cases_of_delimiters)
{
    check_file(CASES "delimiters.json");
}

TEST(cases_of_partials)
{
    check_file(CASES "partials.json");
}

TEST(cases_of_dynamic_names)
{
    check_file(CASES "dynamic_names.json");
}

TEST(cases_of_inheritance)
{
    check_file(CASES "inheritance.json");
}

TEST(cases_of_escaping)
{
    check_file(CASES "escape.json");
}

TEST(cases_of_strict_mode)
{
    check_file(CASES "strict.json");
}

TEST(cases_of_errors)
{
    check_file(CASES "errors.json");
}

static struct template *parsed(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct template *t = NULL;

    ASSERT_OK(template_parse(text, strlen(text), "t", &t, &err), &err);
    return t;
}

TEST(a_template_renders_any_number_of_times_and_appends)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_freep) struct template *t = parsed("{{v}};");
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:s}", "v", "x");
    _cleanup_buf_ struct buf out = BUF_INIT(100);
    int i;

    for (i = 0; i < 3; i++)
        ASSERT_OK(template_render(t, data, NULL, &out, &err), &err);
    ck_assert_str_eq(buf_str(&out), "x;x;x;");
}

static json_t *object_of(int members)
{
    json_t *object = json_object();

    for (int i = 0; i < members; i++) {
        _cleanup_free_ char *name = str_format("n%d", i);

        ck_assert_int_eq(json_put_int(object, name, i), 0);
    }
    return object;
}

// Names of an object of any size, from inside it, from an object inside it, and by a dotted name.
TEST(members_of_objects_of_any_size_are_found)
{
    static const int sizes[] = {1, 2, 47, 48, 49, 200};

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_json_ json_t *data = json_object();
        _cleanup_buf_ struct buf text = BUF_INIT(100000), expected = BUF_INIT(100000),
                                 out = BUF_INIT(100000);
        _cleanup_(template_freep) struct template *t = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_int_eq(json_put(data, "of", object_of(sizes[i])), 0);
        ck_assert_int_eq(json_put_string(json_object_get(data, "of"), "aa", "A"), 0);
        ck_assert_int_eq(buf_add_str(&text, "{{#of}}{{aa}}{{bB}}"), 0);
        ck_assert_int_eq(buf_add_str(&expected, "A"), 0); // another of its hash is not taken for it
        for (int n = 0; n <= sizes[i]; n++) {
            ck_assert_int_eq(buf_addf(&text, "{{n%d}},{{of.n%d}};", n, n), 0);
            ck_assert_int_eq(n < sizes[i] ? buf_addf(&expected, "%d,%d;", n, n)
                                          : buf_add_str(&expected, ",;"),
                             0);
        }
        ck_assert_int_eq(buf_add_str(&text, "{{/of}}"), 0);
        ASSERT_OK(template_parse(text.data, text.len, "sizes", &t, &err), &err);
        ASSERT_OK(template_render(t, data, NULL, &out, &err), &err);
        ck_assert_str_eq(buf_str(&out), buf_str(&expected));
    }
}

TEST(whole_numbers_are_written_to_their_limits)
{
    _cleanup_json_ json_t *data = json_pack("[I, I, I, I]", (json_int_t)0, (json_int_t)-7,
                                            (json_int_t)INT64_MAX, (json_int_t)INT64_MIN);
    static const char text[] = "{{#.}}{{.}} {{/.}}";
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_buf_ struct buf out = BUF_INIT(1000);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(template_parse(text, strlen(text), "numbers", &t, &err), &err);
    ASSERT_OK(template_render(t, data, NULL, &out, &err), &err);
    ck_assert_str_eq(buf_str(&out), "0 -7 9223372036854775807 -9223372036854775808 ");
}

TEST(an_output_past_the_maximum_is_an_error_that_tells_the_line)
{
    static const char *const texts[] = {"\n{{v}}{{v}}", "\n {{>p}}", "\n{{#l}}{{v}}{{/l}}",
                                        "\nmore than ten bytes", "\n{{v}}{{{v}}}"};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:s, s:[iii]}", "v", "<xyz", "l", 1, 2, 3);
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    struct template_options options = {.partials = set};
    size_t i;

    ASSERT_OK(template_set_add(set, "p", "1\n2\n3\n4\n5\n", 10, &err), &err);
    for (i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(template_freep) struct template *t = parsed(texts[i]);
        _cleanup_buf_ struct buf out = BUF_INIT(10);

        ck_assert_int_eq(template_render(t, data, &options, &out, &err), -E2BIG);
        ck_assert_ptr_nonnull(strstr(error_message(&err), "the output is longer than 10 bytes"));
    }
}

TEST(endless_recursion_ends_with_an_error)
{
    static const char *const texts[] = {"{{>p}}", "  {{>p}}\n", "{{<p}}{{$b}}x{{/b}}{{/p}}",
                                        "{{#v}}{{>p}}{{/v}}"};
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:b}", "v", 1);
    size_t i;

    for (i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(template_freep) struct template *t = parsed(texts[i]);
        _cleanup_(template_set_freep) struct template_set *set = template_set_new();
        struct template_options options = {.partials = set};
        _cleanup_buf_ struct buf out = BUF_INIT(1000000);

        ASSERT_OK(template_set_add(set, "p", texts[i], strlen(texts[i]), &err), &err);
        ck_assert_int_eq(template_render(t, data, &options, &out, &err), -ELOOP);
        ck_assert_ptr_nonnull(
            strstr(error_message(&err), "partials and sections are more than 500 deep"));
        // The way into the depth is the same over and over: the message stays readable.
        ck_assert_uint_lt(strlen(error_message(&err)), 200);
    }
}

TEST(partials_that_multiply_without_output_end_with_an_error)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_freep) struct template *t = parsed("{{#l}}{{#l}}{{#l}}{{#l}}{{>p}}{{/l}}"
                                                          "{{/l}}{{/l}}{{/l}}");
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    _cleanup_(json_decrefp) json_t *data = json_object();
    json_t *list = json_array();
    struct template_options options = {.partials = set, .steps_max = 100000};
    _cleanup_buf_ struct buf out = BUF_INIT(1000);
    int i;

    for (i = 0; i < 100; i++)
        ck_assert_int_eq(json_array_append_new(list, json_integer(i)), 0);
    ck_assert_int_eq(json_object_set_new(data, "l", list), 0);
    ASSERT_OK(template_set_add(set, "p", "", 0, &err), &err);
    ck_assert_int_eq(template_render(t, data, &options, &out, &err), -ELOOP);
    ck_assert_str_eq(error_message(&err), "t: line 1: rendering takes more than 100000 steps");
}

TEST(deep_indentation_ends_with_an_error)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(100000);
    _cleanup_(template_freep) struct template *t = parsed("{{>p}}");
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    struct template_options options = {.partials = set};
    _cleanup_buf_ struct buf out = BUF_INIT(1000);

    ck_assert_int_eq(buf_addf(&text, "%2000s{{>p}}", ""), 0);
    ASSERT_OK(template_set_add(set, "p", buf_str(&text), text.len, &err), &err);
    ck_assert_int_eq(template_render(t, NULL, &options, &out, &err), -E2BIG);
    ck_assert_ptr_nonnull(
        strstr(error_message(&err), "the indentation is longer than 65536 bytes"));
}

TEST(tags_nested_too_deep_are_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(10000);
    struct template *t = NULL;
    int i;

    for (i = 0; i < 101; i++)
        ck_assert_int_eq(buf_add_str(&text, "{{#a}}\n"), 0);
    ASSERT_FAILS(template_parse(buf_str(&text), text.len, "t", &t, &err), -EINVAL, &err,
                 "t: line 101: tags are nested more than 100 deep");
}

TEST(a_name_of_very_many_parts_is_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(10000);
    struct template *t = NULL;
    int i;

    ck_assert_int_eq(buf_add_str(&text, "{{a"), 0);
    for (i = 0; i < 255; i++)
        ck_assert_int_eq(buf_add_str(&text, ".a"), 0);
    ck_assert_int_eq(buf_add_str(&text, "}}"), 0);
    ASSERT_FAILS(template_parse(buf_str(&text), text.len, "t", &t, &err), -EINVAL, &err,
                 "t: line 1: the name has more than 255 parts");
}

TEST(a_very_long_template_is_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct template *t = NULL;

    ASSERT_FAILS(template_parse("", 16 * 1024 * 1024 + 1, "t", &t, &err), -E2BIG, &err,
                 "t: a template is at most 16777216 bytes long");
}

TEST(nul_bytes_pass_in_text_and_are_refused_in_names_and_words)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_freep) struct template *t = NULL;
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:s%}", "v", "a\0b", (size_t)3);
    _cleanup_buf_ struct buf out = BUF_INIT(100);
    struct template *refused = NULL;

    ASSERT_OK(template_parse("x\0y{{{v}}}", 10, "t", &t, &err), &err);
    ASSERT_OK(template_render(t, data, NULL, &out, &err), &err);
    ck_assert_mem_eq(buf_str(&out), "x\0ya\0b", 6);
    ASSERT_FAILS(template_parse("{{a\0b}}", 7, "t", &refused, &err), -EINVAL, &err,
                 "t: line 1: a name cannot contain a NUL byte");
    ck_assert_int_eq(template_escape(ESCAPE_SHELL, "a\0b", 3, &out), -EINVAL);
    ck_assert_int_eq(template_escape(ESCAPE_SYSTEMD, "a\0b", 3, &out), -EINVAL);
}

TEST(special_characters_behind_a_nul_byte_become_entities_too)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_freep) struct template *t = parsed("{{v}}");
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:s%}", "v", "<a\0\0b&c\0'", (size_t)9);
    _cleanup_buf_ struct buf out = BUF_INIT(100);

    ASSERT_OK(template_render(t, data, NULL, &out, &err), &err);
    ck_assert_uint_eq(out.len, 20);
    ck_assert_mem_eq(buf_str(&out), "&lt;a\0\0b&amp;c\0&#39;", 20);
}

TEST(a_value_with_a_nul_byte_is_no_word_for_a_shell)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_freep) struct template *t = parsed("{{%escape shell}}\n{{v}}");
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:s%}", "v", "a\0b", (size_t)3);
    _cleanup_buf_ struct buf out = BUF_INIT(100);

    ASSERT_FAILS(template_render(t, data, NULL, &out, &err), -EINVAL, &err,
                 "t: line 2: the value contains a NUL byte");
}

static void write_file(const char *dir, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_format("%s/%s", dir, name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void make_dir(const char *dir, const char *name)
{
    _cleanup_free_ char *path = str_format("%s/%s", dir, name);

    ck_assert_int_eq(mkdir(path, 0700), 0);
}

TEST(a_set_loads_a_tree_and_names_by_path)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    _cleanup_buf_ struct buf out = BUF_INIT(100);
    struct template_options options = {.partials = set};
    const char *dir = test_dir();

    make_dir(dir, "html");
    make_dir(dir, ".git");
    write_file(dir, "top.mustache", "[{{>html/page}}]");
    write_file(dir, "html/page.mustache", "page");
    write_file(dir, "html/readme.txt", "{{");
    write_file(dir, ".git/x.mustache", "{{");
    ASSERT_OK(template_set_load(set, dir, &err), &err);
    ck_assert_ptr_null(template_set_find(set, "html/readme.txt"));
    ck_assert_ptr_null(template_set_find(set, "html"));
    ASSERT_OK(template_render(template_set_find(set, "top"), NULL, &options, &out, &err), &err);
    ck_assert_str_eq(buf_str(&out), "[page]");
}

TEST(a_set_says_which_file_is_wrong)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    const char *dir = test_dir();

    write_file(dir, "bad.mustache", "\n{{#a}}");
    ASSERT_FAILS(template_set_load(set, dir, &err), -EINVAL, &err,
                 "bad: line 2: \"a\" is not closed");
    ASSERT_FAILS(template_set_load(set, "/nonexistent", &err), -ENOENT, &err,
                 "cannot read the folder /nonexistent: No such file or directory");
}

TEST(a_set_does_not_follow_a_loop_of_links_for_ever)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    const char *dir = test_dir();
    _cleanup_free_ char *link = str_format("%s/again", dir);

    ck_assert_int_eq(symlink(".", link), 0);
    ck_assert_int_eq(template_set_load(set, dir, &err), -ELOOP);
}

TEST(a_second_template_of_a_name_replaces_the_first)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(template_set_freep) struct template_set *set = template_set_new();
    _cleanup_buf_ struct buf out = BUF_INIT(100);
    char name[8];
    int i;

    for (i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "%d", i * 37 % 50);
        ASSERT_OK(template_set_add(set, name, name, strlen(name), &err), &err);
    }
    ASSERT_OK(template_set_add(set, "7", "new", 3, &err), &err);
    ASSERT_OK(template_render(template_set_find(set, "7"), NULL, NULL, &out, &err), &err);
    ASSERT_OK(template_render(template_set_find(set, "49"), NULL, NULL, &out, &err), &err);
    ck_assert_str_eq(buf_str(&out), "new49");
    ck_assert_ptr_null(template_set_find(set, "50"));
}
