// SPDX-License-Identifier: GPL-3.0-only
#include "charm/actions.h"

#include "charm/unit_command.h"
#include "data/json.h"

static const struct param cowboys_params[] = {{.name = "diff", .type = PARAM_FLAG}};

static int run_cowboys(struct action *action, struct error *err)
{
    static const char *const kinds[] = {"changed", "modes", "missing", "added"};
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    size_t all = 0;
    int r;

    if (strv_add_all(&words, (const char *[]){"cowboys", "--format=json", NULL}) < 0 ||
        strv_addf(&words, "--charm=%s", action->model.charm_dir) < 0 ||
        (action_flag(action, "diff") && strv_add(&words, "--diff") < 0))
        return error_oom(err);
    r = unit_command_json(action, &words, NULL, &answer, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        _cleanup_strv_ struct strv paths = STRV_INIT;
        _cleanup_free_ char *text = NULL;

        if (json_get_optional_strv(answer, kinds[i], &paths, err) < 0)
            return -EPROTO;
        all += paths.len;
        text = strv_join(&paths, "\n");
        if (!text || (*text && action_result_text(action, kinds[i], text) < 0))
            return error_oom(err);
    }
    if (action_result(action, "files", "%lld",
                      (long long)json_integer_value(json_object_get(answer, "files"))) < 0 ||
        action_result(action, "cowboys", "%zu", all) < 0 ||
        (action_flag(action, "diff") &&
         action_result_text(action, "diff", json_text(answer, "diff")) < 0))
        return error_oom(err);
    return 0;
}

const struct action_definition action_cowboys = {.name = "cowboys",
                                                 .params = cowboys_params,
                                                 .params_len = ARRAY_SIZE(cowboys_params),
                                                 .run = run_cowboys};
