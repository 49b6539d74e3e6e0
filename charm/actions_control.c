// SPDX-License-Identifier: GPL-3.0-only
#include "charm/actions.h"

#include "charm/unit_command.h"
#include "data/json.h"

// ---- drain, resume

static const struct param place_params[] = {
    {.name = "cloud", .ok = action_is_cloud, .expected = "the name of a cloud, such as local"},
    {.name = "arch", .ok = action_is_arch, .expected = "an architecture"},
};

static int put_orders(struct action *action, const json_t *answer)
{
    _cleanup_strv_ struct strv orders = STRV_INIT;
    _cleanup_free_ char *text = NULL;

    if (json_get_optional_strv(answer, "orders", &orders, NULL) < 0)
        return -ENOMEM;
    text = strv_join(&orders, " ");
    return text ? action_result_text(action, "orders", text) : -ENOMEM;
}

static int order_workers(struct action *action, const char *verb, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    int64_t workers = 0, drained = 0;
    int r;

    if (strv_add_all(&words, (const char *[]){verb, "--format=json", NULL}) < 0 ||
        (action_has(action, "cloud") &&
         strv_addf(&words, "--cloud=%s", action_text(action, "cloud")) < 0) ||
        (action_has(action, "arch") &&
         strv_addf(&words, "--architecture=%s", action_text(action, "arch")) < 0))
        return error_oom(err);
    if ((r = unit_command_json(action, &words, NULL, &answer, err)) < 0 ||
        (r = json_get_optional_int(answer, "workers", &workers, err)) < 0 ||
        (r = json_get_optional_int(answer, "drained", &drained, err)) < 0)
        return r;
    if (action_result(action, "workers", "%lld", (long long)workers) < 0 ||
        action_result(action, "drained", "%lld", (long long)drained) < 0 ||
        action_result(action, "changed", "%s",
                      json_is_true(json_object_get(answer, "changed")) ? "true" : "false") < 0 ||
        put_orders(action, answer) < 0)
        return error_oom(err);
    return 0;
}

static int run_drain(struct action *action, struct error *err)
{
    return order_workers(action, "drain", err);
}

static int run_resume(struct action *action, struct error *err)
{
    return order_workers(action, "resume", err);
}

const struct action_definition action_drain = {.name = "drain",
                                               .params = place_params,
                                               .params_len = ARRAY_SIZE(place_params),
                                               .run = run_drain};
const struct action_definition action_resume = {.name = "resume",
                                                .params = place_params,
                                                .params_len = ARRAY_SIZE(place_params),
                                                .run = run_resume};

// ---- kill-test

static bool is_uuid(const char *text)
{
    size_t len = strlen(text);

    return len <= 100 && text[0] != '-' &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == len;
}

static const struct param kill_params[] = {
    {.name = "uuid", .required = true, .ok = is_uuid, .expected = "the uuid of a request"},
    {.name = "requeue", .type = PARAM_FLAG},
};

static int run_kill(struct action *action, struct error *err)
{
    static const char *const keys[] = {"uuid", "package", "worker", "outcome"};
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    int r;

    if (strv_add_all(&words, (const char *[]){"kill", "--format=json", NULL}) < 0 ||
        (action_flag(action, "requeue") && strv_add(&words, "--requeue") < 0) ||
        strv_add(&words, action_text(action, "uuid")) < 0)
        return error_oom(err);
    r = unit_command_json(action, &words, NULL, &answer, err);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++)
        if (action_result_text(action, keys[i], json_text(answer, keys[i])) < 0)
            return error_oom(err);
    return r;
}

const struct action_definition action_kill_test = {.name = "kill-test",
                                                   .params = kill_params,
                                                   .params_len = ARRAY_SIZE(kill_params),
                                                   .run = run_kill};
