// SPDX-License-Identifier: GPL-3.0-only
// Parameters and results of actions, against recorders of Juju's tools.
#include "action_rig.h"
#include "data/yaml.h"

static int echo(struct action *action, struct error *err)
{
    if (str_equal(action_text(action, "word"), "fail"))
        return error_set(err, -EIO, "- it does not work: say another word");
    if (action_result(action, "Word_of.it", "%s", action_text(action, "word")) < 0 ||
        action_result(action, "number", "%lld", (long long)action_number(action, "number")) < 0 ||
        action_result(action, "flag", "%d", action_flag(action, "flag")) < 0)
        return error_oom(err);
    return 0;
}

static bool is_lower(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz") == strlen(text);
}

static const struct param echo_params[] = {
    {.name = "word", .required = true, .ok = is_lower, .expected = "small letters"},
    {.name = "number", .type = PARAM_NUMBER, .number = 3, .min = 1, .max = 9},
    {.name = "flag", .type = PARAM_FLAG},
    {.name = "line", .text = "usual"},
    {.name = "maybe", .type = PARAM_NUMBER, .min = 1, .max = 9},
};

static const struct action_definition echo_action = {
    .name = "echo", .params = echo_params, .params_len = ARRAY_SIZE(echo_params), .run = echo};

static const struct action_definition bare_action = {.name = "bare", .run = echo};

static void refused(const struct action_definition *definition, const char *given, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL, *params = NULL;

    ASSERT_OK(json_parse(given, strlen(given), "test", &value, &err), &err);
    ASSERT_FAILS(action_check_params(definition, value, &params, &err), -EINVAL, &err, text);
}

TEST(parameters_are_checked_with_exact_places)
{
    refused(&echo_action, "{}", "word: is missing: word=…");
    refused(&echo_action, "{\"word\": null}", "word: is missing: word=…");
    refused(&echo_action, "{\"word\": \"\"}", "word: expected small letters, got nothing");
    refused(&echo_action, "{\"word\": \"A\"}", "word: expected small letters, got \"A\"");
    refused(&echo_action, "{\"word\": 7}", "word: expected a text, got a number");
    refused(&echo_action, "{\"word\": \"a\", \"number\": 0}",
            "number: expected a whole number from 1 to 9, got 0");
    refused(&echo_action, "{\"word\": \"a\", \"number\": 1.5}", "number: expected a whole number");
    refused(&echo_action, "{\"word\": \"a\", \"number\": 1e300}",
            "number: expected a whole number");
    refused(&echo_action, "{\"word\": \"a\", \"number\": \"3\"}",
            "number: expected a whole number, got a string");
    refused(&echo_action, "{\"word\": \"a\", \"flag\": \"yes\"}",
            "flag: expected true or false, got a string");
    refused(&echo_action, "{\"word\": \"a\", \"line\": \"b\\nc\"}",
            "line: expected one line of text, got a control character in it");
    refused(&echo_action, "{\"word\": \"a\", \"other\": 1}",
            "other: echo has no such parameter; it has word, number, flag, line, maybe");
    refused(&bare_action, "{\"other\": 1}", "other: bare has no such parameter; it has none");
}

TEST(defaults_stand_in_and_absent_ones_are_told_apart)
{
    static const char given[] = "{\"word\": \"a\"}";
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *value = NULL;
    struct action action = {0};

    ASSERT_OK(json_parse(given, strlen(given), "test", &value, &err), &err);
    ASSERT_OK(action_check_params(&echo_action, value, &action.params, &err), &err);
    ck_assert_int_eq(action_number(&action, "number"), 3);
    ck_assert_str_eq(action_text(&action, "line"), "usual");
    ck_assert(!action_flag(&action, "flag"));
    ck_assert(action_has(&action, "line") && !action_has(&action, "maybe"));
    json_decref(action.params);
}

TEST(results_are_flat_and_failures_keep_their_message)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_free_ char *good =
        run_action(&rig, &echo_action, "{\"word\": \"hello\", \"flag\": true}");
    _cleanup_free_ char *bad = run_action(&rig, &echo_action, "{\"word\": \"fail\"}");
    _cleanup_free_ char *refusal = run_action(&rig, &echo_action, "{}");

    rig_assert_called(good, "action-get --format=json");
    rig_assert_called(good, "action-set -- word-of-it=hello number=3 flag=1");
    rig_assert_not_called(good, "action-fail");
    rig_assert_called(bad, "action-fail -- - it does not work: say another word");
    rig_assert_not_called(bad, "action-set");
    rig_assert_called(refusal, "action-fail -- word: is missing: word=…");
}

TEST(a_tool_that_does_not_work_is_no_result)
{
    _cleanup_rig_ struct rig rig = unit_new();
    _cleanup_error_ struct error err = ERROR_INIT;

    rig_fail(&rig, "action-get", "1", "ERROR not running an action\n");
    ASSERT_FAILS(action_run(rig.root, &echo_action, &err), -EIO, &err,
                 "action-get: ERROR not running an action");
}

TEST(long_results_are_cut_behind_a_line)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    struct action action = {.results = json_object()};
    const char *cut;

    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(buf_addf(&text, "line %d\n", i), 0);
    ck_assert_int_eq(action_result_text(&action, "text", buf_str(&text)), 0);
    ck_assert_int_eq(action_result_text(&action, "bytes",
                                        "a\xff"
                                        "b"),
                     0);
    cut = json_text(action.results, "text");
    ck_assert(strlen(cut) <= ACTION_RESULT_MAX && strlen(cut) > ACTION_RESULT_MAX - 20);
    ck_assert(str_ends_with(cut, "\n") && str_starts_with(buf_str(&text), cut));
    ck_assert_str_eq(json_text(action.results, "text-cut"), "true");
    ck_assert_str_eq(json_text(action.results, "bytes"), "a\uFFFD"
                                                         "b");
    ck_assert_ptr_null(json_object_get(action.results, "bytes-cut"));
    json_decref(action.results);
}

// ---- actions.yaml

static const char *type_name(enum param_type type)
{
    static const char *const names[] = {"string", "integer", "boolean"};

    return names[type];
}

static bool is_required(const json_t *entry, const char *name)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(entry, "required"), i, item)
        if (str_equal(json_string_value(item), name))
            return true;
    return false;
}

static void compare_param(const struct param *param, const json_t *entry, const json_t *schema)
{
    const json_t *fallback = json_object_get(schema, "default");

    ck_assert_msg(schema != NULL, "%s is not in actions.yaml", param->name);
    ck_assert_str_eq(json_text(schema, "type"), type_name(param->type));
    ck_assert_msg(*json_text(schema, "description"), "%s has no description", param->name);
    ck_assert_msg(is_required(entry, param->name) == param->required, "%s: required", param->name);
    if (param->type == PARAM_TEXT) {
        ck_assert_msg(str_equal(json_string_value(fallback), param->text), "%s: default",
                      param->name);
    } else if (param->type == PARAM_FLAG) {
        ck_assert_msg(json_is_false(fallback), "%s: default", param->name);
    } else {
        ck_assert_int_eq(json_integer_value(json_object_get(schema, "minimum")), param->min);
        ck_assert_int_eq(json_integer_value(json_object_get(schema, "maximum")), param->max);
        ck_assert_msg(json_integer_value(fallback) ==
                          (param->number >= param->min && !param->required ? param->number : 0),
                      "%s: default", param->name);
    }
}

// The value of an enum that the definition does not take, or one of these that it takes.
static void compare_enum(const struct param *param, const json_t *schema)
{
    const json_t *word;
    size_t i;

    json_array_foreach (json_object_get(schema, "enum"), i, word)
        ck_assert_msg(param->ok(json_string_value(word)), "%s: %s", param->name,
                      json_string_value(word));
}

TEST(actions_yaml_says_what_the_definitions_say)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *all = NULL;

    ASSERT_OK(yaml_parse_file("actions.yaml", &all, &err), &err);
    ck_assert_uint_eq(json_object_size(all), actions_table_len);
    for (size_t i = 0; i < actions_table_len; i++) {
        const struct action_definition *definition = actions_table[i];
        const json_t *entry = json_object_get(all, definition->name);
        const json_t *params = json_object_get(entry, "params");

        ck_assert_msg(entry != NULL, "%s is not in actions.yaml", definition->name);
        ck_assert_msg(json_is_false(json_object_get(entry, "additionalProperties")), "%s",
                      definition->name);
        ck_assert_uint_eq(json_object_size(params), definition->params_len);
        for (size_t j = 0; j < definition->params_len; j++) {
            const struct param *param = &definition->params[j];

            compare_param(param, entry, json_object_get(params, param->name));
            compare_enum(param, json_object_get(params, param->name));
        }
    }
}

TEST(every_action_has_its_program_and_its_page)
{
    _cleanup_buf_ struct buf page = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_read("docs/reference/actions.md", &page, &err), &err);
    for (size_t i = 0; i < actions_table_len; i++) {
        _cleanup_free_ char *path = str_format("actions/%s.c", actions_table[i]->name);
        _cleanup_free_ char *heading = str_format("\n## %s\n", actions_table[i]->name);

        ck_assert_msg(access(path, F_OK) == 0, "%s", path);
        ck_assert_msg(strstr(buf_str(&page), heading) != NULL, "no %s", heading);
    }
}
