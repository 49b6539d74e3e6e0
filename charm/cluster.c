// SPDX-License-Identifier: GPL-3.0-only
#include "charm/cluster.h"

#include "base/file.h"
#include "base/parse.h"
#include "charm/juju.h"
#include "charm/relations.h"
#include "data/json.h"

#include <sys/random.h>
#include <unistd.h>

#define IN_DATA "session-secret"    // key of the application's data
#define REMEMBERED "session-secret" // the same, known to be with Juju; never one just made
#define TURN "session-key-turn" // in the data and remembered: how often it was rotated; "": never
#define FETCHED "session-key-fetched" // address, and turn, of the secret that is in the file
#define NEW_FILE STATE_DIR "/session-key.new"
#define FILE_MAX ((size_t)4096)
#define KEY_BYTES 32
#define LABEL "session-key" // of the secret, for its owner

static const char *relation_of(const struct model *model)
{
    return json_string_value(json_array_get(model->cluster, 0));
}

static int ask(const struct model *model, struct state *state, struct error *err)
{
    _cleanup_json_ json_t *data = NULL;
    const char *uri, *turn;
    int r = juju_relation_get_app(relation_of(model), model->app, &data, err);

    if (r < 0)
        return r;
    uri = json_text(data, IN_DATA);
    turn = json_text(data, TURN);
    r = state_set(state, REMEMBERED, *uri ? uri : NULL, err);
    return r < 0 ? r : state_set(state, TURN, *turn ? turn : NULL, err);
}

int cluster_read(struct model *model, struct state *state, struct error *err)
{
    int r = relations_of(model, state, "cluster", &model->cluster, err);

    if (r < 0 || !relation_of(model))
        return r;
    if ((!state_get(state, REMEMBERED) || relations_concern("cluster") ||
         model->hook == HOOK_LEADER_ELECTED || model->hook == HOOK_UPGRADE_CHARM) &&
        (r = ask(model, state, err)) < 0)
        return r;
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
static int fetch(const struct model *model, struct state *state, const char *which, json_t **ret,
                 struct error *err)
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
    return state_set(state, FETCHED, which, err);
}

// Whether the hook tells of a new revision of it.
static bool is_changed(const struct model *model)
{
    const char *id = getenv("JUJU_SECRET_ID");

    return model->hook == HOOK_SECRET_CHANGED && id && model->session_secret &&
           str_ends_with(model->session_secret, id + (str_starts_with(id, "secret:") ? 7 : 0));
}

// Names the key that Juju has, by what is remembered of it. The caller frees.
static char *newest(const struct model *model, const struct state *state)
{
    const char *turn = state_get(state, TURN);

    return str_format("%s%s%s", model->session_secret, turn ? " " : "", turn ? turn : "");
}

// The key that is shared: that of the file, unless Juju has another one by now.
static int shared_key(const struct model *model, struct state *state, json_t **key,
                      struct error *err)
{
    _cleanup_free_ char *which = newest(model, state);

    if (!which)
        return error_oom(err);
    return !*key || is_changed(model) || !state_is(state, FETCHED, which)
               ? fetch(model, state, which, key, err)
               : 0;
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
    if (r >= 0 && model->session_secret)
        r = shared_key(model, state, &key, err);
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

// Puts another content into the secret; it stands in a file for no longer than the call.
static int give_new_key(const char *root, const char *uri, struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    _cleanup_free_ char *path = str_format("%s" NEW_FILE, root);
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_json_ json_t *key = NULL;
    int r = path ? make_key(&key, err) : error_oom(err);

    if (r < 0)
        return r;
    if (json_write(key, &text) < 0)
        return error_oom(err);
    r = file_replace_alone(path, buf_str(&text), text.len, &attributes, NULL, err);
    if (r >= 0)
        r = juju_secret_set(uri, path, err);
    (void)unlink(path);
    return r;
}

int cluster_rotate(const char *root, const struct model *model, struct state *state, char **ret,
                   struct error *err)
{
    const json_t *relation = json_array_get(state_value(state, "relations-cluster"), 0);
    const char *uri = state_get(state, REMEMBERED), *id = json_string_value(relation);
    _cleanup_json_ json_t *data = NULL, *change = NULL;
    _cleanup_free_ char *turn = NULL;
    int64_t before = 0;
    bool leader = false;
    int r = juju_is_leader(&leader, err);

    if (r < 0)
        return r;
    if (!leader)
        return error_set(err, -EACCES,
                         "%s is not the leader, who alone may change the key: juju run %s/leader "
                         "rotate-login-key",
                         model->unit, model->app);
    if (!uri || !id)
        return error_set(err, -ENOENT,
                         "there is no login key: units whose option roles has `web` have one");
    if ((r = juju_relation_get_app(id, model->app, &data, err)) < 0)
        return r;
    if (*json_text(data, TURN) && parse_int(json_text(data, TURN), 0, INT32_MAX, &before, NULL) < 0)
        before = 0;
    turn = str_format("%lld", (long long)before + 1);
    change = turn ? json_pack("{s:s}", TURN, turn) : NULL;
    if (!change)
        return error_oom(err);
    if ((r = give_new_key(root, uri, err)) < 0 ||
        (r = juju_relation_set_app(id, change, err)) < 0 ||
        (r = state_set(state, TURN, turn, err)) < 0)
        return r;
    *ret = TAKE_PTR(turn);
    return 0;
}

int cluster_forget_key(struct state *state, struct error *err)
{
    return state_set(state, FETCHED, NULL, err);
}
