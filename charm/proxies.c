// SPDX-License-Identifier: GPL-3.0-only
#include "charm/proxies.h"

#include "base/network.h"
#include "charm/juju.h"
#include "charm/relations.h"
#include "data/json.h"

#define REMEMBERED "proxies" // {RELATION: {UNIT: [ADDRESS or NETWORK, …]}}

// ---- one unit

static int add_addresses(const char *text, json_t *ret)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    struct network network;

    if (strv_split(&words, text, ", ") < 0)
        return -ENOMEM;
    STRV_FOREACH (word, &words)
        if (network_parse(word, &network) == 0 && !network_is_all(&network) &&
            json_array_append_new(ret, json_string(word)) < 0)
            return -ENOMEM;
    return 0;
}

static int ask_unit(const char *relation, const char *unit, json_t *units, struct error *err)
{
    static const char *const keys[] = {"private-address", "ingress-address", "egress-subnets"};
    _cleanup_json_ json_t *data = NULL, *addresses = json_array();
    int r = juju_relation_get(relation, unit, &data, err);

    if (r == -ENOENT) { // it went away since it was told of
        error_clear(err);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys) && r >= 0; i++)
        if (!addresses || add_addresses(json_text(data, keys[i]), addresses) < 0)
            r = error_oom(err);
    return r < 0 ? r : json_put(units, unit, TAKE_PTR(addresses)) < 0 ? error_oom(err) : 0;
}

// ---- all of a relation

static int ask_relation(const char *relation, json_t *known, struct error *err)
{
    _cleanup_json_ json_t *names = NULL;
    json_t *units = json_object(), *name;
    size_t i;
    int r;

    if (json_put(known, relation, units) < 0)
        return error_oom(err);
    r = juju_relation_list(relation, &names, err);
    json_array_foreach (names, i, name) {
        if (r >= 0 && json_is_string(name))
            r = ask_unit(relation, json_string_value(name), units, err);
    }
    if (r != -ENOENT)
        return r;
    error_clear(err);
    return 0;
}

static int ask_all(const json_t *relations, json_t *known, struct error *err)
{
    json_t *relation;
    size_t i;
    int r = 0;

    json_array_foreach ((json_t *)relations, i, relation) {
        if (r >= 0)
            r = ask_relation(json_string_value(relation), known, err);
    }
    return r;
}

// ---- what a hook tells

static int note_own(const struct model *model, json_t *known, struct error *err)
{
    const char *relation = getenv("JUJU_RELATION_ID"), *unit = getenv("JUJU_REMOTE_UNIT");
    json_t *units = json_object_get(known, relation);

    if (model->hook == HOOK_RELATION_BROKEN) {
        (void)json_object_del(known, relation);
        return 0;
    }
    if (str_empty(unit) || !strchr(unit, '/')) // of an application's data
        return 0;
    if (!units && json_put(known, relation, units = json_object()) < 0)
        return error_oom(err);
    if (model->hook != HOOK_RELATION_DEPARTED)
        return ask_unit(relation, unit, units, err);
    (void)json_object_del(units, unit);
    return 0;
}

static bool is_of_proxies(void)
{
    return relations_concern("website") || relations_concern("ingress") ||
           relations_concern("cluster");
}

// Without a memory, or with one of a version that had none of this.
static bool is_unknown(const struct model *model, const struct state *state)
{
    return model->hook == HOOK_UPGRADE_CHARM || (state->fresh && model->hook != HOOK_INSTALL);
}

static int refresh(const struct model *model, const struct state *state, json_t *known,
                   struct error *err)
{
    int r = 0;

    if (is_unknown(model, state)) {
        (void)json_object_clear(known);
        if ((r = ask_all(model->website, known, err)) < 0 ||
            (r = ask_all(model->ingress, known, err)) < 0 ||
            (r = ask_all(model->cluster, known, err)) < 0)
            return r;
    }
    return is_of_proxies() ? note_own(model, known, err) : 0;
}

// ---- all of them

static int collect(const json_t *known, struct strv *ret)
{
    const char *relation, *unit;
    json_t *units, *addresses, *address;
    size_t i;

    json_object_foreach ((json_t *)known, relation, units) {
        json_object_foreach (units, unit, addresses) {
            json_array_foreach (addresses, i, address) {
                const char *text = json_string_value(address);

                if (text && !strv_contains(ret, text) && strv_add(ret, text) < 0)
                    return -ENOMEM;
            }
        }
    }
    strv_sort(ret);
    return 0;
}

int proxies_read(struct model *model, struct state *state, struct error *err)
{
    const json_t *before = state_value(state, REMEMBERED);
    _cleanup_json_ json_t *known = json_is_object(before) ? json_deep_copy(before) : json_object();
    int r = known ? refresh(model, state, known, err) : error_oom(err);

    if (r >= 0)
        r = state_set_value(state, REMEMBERED, json_object_size(known) > 0 ? known : NULL, err);
    if (r < 0)
        return r;
    return collect(known, &model->proxies) < 0 ? error_oom(err) : 0;
}
