// SPDX-License-Identifier: GPL-3.0-only
#include "charm/relations.h"

#include "base/hash.h"
#include "charm/juju.h"
#include "data/json.h"

#include <inttypes.h>

#define TOLD "told"

bool relations_concern(const char *endpoint)
{
    const char *id = getenv("JUJU_RELATION_ID");
    size_t len = strlen(endpoint);

    return id && strncmp(id, endpoint, len) == 0 && id[len] == ':';
}

bool relations_breaks(const struct model *model, const char *relation)
{
    return model->hook == HOOK_RELATION_BROKEN && str_equal(relation, getenv("JUJU_RELATION_ID"));
}

static int copy_remembered(const json_t *known, json_t **ret, struct error *err)
{
    *ret = json_is_array(known) ? json_deep_copy(known) : json_array();
    return *ret ? 0 : error_oom(err);
}

// What this hook tells of the endpoint: a relation is there, or is no more. The others keep their
// order.
static int note_own(const struct model *model, json_t *ids)
{
    const char *own = getenv("JUJU_RELATION_ID");
    bool broken = model->hook == HOOK_RELATION_BROKEN;
    bool known = false;

    for (size_t i = json_array_size(ids); i > 0; i--) {
        if (!str_equal(json_string_value(json_array_get(ids, i - 1)), own))
            continue;
        known = true;
        if (broken)
            (void)json_array_remove(ids, i - 1);
    }
    return broken || known ? 0 : json_array_append_new(ids, json_string(own));
}

int relations_of(const struct model *model, struct state *state, const char *endpoint, json_t **ret,
                 struct error *err)
{
    _cleanup_free_ char *key = str_format("relations-%s", endpoint);
    _cleanup_json_ json_t *ids = NULL;
    const json_t *known = key ? state_value(state, key) : NULL;
    int r;

    if (!key)
        return error_oom(err);
    r = known && model->hook != HOOK_UPGRADE_CHARM ? copy_remembered(known, &ids, err)
                                                   : juju_relation_ids(endpoint, &ids, err);
    if (r < 0)
        return r;
    if (relations_concern(endpoint) && note_own(model, ids) < 0)
        return error_oom(err);
    r = state_set_value(state, key, ids, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(ids);
    return 0;
}

static int fingerprint(const json_t *data, char **ret, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    if (json_write(data, &text) < 0)
        return error_oom(err);
    *ret = str_format("%016" PRIx64, hash_add(HASH_START, buf_str(&text), text.len));
    return *ret ? 0 : error_oom(err);
}

// Tells this hook from those that can follow it. The caller frees.
static char *hook_name(const struct model *model)
{
    const char *id = getenv("JUJU_RELATION_ID");

    return str_format("%d %s", (int)model->hook, id ? id : "");
}

// `hook` NULL: it is known to have reached Juju.
static int remember_told(struct state *state, const char *key, const char *what, const char *hook,
                         struct error *err)
{
    const json_t *before = state_value(state, TOLD);
    _cleanup_json_ json_t *told = before ? json_deep_copy(before) : json_object();

    if (!told || json_put(told, key, json_pack("{s:s, s:s*}", "what", what, "hook", hook)) < 0)
        return error_oom(err);
    return state_set_value(state, TOLD, told, err);
}

// Whether Juju has it. Of the application's data another leader may have told something else since.
static bool is_told(const struct model *model, const json_t *entry, const char *what,
                    const char *relation, bool app, const char *hook)
{
    const char *by = json_string_value(json_object_get(entry, "hook"));

    return !(app && model->hook == HOOK_LEADER_ELECTED) &&
           !str_equal(relation, getenv("JUJU_RELATION_ID")) && model->hook != HOOK_UPGRADE_CHARM &&
           strcmp(json_text(entry, "what"), what) == 0 && !str_equal(by, hook);
}

int relations_tell(const struct model *model, struct state *state, const char *relation, bool app,
                   const json_t *data, struct error *err)
{
    _cleanup_free_ char *key = str_format("%s%s", relation, app ? "/app" : ""), *now = NULL;
    _cleanup_free_ char *hook = hook_name(model);
    const json_t *entry = key ? json_object_get(state_value(state, TOLD), key) : NULL;
    int r;

    if (!key || !hook)
        return error_oom(err);
    r = fingerprint(data, &now, err);
    if (r < 0)
        return r;
    if (is_told(model, entry, now, relation, app, hook))
        return json_object_get(entry, "hook") ? remember_told(state, key, now, NULL, err) : 0;
    r = app ? juju_relation_set_app(relation, data, err) : juju_relation_set(relation, data, err);
    return r < 0 ? r : remember_told(state, key, now, hook, err);
}

int relations_forget_told(struct state *state, struct error *err)
{
    return state_value(state, TOLD) ? state_set_value(state, TOLD, NULL, err) : 0;
}
