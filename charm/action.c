// SPDX-License-Identifier: GPL-3.0-only
#include "charm/action.h"

#include "base/utf8.h"
#include "charm/juju.h"
#include "charm/owner.h"
#include "data/json.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

// ---- parameters

static int bad_type(const json_t *value, const char *expected, struct error *err)
{
    return error_set(err, -EINVAL, "expected %s, got %s", expected, json_type_name(value));
}

static int check_text(const struct param *param, const json_t *value, struct error *err)
{
    const char *text = json_string_value(value);

    if (!text)
        return bad_type(value, "a text", err);
    if (!*text && param->required)
        return error_set(err, -EINVAL, "expected %s, got nothing",
                         param->expected ? param->expected : "a text");
    if (*text && param->ok && !param->ok(text))
        return error_set(err, -EINVAL, "expected %s, got \"%s\"", param->expected, text);
    if (!param->ok && str_has_control(text))
        return error_set(err, -EINVAL, "expected one line of text, got a control character in it");
    return 0;
}

static int check_number(const struct param *param, const json_t *value, json_t **ret,
                        struct error *err)
{
    double real = json_number_value(value);

    if (!json_is_number(value))
        return bad_type(value, "a whole number", err);
    if (!(real >= -1e15 && real <= 1e15) || real != (double)(int64_t)real)
        return error_set(err, -EINVAL, "expected a whole number");
    if ((int64_t)real < param->min || (int64_t)real > param->max)
        return error_set(err, -EINVAL, "expected a whole number from %lld to %lld, got %lld",
                         (long long)param->min, (long long)param->max, (long long)real);
    *ret = json_integer((json_int_t)real);
    return *ret ? 0 : error_oom(err);
}

// *ret stays NULL where there is neither a value nor a default.
static int check_param(const struct param *param, json_t *value, json_t **ret, struct error *err)
{
    int r = 0;

    if (!value || json_is_null(value)) {
        if (param->required)
            return error_set(err, -EINVAL, "is missing: %s=…", param->name);
        if (param->type == PARAM_TEXT)
            *ret = json_string(param->text ? param->text : "");
        else if (param->type == PARAM_FLAG)
            *ret = json_false();
        else if (param->number >= param->min)
            *ret = json_integer((json_int_t)param->number);
        else
            return 0;
        return *ret ? 0 : error_oom(err);
    }
    if (param->type == PARAM_NUMBER)
        return check_number(param, value, ret, err);
    if (param->type == PARAM_TEXT)
        r = check_text(param, value, err);
    else if (!json_is_boolean(value))
        r = bad_type(value, "true or false", err);
    if (r == 0)
        *ret = json_incref(value);
    return r;
}

static const struct param *find_param(const struct action_definition *definition, const char *name)
{
    for (size_t i = 0; i < definition->params_len; i++)
        if (strcmp(definition->params[i].name, name) == 0)
            return &definition->params[i];
    return NULL;
}

static int unknown_param(const struct action_definition *definition, const char *name,
                         struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_free_ char *list = NULL;

    for (size_t i = 0; i < definition->params_len; i++)
        if (strv_add(&names, definition->params[i].name) < 0)
            return error_oom(err);
    list = strv_join(&names, ", ");
    if (!list)
        return error_oom(err);
    return error_set(err, -EINVAL, "%s: %s has no such parameter; it has %s", name,
                     definition->name, *list ? list : "none");
}

int action_check_params(const struct action_definition *definition, const json_t *given,
                        json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *params = json_object();
    const char *name;
    json_t *value;

    if (!params)
        return error_oom(err);
    // jansson's loop wants what is not const, and changes nothing.
    json_object_foreach ((json_t *)(uintptr_t)given, name, value)
        if (!find_param(definition, name))
            return unknown_param(definition, name, err);
    for (size_t i = 0; i < definition->params_len; i++) {
        const struct param *param = &definition->params[i];
        json_t *checked = NULL;
        int r = check_param(param, json_object_get(given, param->name), &checked, err);

        if (r < 0)
            return error_prefix(err, r, "%s", param->name);
        if (checked && json_put(params, param->name, checked) < 0)
            return error_oom(err);
    }
    *ret = TAKE_PTR(params);
    return 0;
}

const char *action_text(const struct action *action, const char *name)
{
    return json_text(action->params, name);
}

int64_t action_number(const struct action *action, const char *name)
{
    return json_integer_value(json_object_get(action->params, name));
}

bool action_has(const struct action *action, const char *name)
{
    const json_t *value = json_object_get(action->params, name);

    return json_is_string(value) ? *json_string_value(value) != '\0' : value != NULL;
}

bool action_flag(const struct action *action, const char *name)
{
    return json_is_true(json_object_get(action->params, name));
}

// ---- results

static char *result_key(const char *key)
{
    char *copy = strdup(key);

    for (char *c = copy; c && *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
        else if (!strchr(LOWER DIGITS, *c))
            *c = '-';
    }
    return copy;
}

// The length that fits, behind a line where there is one.
static size_t fitting_length(const char *text)
{
    size_t len = strlen(text);

    if (len <= ACTION_RESULT_MAX)
        return len;
    for (len = ACTION_RESULT_MAX; len > 0 && text[len - 1] != '\n'; len--)
        ;
    return len > 0 ? len : ACTION_RESULT_MAX;
}

int action_result_text(struct action *action, const char *key, const char *text)
{
    _cleanup_free_ char *name = result_key(key);
    _cleanup_buf_ struct buf clean = BUF_INIT(BUF_OWN_MAX);
    size_t len = fitting_length(text);
    int r;

    if (!name || utf8_add_clean(&clean, text, len) < 0)
        return -ENOMEM;
    r = json_put_string(action->results, name, buf_str(&clean));
    if (r >= 0 && text[len]) {
        _cleanup_free_ char *cut = str_format("%s-cut", name);

        r = cut ? json_put_string(action->results, cut, "true") : -ENOMEM;
    }
    return r;
}

int action_result(struct action *action, const char *key, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return action_result_text(action, key, text);
}

// ---- running

static int report(struct action *action, int r, const struct error *why, struct error *err)
{
    int told = 0;

    if (json_object_size(action->results) > 0)
        told = juju_action_set(action->results, err);
    if (told >= 0 && r < 0)
        told = juju_action_fail(error_message(why), err);
    return told;
}

static void action_release(struct action *action)
{
    model_release(&action->model);
    json_decref(action->params);
    json_decref(action->results);
}

// The services of a machine are those of one unit: another one's actions would act on them.
static int check_owner(const struct action *action, struct error *err)
{
    _cleanup_free_ char *other = NULL;
    int r = owner_other(action->root, &action->model, &other, err);

    if (r < 0 || !other)
        return r;
    return error_set(err, -EBUSY,
                     "this machine is that of %s: juju run %s …, or give %s one of its own", other,
                     other, action->model.unit);
}

int action_run(const char *root, const struct action_definition *definition, struct error *err)
{
    _cleanup_(action_release) struct action action = {.root = root, .results = json_object()};
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_json_ json_t *given = NULL;
    int r;

    if (!action.results)
        return error_oom(err);
    if ((r = model_read_environment(HOOK_UPDATE_STATUS, &action.model, err)) < 0 ||
        (r = juju_action_get(&given, err)) < 0)
        return r;
    r = action_check_params(definition, given, &action.params, &why);
    if (r >= 0)
        r = check_owner(&action, &why);
    if (r >= 0)
        r = definition->run(&action, &why);
    return report(&action, r, &why, err);
}

int action_main(const struct action_definition *definition)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    if (action_run("", definition, &err) >= 0)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%s\n", error_message(&err));
    return EXIT_FAILURE;
}

// ---- forms

static bool is_made_of(const char *text, const char *allowed, size_t max)
{
    size_t len = strlen(text);

    return len > 0 && len <= max && strspn(text, allowed) == len;
}

bool action_is_release(const char *text)
{
    return *text >= 'a' && *text <= 'z' && is_made_of(text, LOWER DIGITS ".-", 64);
}

bool action_is_arch(const char *text)
{
    return is_made_of(text, LOWER DIGITS, 16);
}

bool action_is_cloud(const char *text)
{
    return is_made_of(text, LOWER UPPER DIGITS "._-", 255) && *text != '.';
}

bool action_is_name(const char *text)
{
    return is_made_of(text, LOWER UPPER DIGITS "+.-", 255) && strspn(text, "+.-") == 0;
}

bool action_is_queue(const char *text)
{
    return is_made_of(text, LOWER UPPER DIGITS "+._-", 255) && str_starts_with(text, "debci-");
}
