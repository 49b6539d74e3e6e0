// SPDX-License-Identifier: GPL-3.0-only
#include "charm/cluster.h"

#include "base/parse.h"
#include "charm/juju.h"
#include "charm/relations.h"
#include "data/json.h"

#include <sys/random.h>
#include <unistd.h>

#define IN_DATA "session-secret"      // key of the application's data
#define REMEMBERED "session-secret"   // the same, known to be with Juju; never one just made
#define FETCHED "session-key-fetched" // address of the secret that is in the file
#define FILE_MAX ((size_t)4096)
#define KEY_BYTES 32
#define LABEL "session-key" // of the secret, for its owner

static const char *relation_of(const struct model *model)
{
    return json_string_value(json_array_get(model->cluster, 0));
}

static int ask(const struct model *model, char **ret, struct error *err)
{
    _cleanup_json_ json_t *data = NULL;
    int r = juju_relation_get_app(relation_of(model), model->app, &data, err);

    if (r < 0)
        return r;
    *ret = strdup(json_text(data, IN_DATA));
    return *ret ? 0 : error_oom(err);
}

int cluster_read(struct model *model, struct state *state, struct error *err)
{
    int r = relations_of(model, state, "cluster", &model->cluster, err);
    _cleanup_free_ char *uri = NULL;

    if (r < 0 || !relation_of(model))
        return r;
    if (!state_get(state, REMEMBERED) || relations_concern("cluster") ||
        model->hook == HOOK_LEADER_ELECTED || model->hook == HOOK_UPGRADE_CHARM) {
        if ((r = ask(model, &uri, err)) < 0 ||
            (r = state_set(state, REMEMBERED, *uri ? uri : NULL, err)) < 0)
            return r;
    }
    if (!state_get(state, REMEMBERED))
        return 0;
    model->session_secret = strdup(state_get(state, REMEMBERED));
    return model->session_secret ? 0 : error_oom(err);
}

// What the file has; NULL: nothing of use.
static int read_file(const char *root, json_t **ret, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" SESSION_KEY_FILE, root);

    *ret = NULL;
    if (!path)
        return error_oom(err);
    if (json_parse_file(path, FILE_MAX, ret, NULL) < 0 || !*json_text(*ret, "key")) {
        json_decref(*ret);
        *ret = NULL;
    }
    return 0;
}

static int make_key(json_t **ret, struct error *err)
{
    unsigned char random[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return error_errno(err, -EIO, "cannot make a key");
    hex_encode(random, sizeof(random), hex);
    *ret = json_pack("{s:s}", "key", hex);
    return *ret ? 0 : error_oom(err);
}

// A key that cannot be had yet is asked for again by the next hook; *ret stays as it is.
static int fetch(const struct model *model, struct state *state, json_t **ret, struct error *err)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_json_ json_t *content = NULL;
    int r = juju_secret_get(model->session_secret, &content, &why);

    if (r == -ENOENT || r == -EACCES)
        return 0;
    if (r < 0)
        return error_set(err, r, "%s", error_message(&why));
    if (!*json_text(content, "key"))
        return 0;
    json_decref(*ret);
    *ret = TAKE_PTR(content);
    return state_set(state, FETCHED, model->session_secret, err);
}

int cluster_session_key(const char *root, const struct model *model,
                        const struct settings *settings, struct state *state, json_t **ret,
                        bool *ret_made, struct error *err)
{
    _cleanup_json_ json_t *key = NULL;
    bool leader = model->hook == HOOK_LEADER_ELECTED;
    int r;

    *ret = NULL;
    *ret_made = false;
    if (!settings->web)
        return 0;
    r = read_file(root, &key, err);
    if (r >= 0 && model->session_secret &&
        (!key || !state_is(state, FETCHED, model->session_secret)))
        r = fetch(model, state, &key, err);
    if (r >= 0 && !model->session_secret && relation_of(model)) {
        if (!leader)
            r = juju_is_leader(&leader, err);
        if (r >= 0 && leader && !key) // else one of a hook that did not come to its end
            r = make_key(&key, err);
        *ret_made = leader;
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(key);
    return 0;
}

int cluster_share(const char *root, const struct model *model, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" SESSION_KEY_FILE, root), *uri = NULL;
    _cleanup_json_ json_t *data = NULL;
    int r;

    if (!path)
        return error_oom(err);
    r = juju_secret_find(LABEL, &uri, err);
    if (r >= 0 && !uri)
        r = juju_secret_add(LABEL, path, &uri, err);
    if (r < 0)
        return r;
    data = json_pack("{s:s}", IN_DATA, uri);
    return data ? juju_relation_set_app(relation_of(model), data, err) : error_oom(err);
}
