// SPDX-License-Identifier: GPL-3.0-only
#include "charm/juju.h"

#include "base/clock.h"
#include "base/process.h"
#include "base/strv.h"
#include "data/json.h"

FILE *const charm_no_stdin = NULL;

#define ANSWER_MAX ((size_t)20 * 1024 * 1024) // a relation's data may be 16 MiB
// A tool answers when the controller does; past this the hook fails and is tried again.
#define TOOL_TIMEOUT_US (10 * 60 * USEC_PER_SEC)

static int failure(const char *text, int status)
{
    static const char *const absent[] = {"not found", "no storage instance", "does not exist"};
    static const char *const forbidden[] = {"permission denied", "access denied", "not the leader",
                                            "cannot write relation settings"};

    if (status == 2)
        return -EINVAL;
    if (strstr(text, "secret key value"))
        return -ENODATA;
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
        if (strstr(text, forbidden[i]))
            return -EACCES;
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
        if (strstr(text, absent[i]))
            return -ENOENT;
    return -EIO;
}

static int call(const char *const *argv, const struct buf *input, struct buf *ret,
                struct error *err)
{
    struct process_spec spec = PROCESS_SPEC_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(ANSWER_MAX);
    int r;

    spec.argv = argv;
    r = process_run(&spec, input ? buf_str(input) : NULL, input ? input->len : 0, TOOL_TIMEOUT_US,
                    &result, err);
    if (r < 0)
        return error_prefix(err, r, "%s", argv[0]);
    if (result.status != 0) {
        char *text = buf_take(&result.errors);

        if (!text)
            return error_oom(err);
        r = failure(text, result.status);
        error_set(err, r, "%s: %s", argv[0], str_strip(text));
        free(text);
        return r;
    }
    if (!ret)
        return 0;
    return buf_add(ret, buf_str(&result.out), result.out.len) < 0 ? error_oom(err) : 0;
}

// The answer as JSON of the wanted type; `null` (the key is not there) is an empty one of it.
static int ask(const char *const *argv, json_type type, json_t **ret, struct error *err)
{
    _cleanup_buf_ struct buf out = BUF_INIT(ANSWER_MAX);
    _cleanup_json_ json_t *value = NULL;
    int r;

    r = call(argv, NULL, &out, err);
    if (r < 0)
        return r;
    r = json_parse(buf_str(&out), out.len, argv[0], &value, err);
    if (r < 0)
        return r;
    if (json_is_null(value) && type != JSON_STRING) {
        json_decref(value);
        value = type == JSON_OBJECT ? json_object() : json_array();
        if (!value)
            return error_oom(err);
    }
    if (json_typeof(value) != type)
        return error_set(err, -EPROTO, "%s answered %s", argv[0], json_type_name(value));
    *ret = TAKE_PTR(value);
    return 0;
}

static int ask_string(const char *const *argv, char **ret, struct error *err)
{
    _cleanup_json_ json_t *value = NULL;
    char *text;
    int r;

    r = ask(argv, JSON_STRING, &value, err);
    if (r < 0)
        return r;
    text = strdup(json_string_value(value));
    if (!text)
        return error_oom(err);
    *ret = text;
    return 0;
}

int juju_config_get(json_t **ret, struct error *err)
{
    return ask((const char *[]){"config-get", "--format=json", NULL}, JSON_OBJECT, ret, err);
}

int juju_relation_ids(const char *endpoint, json_t **ret, struct error *err)
{
    return ask((const char *[]){"relation-ids", "--format=json", endpoint, NULL}, JSON_ARRAY, ret,
               err);
}

int juju_relation_list(const char *relation, json_t **ret, struct error *err)
{
    return ask((const char *[]){"relation-list", "--format=json", "-r", relation, NULL}, JSON_ARRAY,
               ret, err);
}

int juju_relation_get(const char *relation, const char *unit, json_t **ret, struct error *err)
{
    return ask((const char *[]){"relation-get", "--format=json", "-r", relation, "-", unit, NULL},
               JSON_OBJECT, ret, err);
}

int juju_relation_app(const char *relation, char **ret, struct error *err)
{
    return ask_string(
        (const char *[]){"relation-list", "--format=json", "-r", relation, "--app", NULL}, ret,
        err);
}

int juju_relation_get_app(const char *relation, const char *app, json_t **ret, struct error *err)
{
    return ask(
        (const char *[]){"relation-get", "--format=json", "-r", relation, "--app", "-", app, NULL},
        JSON_OBJECT, ret, err);
}

int juju_relation_set(const char *relation, const json_t *data, struct error *err)
{
    _cleanup_buf_ struct buf input = BUF_INIT(BUF_OWN_MAX);

    if (json_write_yaml(data, &input) < 0)
        return error_oom(err);
    return call((const char *[]){"relation-set", "-r", relation, "--file", "-", NULL}, &input, NULL,
                err);
}

int juju_relation_set_app(const char *relation, const json_t *data, struct error *err)
{
    _cleanup_buf_ struct buf input = BUF_INIT(BUF_OWN_MAX);

    if (json_write_yaml(data, &input) < 0)
        return error_oom(err);
    return call((const char *[]){"relation-set", "-r", relation, "--app", "--file", "-", NULL},
                &input, NULL, err);
}

int juju_is_leader(bool *ret, struct error *err)
{
    _cleanup_buf_ struct buf out = BUF_INIT(ANSWER_MAX);
    int r = call((const char *[]){"is-leader", "--format=json", NULL}, NULL, &out, err);

    if (r < 0)
        return r;
    *ret = str_starts_with(buf_str(&out), "true");
    return 0;
}

int juju_ingress_address(const char *endpoint, char **ret, struct error *err)
{
    return ask_string(
        (const char *[]){"network-get", "--format=json", "--ingress-address", endpoint, NULL}, ret,
        err);
}

int juju_secret_get(const char *uri, json_t **ret, struct error *err)
{
    return ask((const char *[]){"secret-get", "--format=json", "--refresh", uri, NULL}, JSON_OBJECT,
               ret, err);
}

int juju_secret_get_bytes(const char *uri, const char *key, json_t **ret, struct error *err)
{
    _cleanup_free_ char *form = str_format("%s#base64", key);

    if (!form)
        return error_oom(err);
    return ask((const char *[]){"secret-get", "--format=json", "--refresh", uri, form, NULL},
               JSON_STRING, ret, err);
}

int juju_secret_find(const char *label, char **ret, struct error *err)
{
    _cleanup_json_ json_t *found = NULL;
    _cleanup_error_ struct error why = ERROR_INIT;
    const char *id;
    int r = ask((const char *[]){"secret-info-get", "--format=json", "--label", label, NULL},
                JSON_OBJECT, &found, &why);

    *ret = NULL;
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return error_set(err, r, "%s", error_message(&why));
    id = json_object_iter_key(json_object_iter(found));
    if (id)
        *ret = str_format("secret:%s", id);
    return id && !*ret ? error_oom(err) : 0;
}

int juju_secret_add(const char *label, const char *path, char **ret, struct error *err)
{
    _cleanup_buf_ struct buf out = BUF_INIT(ANSWER_MAX);
    const char *const argv[] = {"secret-add", "--label", label, "--file", path, NULL};
    _cleanup_free_ char *text = NULL;
    int r = call(argv, NULL, &out, err);

    if (r < 0)
        return r;
    text = buf_take(&out);
    *ret = text ? strdup(str_strip(text)) : NULL;
    return *ret ? 0 : error_oom(err);
}

int juju_secret_set(const char *uri, const char *path, struct error *err)
{
    return call((const char *[]){"secret-set", uri, "--file", path, NULL}, NULL, NULL, err);
}

int juju_secret_remove(const char *uri, const char *revision, struct error *err)
{
    return call((const char *[]){"secret-remove", uri, "--revision", revision, NULL}, NULL, NULL,
                err);
}

int juju_secret_grant(const char *uri, const char *relation, struct error *err)
{
    return call((const char *[]){"secret-grant", uri, "-r", relation, NULL}, NULL, NULL, err);
}

int juju_storage_list(const char *name, json_t **ret, struct error *err)
{
    return ask((const char *[]){"storage-list", "--format=json", name, NULL}, JSON_ARRAY, ret, err);
}

int juju_storage_location(const char *id, char **ret, struct error *err)
{
    return ask_string((const char *[]){"storage-get", "--format=json", "-s", id, "location", NULL},
                      ret, err);
}

int juju_opened_ports(json_t **ret, struct error *err)
{
    return ask((const char *[]){"opened-ports", "--format=json", NULL}, JSON_ARRAY, ret, err);
}

int juju_port(bool open, const char *range, struct error *err)
{
    return call((const char *[]){open ? "open-port" : "close-port", range, NULL}, NULL, NULL, err);
}

int juju_status_set(const char *status, const char *message, struct error *err)
{
    return call((const char *[]){"status-set", "--", status, message, NULL}, NULL, NULL, err);
}

int juju_version_set(const char *version, struct error *err)
{
    return call((const char *[]){"application-version-set", "--", version, NULL}, NULL, NULL, err);
}

int juju_log(const char *level, const char *message, struct error *err)
{
    return call((const char *[]){"juju-log", "-l", level, "--", message, NULL}, NULL, NULL, err);
}

int juju_action_get(json_t **ret, struct error *err)
{
    return ask((const char *[]){"action-get", "--format=json", NULL}, JSON_OBJECT, ret, err);
}

int juju_action_set(const json_t *results, struct error *err)
{
    _cleanup_strv_ struct strv argv = STRV_INIT;
    const char *key;
    json_t *value;
    int r;

    r = strv_add(&argv, "action-set");
    if (r >= 0)
        r = strv_add(&argv, "--");
    // jansson's loop wants what is not const, and changes nothing.
    json_object_foreach ((json_t *)(uintptr_t)results, key, value)
        if (r >= 0)
            r = strv_addf(&argv, "%s=%s", key, json_string_value(value));
    if (r < 0)
        return error_oom(err);
    return call((const char *const *)argv.items, NULL, NULL, err);
}

int juju_action_fail(const char *message, struct error *err)
{
    return call((const char *[]){"action-fail", "--", message, NULL}, NULL, NULL, err);
}
