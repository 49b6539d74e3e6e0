// SPDX-License-Identifier: GPL-3.0-only
#include "charm/model_read.h"

#include "charm/cluster.h"
#include "charm/ingress.h"
#include "charm/juju.h"
#include "charm/proxies.h"
#include "charm/relations.h"
#include "data/json.h"

// In a -departed hook the unit is gone, whatever the list says.
static bool is_departing(const struct model *model, const char *relation, const char *unit)
{
    return model->hook == HOOK_RELATION_DEPARTED &&
           str_equal(relation, getenv("JUJU_RELATION_ID")) &&
           str_equal(unit, getenv("JUJU_DEPARTING_UNIT"));
}

static int read_broker_units(const struct model *model, const char *relation, json_t *ret,
                             struct error *err)
{
    _cleanup_json_ json_t *units = NULL;
    json_t *unit;
    size_t i;
    int r;

    r = juju_relation_list(relation, &units, err);
    if (r < 0)
        return r;
    json_array_foreach (units, i, unit) {
        const char *name = json_string_value(unit);
        json_t *data;

        if (!name || is_departing(model, relation, name))
            continue;
        r = juju_relation_get(relation, name, &data, err);
        if (r < 0)
            return r;
        if (json_put(ret, name, data) < 0)
            return error_oom(err);
    }
    return 0;
}

int model_read_broker(const struct model *model, const json_t *relations, struct broker *ret,
                      char **ret_trouble, struct error *err)
{
    const char *relation = json_string_value(json_array_get(relations, 0));
    _cleanup_json_ json_t *units = json_object();
    _cleanup_error_ struct error why = ERROR_INIT;
    int r;

    if (!relation)
        return 0;
    ret->relation = strdup(relation);
    if (!ret->relation || !units)
        return error_oom(err);
    r = read_broker_units(model, relation, units, err);
    if (r < 0 && r != -ENOENT) // it went away since it was told of
        return r;
    r = broker_collect(units, ret, &why);
    if (r != -EPROTO)
        return r < 0 ? error_set(err, r, "%.*s: %s", (int)strcspn(relation, ":"), relation,
                                 error_message(&why))
                     : 0;
    ret->state = BROKER_WAITING;
    *ret_trouble = strdup(error_message(&why));
    return *ret_trouble ? 0 : error_oom(err);
}

static int read_broker(struct model *model, struct state *state, struct error *err)
{
    _cleanup_json_ json_t *relations = NULL;
    int r = relations_of(model, state, "amqp", &relations, err);

    return r < 0 ? r
                 : model_read_broker(model, relations, &model->broker, &model->broker_trouble, err);
}

// Juju runs storage-attached before install; only a unit whose memory is gone has to ask.
static int ask_storage(struct state *state, const char *name, struct error *err)
{
    _cleanup_json_ json_t *ids = NULL;
    _cleanup_free_ char *location = NULL;
    _cleanup_free_ char *key = str_format("storage-%s", name);
    const char *id;
    int r;

    if (!key)
        return error_oom(err);
    r = juju_storage_list(name, &ids, err);
    if (r < 0)
        return r;
    id = json_string_value(json_array_get(ids, 0));
    if (!id)
        return 0;
    r = juju_storage_location(id, &location, err);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return state_set(state, key, location, err);
}

// What a storage hook tells goes into memory: where the storage is, or which one is gone.
static int note_storage(const struct model *model, struct state *state, struct error *err)
{
    const char *id = getenv("JUJU_STORAGE_ID");
    const char *location = getenv("JUJU_STORAGE_LOCATION");
    bool gone = model->hook == HOOK_STORAGE_DETACHING;
    _cleanup_free_ char *key = NULL, *gone_key = NULL;
    int r;

    if (!id || (model->hook != HOOK_STORAGE_ATTACHED && !gone))
        return 0;
    key = str_format("storage-%.*s", (int)strcspn(id, "/"), id);
    gone_key = str_format(MODEL_STORAGE_GONE "%.*s", (int)strcspn(id, "/"), id);
    if (!key || !gone_key)
        return error_oom(err);
    r = state_set(state, gone_key, gone ? id : NULL, err);
    return r < 0 ? r : state_set(state, key, gone || str_empty(location) ? NULL : location, err);
}

int model_forget_storage(struct state *state, struct error *err)
{
    int r = state_set(state, MODEL_STORAGE_GONE "data", NULL, err);

    return r < 0 ? r : state_set(state, MODEL_STORAGE_GONE "tmp", NULL, err);
}

static int copy_remembered(const struct state *state, const char *key, char **ret,
                           struct error *err)
{
    const char *text = state_get(state, key);

    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? error_oom(err) : 0;
}

static int read_storage(struct model *model, struct state *state, struct error *err)
{
    int r = 0;

    if (state->fresh && model->hook != HOOK_STORAGE_DETACHING &&
        ((r = ask_storage(state, "data", err)) < 0 || (r = ask_storage(state, "tmp", err)) < 0))
        return r;
    if ((r = note_storage(model, state, err)) < 0 ||
        (r = copy_remembered(state, "storage-data", &model->data_dir, err)) < 0)
        return r;
    return copy_remembered(state, "storage-tmp", &model->tmp_dir, err);
}

int model_read(struct model *model, struct state *state, struct error *err)
{
    int r;

    if ((r = juju_config_get(&model->config, err)) < 0 ||
        (r = read_broker(model, state, err)) < 0 ||
        (r = relations_of(model, state, "website", &model->website, err)) < 0 ||
        (r = relations_of(model, state, "cos-agent", &model->cos_agent, err)) < 0 ||
        (r = ingress_read(model, state, err)) < 0 || (r = cluster_read(model, state, err)) < 0 ||
        (r = proxies_read(model, state, err)) < 0)
        return r;
    return read_storage(model, state, err);
}
