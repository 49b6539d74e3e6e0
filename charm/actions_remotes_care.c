// SPDX-License-Identifier: GPL-3.0-only
// Care for LXD hosts: removing what tests have left there.
#include "charm/actions.h"

#include "charm/action_target.h"
#include "charm/unit_command.h"
#include "data/json.h"
#include "data/remote.h"

#define OLDER_MAX_H 8760

static const struct param cleanup_params[] = {
    {.name = "address",
     .ok = remote_is_address,
     .expected = "an address such as 10.0.0.1 or lxd.example:8443"},
    {.name = "older-than", .type = PARAM_NUMBER, .number = 48, .min = 1, .max = OLDER_MAX_H},
    {.name = "dry-run", .type = PARAM_FLAG},
};

// Addresses of the hosts that are meant, each once.
static int choose_hosts(const struct action *action, const struct settings *settings,
                        struct strv *ret, struct error *err)
{
    const char *address = action_text(action, "address");
    _cleanup_free_ char *meant = remote_name(address);

    if (!meant)
        return error_oom(err);
    for (size_t i = 0; i < settings->clouds_len; i++) {
        const struct cloud_workers *place = &settings->clouds[i];

        if (place->kind == CLOUD_LXD && (!*address || str_equal(place->cloud, meant)) &&
            !strv_contains(ret, place->address) && strv_add(ret, place->address) < 0)
            return error_oom(err);
    }
    if (ret->len > 0)
        return 0;
    return error_set(err, -ENOENT, "%s tests on no LXD host%s%s: juju run %s show-target-config",
                     action->model.unit, *address ? " of the address " : "", address,
                     action->model.unit);
}

// A list as one text; its length is added to *total.
static int put_list(struct action *action, const char *cloud, const char *what, const json_t *list,
                    size_t *total)
{
    _cleanup_free_ char *key = str_format("%s-%s", cloud, what);
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const json_t *name;
    size_t i;

    json_array_foreach (list, i, name)
        if (buf_addf(&text, "%s%s", i ? " " : "", json_string_value(name)) < 0)
            return -ENOMEM;
    *total += json_array_size(list);
    return !key ? -ENOMEM : text.len ? action_result_text(action, key, buf_str(&text)) : 0;
}

static int put_cleaned(struct action *action, const json_t *hosts, struct strv *ret_failed)
{
    size_t instances = 0, images = 0;
    const char *address;
    const json_t *host;
    int r = 0;

    json_object_foreach ((json_t *)(uintptr_t)hosts, address, host) {
        _cleanup_free_ char *cloud = remote_name(address);

        if (!cloud ||
            put_list(action, cloud, "instances", json_object_get(host, "instances"), &instances) <
                0 ||
            put_list(action, cloud, "images", json_object_get(host, "images"), &images) < 0)
            return -ENOMEM;
        if (*json_text(host, "why"))
            r = strv_addf(ret_failed, "%s: %s", address, json_text(host, "why"));
        if (r < 0)
            return r;
    }
    r = action_result(action, action_flag(action, "dry-run") ? "stale-instances" : "instances",
                      "%zu", instances);
    return r < 0 ? r
                 : action_result(action, action_flag(action, "dry-run") ? "stale-images" : "images",
                                 "%zu", images);
}

static int run_cleanup(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    _cleanup_strv_ struct strv words = STRV_INIT, hosts = STRV_INIT, failed = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_free_ char *list = NULL;
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = action_needs_workers(action, &target.settings, err)) < 0 ||
        (r = choose_hosts(action, &target.settings, &hosts, err)) < 0)
        return r;
    if (strv_add(&words, "remote") < 0 || strv_add(&words, "clean") < 0 ||
        strv_add(&words, "--format=json") < 0 ||
        strv_addf(&words, "--older=%lld", (long long)action_number(action, "older-than")) < 0 ||
        (action_flag(action, "dry-run") && strv_add(&words, "--dry-run") < 0) ||
        strv_add_list(&words, &hosts) < 0)
        return error_oom(err);
    if ((r = unit_command_json(action, &words, NULL, &answer, err)) < 0)
        return r;
    if (put_cleaned(action, answer, &failed) < 0)
        return error_oom(err);
    if (failed.len == 0)
        return 0;
    list = strv_join(&failed, "; ");
    return list ? error_set(err, -EIO,
                            "not cleaned to the end: %s; run it again, with address=… for one host",
                            list)
                : error_oom(err);
}

const struct action_definition action_cleanup_remotes = {.name = "cleanup-remotes",
                                                         .params = cleanup_params,
                                                         .params_len = ARRAY_SIZE(cleanup_params),
                                                         .run = run_cleanup};
