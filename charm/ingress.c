// SPDX-License-Identifier: GPL-3.0-only
#include "charm/ingress.h"

#include "charm/juju.h"
#include "charm/relations.h"
#include "data/json.h"

#define REMEMBERED "ingress-url" // "": nothing was told yet
#define URL_MAX 512

#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
static const char host_characters[] = LETTERS_DIGITS ".-:[]";
// No quotes, escapes or question marks: it becomes part of links.
static const char path_characters[] = LETTERS_DIGITS "/._~-";

int ingress_check_url(const char *url, char **ret, struct error *err)
{
    size_t scheme = str_starts_with(url, "https://")  ? strlen("https://")
                    : str_starts_with(url, "http://") ? strlen("http://")
                                                      : 0;
    size_t host = strspn(url + scheme, host_characters);
    const char *path = url + scheme + host;
    size_t len = strspn(path, path_characters);

    if (!scheme || !host || strlen(url) > URL_MAX || (*path && *path != '/') || path[len] != '\0')
        return error_set(err, -EINVAL, "expected an address http[s]://HOST or http[s]://HOST/PATH");
    while (len > 0 && path[len - 1] == '/')
        len--;
    *ret = strndup(url, scheme + host + len);
    return *ret ? 0 : error_oom(err);
}

// The address in the data of the proxy's application; "" when there is none.
static int parse_answer(const json_t *data, char **ret, struct error *err)
{
    const char *text = json_string_value(json_object_get(data, "ingress"));
    _cleanup_json_ json_t *answer = NULL;

    // What is not JSON is no answer: somebody else's fault, which shows as waiting.
    if (text)
        (void)json_parse(text, strlen(text), "ingress", &answer, NULL);
    *ret = strdup(json_text(answer, "url"));
    return *ret ? 0 : error_oom(err);
}

static int ask(const char *relation, char **ret, struct error *err)
{
    _cleanup_free_ char *app = NULL;
    _cleanup_json_ json_t *data = NULL;
    int r = juju_relation_app(relation, &app, err);

    if (r >= 0)
        r = juju_relation_get_app(relation, app, &data, err);
    if (r == -ENOENT) { // it went away between the two
        error_clear(err);
        r = 0;
    }
    return r < 0 ? r : parse_answer(data, ret, err);
}

// Whether what is remembered may not be so any more.
static bool is_stale(const struct model *model, const struct state *state)
{
    return relations_concern("ingress") || model->hook == HOOK_UPGRADE_CHARM ||
           !state_get(state, REMEMBERED);
}

int ingress_read(struct model *model, struct state *state, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_free_ char *url = NULL;
    const char *relation;
    int r = relations_of(model, state, "ingress", &model->ingress, err);

    if (r < 0)
        return r;
    relation = json_string_value(json_array_get(model->ingress, 0));
    if (!relation)
        return state_set(state, REMEMBERED, NULL, err);
    if (is_stale(model, state)) {
        if ((r = ask(relation, &url, err)) < 0 || (r = state_set(state, REMEMBERED, url, err)) < 0)
            return r;
    }
    if (str_empty(state_get(state, REMEMBERED)))
        return 0;
    r = ingress_check_url(state_get(state, REMEMBERED), &model->public_url, &why);
    if (r != -EINVAL)
        return r < 0 ? error_oom(err) : 0;
    model->ingress_trouble = strdup(error_message(&why));
    return model->ingress_trouble ? 0 : error_oom(err);
}

// ---- what the proxy is told

// Adds a key with a value as JSON (taken over).
static int add(json_t *data, const char *key, json_t *value)
{
    _cleanup_json_ json_t *owned = value;
    _cleanup_free_ char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    return text ? json_put_string(data, key, text) : -ENOMEM;
}

static int make_unit(bool web, json_t *data, struct error *err)
{
    _cleanup_free_ char *address = NULL;
    int r;

    if (!web) // a key that is set to nothing is removed
        return json_put_string(data, "host", "") < 0 || json_put_string(data, "ip", "") < 0
                   ? error_oom(err)
                   : 0;
    r = juju_ingress_address("ingress", &address, err);
    if (r < 0)
        return r;
    // A name of ours would have to be known to the proxy's name server; the address always works.
    return add(data, "host", json_string(address)) < 0 || add(data, "ip", json_string(address)) < 0
               ? error_oom(err)
               : 0;
}

static int make_app(const struct model *model, const struct settings *settings, json_t *data)
{
    static const char *const keys[] = {"model", "name", "port", "healthcheck_params"};
    const char *name = getenv("JUJU_MODEL_NAME");

    if (!settings->web) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
            if (json_put_string(data, keys[i], "") < 0)
                return -ENOMEM;
        return 0;
    }
    return add(data, "model", json_string(name ? name : "")) < 0 ||
                   add(data, "name", json_string(model->app)) < 0 ||
                   add(data, "port", json_integer(settings->http_port)) < 0 ||
                   add(data, "healthcheck_params",
                       json_pack("{s:s, s:s, s:s}", "path", "/healthz", "interval", "5s", "timeout",
                                 "3s")) < 0
               ? -ENOMEM
               : 0;
}

int ingress_publish(const struct model *model, const struct settings *settings, struct state *state,
                    struct error *err)
{
    const char *relation = json_string_value(json_array_get(model->ingress, 0));
    _cleanup_json_ json_t *unit = json_object(), *app = json_object();
    bool leader = model->hook == HOOK_LEADER_ELECTED;
    int r;

    // Addresses change with config-changed.
    if (!relation || (!leader && !relations_concern("ingress") &&
                      model->hook != HOOK_UPGRADE_CHARM && model->hook != HOOK_CONFIG_CHANGED))
        return 0;
    if (!unit || !app || make_app(model, settings, app) < 0)
        return error_oom(err);
    if ((r = make_unit(settings->web, unit, err)) < 0 ||
        (r = relations_tell(model, state, relation, false, unit, err)) < 0 ||
        (!leader && (r = juju_is_leader(&leader, err)) < 0))
        return r;
    return leader ? relations_tell(model, state, relation, true, app, err) : 0;
}
