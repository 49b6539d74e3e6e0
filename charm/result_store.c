// SPDX-License-Identifier: GPL-3.0-only
#include "charm/result_store.h"

#include "base/file.h"
#include "charm/accounts.h"
#include "charm/juju.h"
#include "charm/plan.h"
#include "charm/relations.h"
#include "data/json.h"

#define SECRET_LABEL "result-store"
#define MEMORY "result-store" // key of the state: what is known

// What the functions below need.
struct finding {
    const char *root;
    const struct model *model;
    const struct settings *settings;
    struct state *state;
    const char *own_token;
    struct result_store *ret;
    struct error *err;
    char *peers;   // relation `cluster`; NULL: there is none yet
    char *own_url; // of this unit's store
    json_t *known; // unit, url, secret, own (own_url); keys without a value are not there
    // Something was told that others see only when the hook ends well, which a killed one does not:
    // what is known is remembered by the next hook, which sees it told.
    bool told;
};

static const char *known(const struct finding *f, const char *key)
{
    const char *text = json_string_value(json_object_get(f->known, key));

    return text ? text : "";
}

static int learn(const struct finding *f, const char *key, const char *value)
{
    return json_put_string(f->known, key, value) < 0 ? error_oom(f->err) : 0;
}

static int unknown(const struct finding *f, enum urgency urgency, char *trouble)
{
    f->ret->place = RESULT_STORE_UNKNOWN;
    f->ret->urgency = urgency;
    f->ret->trouble = trouble;
    return trouble ? 0 : error_oom(f->err);
}

// Whether this hook may tell something new, or is one in which all is told again.
static bool is_concerned(const struct model *model)
{
    switch (model->hook) {
    case HOOK_RELATION_CREATED:
    case HOOK_RELATION_JOINED:
    case HOOK_RELATION_CHANGED:
    case HOOK_RELATION_DEPARTED:
    case HOOK_RELATION_BROKEN:
        return relations_concern("cluster") || relations_concern("results") ||
               relations_concern("results-store");
    case HOOK_UPGRADE_CHARM:
    case HOOK_LEADER_ELECTED:
        return true;
    default:
        return false;
    }
}

// The relation of an endpoint that stays; NULL when there is none. One that is replaced may be
// listed beside the new one.
static int only_relation(const struct finding *f, const char *endpoint, char **ret)
{
    _cleanup_json_ json_t *ids = NULL;
    const char *id = NULL;
    int r = juju_relation_ids(endpoint, &ids, f->err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < json_array_size(ids) && !id; i++) {
        id = json_string_value(json_array_get(ids, i));
        if (id && relations_breaks(f->model, id))
            id = NULL;
    }
    if (!id)
        return 0;
    *ret = strdup(id);
    return *ret ? 0 : error_oom(f->err);
}

// ---- workers of another application

// Data of others: an address of HTTP on one line.
static bool is_address(const char *text)
{
    return (str_starts_with(text, "http://") || str_starts_with(text, "https://")) &&
           !str_has_control(text) && !strchr(text, ' ');
}

static int look_as_a_worker(struct finding *f)
{
    static const char at[] = "/auth/v1.0";
    _cleanup_free_ char *relation = NULL, *remote = NULL, *url = NULL;
    _cleanup_json_ json_t *data = NULL;
    const char *address, *secret;
    int r = only_relation(f, "results-store", &relation);

    if (r < 0)
        return r;
    if (!relation)
        return unknown(f, STATUS_BLOCKED,
                       str_format("workers have no result store: juju integrate %s:results-store "
                                  "WEB:results, or set swift-auth-url",
                                  f->model->app));
    if ((r = juju_relation_app(relation, &remote, f->err)) < 0 ||
        (r = juju_relation_get_app(relation, remote, &data, f->err)) < 0)
        return r;
    address = json_string_value(json_object_get(data, "auth-url"));
    secret = json_string_value(json_object_get(data, "secret"));
    if (str_empty(address) || str_empty(secret))
        return unknown(f, STATUS_WAITING, str_format("waiting for the result store of %s", remote));
    if (!is_address(address) || !str_ends_with(address, at) || !str_starts_with(secret, "secret:"))
        return unknown(f, STATUS_WAITING,
                       str_format("results-store: %s: expected auth-url http://…%s and the id of a "
                                  "secret",
                                  remote, at));
    url = strndup(address, strlen(address) - strlen(at));
    if (!url)
        return error_oom(f->err);
    r = learn(f, "url", url);
    return r < 0 ? r : learn(f, "secret", secret);
}

// ---- web units

static int find_own_url(struct finding *f)
{
    _cleanup_free_ char *address = NULL;
    int r = juju_ingress_address("results", &address, f->err);

    if (r < 0)
        return r;
    f->own_url = str_format(strchr(address, ':') ? "http://[%s]:%u" : "http://%s:%u", address,
                            (unsigned)f->settings->http_port);
    return f->own_url ? 0 : error_oom(f->err);
}

// This unit's own data of the peer relation.
static int tell_own_url(struct finding *f)
{
    _cleanup_json_ json_t *data = NULL, *own = json_pack("{s:s}", "store-url", f->own_url);
    int r = own ? juju_relation_get(f->peers, f->model->unit, &data, f->err) : error_oom(f->err);

    if (r < 0 || str_equal(json_string_value(json_object_get(data, "store-url")), f->own_url))
        return r;
    f->told = true;
    return juju_relation_set(f->peers, own, f->err);
}

// What the leader has told.
static int read_peers(struct finding *f)
{
    static const char *const keys[][2] = {
        {"unit", "store-unit"}, {"url", "store-url"}, {"secret", "store-secret"}};
    _cleanup_json_ json_t *data = NULL;
    int r = only_relation(f, "cluster", &f->peers);

    if (r < 0 || !f->peers)
        return r;
    if ((r = tell_own_url(f)) < 0 ||
        (r = juju_relation_get_app(f->peers, f->model->app, &data, f->err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
        const char *value = json_string_value(json_object_get(data, keys[i][1]));

        if (!str_empty(value))
            r = learn(f, keys[i][0], value);
    }
    return r;
}

// Whether a unit is there and stays.
static int is_member(const struct finding *f, const char *unit, bool *ret)
{
    _cleanup_json_ json_t *units = NULL;
    const json_t *name;
    size_t i;
    int r = juju_relation_list(f->peers, &units, f->err);

    *ret = false;
    if (r < 0)
        return r;
    json_array_foreach (units, i, name) {
        if (str_equal(json_string_value(name), unit))
            *ret = !str_equal(unit, getenv("JUJU_DEPARTING_UNIT"));
    }
    return 0;
}

// The unit that keeps the results: the one that does, as long as there is one.
static int decide_unit(const struct finding *f)
{
    _cleanup_json_ json_t *data = NULL;
    const char *unit = known(f, "unit"), *url;
    bool member = false;
    int r = 0;

    if (*unit && strcmp(unit, f->model->unit) != 0 && f->peers)
        r = is_member(f, unit, &member);
    if (r == 0 && member) {
        r = juju_relation_get(f->peers, unit, &data, f->err);
        url = json_string_value(json_object_get(data, "store-url"));
        return r < 0 || str_empty(url) ? r : learn(f, "url", url);
    }
    if (r == 0)
        r = learn(f, "unit", f->model->unit);
    return r < 0 ? r : learn(f, "url", f->own_url);
}

static int make_secret(const struct finding *f, char **ret)
{
    _cleanup_free_ char *path = str_format("%s" STATE_DIR "/secret.new", f->root);
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    _cleanup_json_ json_t *content = json_pack("{s:s}", "token", f->own_token);
    const struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    int r;

    if (!path || json_write(content, &text) < 0)
        return error_oom(f->err);
    if ((r = dir_make_parent(path, 0755, f->err)) < 0 ||
        (r = file_replace_alone(path, buf_str(&text), text.len, &attributes, NULL, f->err)) < 0)
        return r;
    r = juju_secret_add(SECRET_LABEL, path, ret, f->err);
    (void)unlink(path);
    return r;
}

static int decide_secret(const struct finding *f)
{
    _cleanup_free_ char *id = NULL;
    int r;

    if (*known(f, "secret"))
        return 0;
    r = juju_secret_find(SECRET_LABEL, &id, f->err);
    if (r == 0 && !id) {
        r = make_secret(f, &id);
        f->ret->token = r < 0 ? NULL : strdup(f->own_token); // nobody can read it yet, nor can we
        if (r == 0 && !f->ret->token)
            return error_oom(f->err);
    }
    return r < 0 ? r : learn(f, "secret", id);
}

// Relations of workers; nothing is told of a store that is not used.
static int tell_workers(const struct finding *f)
{
    const char *base = known(f, "url");
    _cleanup_free_ char *url = str_format("%s/swift/v1", base);
    _cleanup_free_ char *auth = str_format("%s/auth/v1.0", base);
    _cleanup_json_ json_t *ids = NULL, *data = NULL;
    const json_t *id;
    bool any = *base;
    size_t i;
    int r = juju_relation_ids("results", &ids, f->err);

    if (r < 0)
        return r;
    data = json_pack("{s:s, s:s, s:s, s:s}", "url", any ? url : "", "auth-url", any ? auth : "",
                     "username", any ? ACCOUNT : "", "secret", known(f, "secret"));
    if (!url || !auth || !data)
        return error_oom(f->err);
    json_array_foreach (ids, i, id) {
        const char *relation = json_string_value(id);

        if (relations_breaks(f->model, relation))
            continue;
        if (any)
            r = juju_secret_grant(known(f, "secret"), relation, f->err);
        if (r < 0 || (r = juju_relation_set_app(relation, data, f->err)) < 0)
            return r;
    }
    return 0;
}

static int tell_peers(struct finding *f)
{
    _cleanup_json_ json_t *data =
        json_pack("{s:s, s:s, s:s}", "store-unit", known(f, "unit"), "store-url", known(f, "url"),
                  "store-secret", known(f, "secret"));

    f->told = true;
    if (!f->peers)
        return 0;
    return data ? juju_relation_set_app(f->peers, data, f->err) : error_oom(f->err);
}

// The leader's part.
static int decide(struct finding *f)
{
    _cleanup_json_ json_t *before = json_copy(f->known);
    int r;

    if ((r = decide_unit(f)) < 0 || (r = decide_secret(f)) < 0)
        return r;
    if ((!before || !json_equal(before, f->known) || !f->peers) && (r = tell_peers(f)) < 0)
        return r;
    return tell_workers(f);
}

static int look_as_a_web_unit(struct finding *f)
{
    bool leader = false;
    int r;

    if ((!f->own_url && (r = find_own_url(f)) < 0) || (r = learn(f, "own", f->own_url)) < 0 ||
        (r = read_peers(f)) < 0 || (r = juju_is_leader(&leader, f->err)) < 0)
        return r;
    if (leader)
        return decide(f);
    if (f->peers && !*known(f, "unit"))
        return unknown(f, STATUS_WAITING,
                       strdup("waiting for the leader to say which unit keeps the results"));
    return 0;
}

// With a Swift: what was told before is taken back.
static int look_with_swift(struct finding *f)
{
    bool leader = false;
    int r = f->settings->web && is_concerned(f->model) ? juju_is_leader(&leader, f->err) : 0;

    f->ret->place = RESULT_STORE_SWIFT;
    if (r == 0 && leader)
        r = tell_workers(f);
    return r < 0 ? r : state_set_value(f->state, MEMORY, NULL, f->err);
}

// ---- both

static int read_token(const struct finding *f)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    _cleanup_json_ json_t *secret = NULL;
    const char *token;
    int r = juju_secret_get(known(f, "secret"), &secret, &why);

    if (r == -EACCES || r == -ENOENT)
        return unknown(f, STATUS_WAITING,
                       strdup("waiting for the secret of the result store to be granted"));
    if (r < 0)
        return error_set(f->err, r, "%s", error_message(&why));
    token = json_string_value(json_object_get(secret, "token"));
    if (str_empty(token) || str_has_control(token))
        return unknown(f, STATUS_WAITING,
                       strdup("waiting for a secret of the result store that has a token"));
    f->ret->token = strdup(token);
    return f->ret->token ? 0 : error_oom(f->err);
}

// `again`: what is known is remembered; the token of the own store is then in use already.
static int conclude(const struct finding *f, bool again)
{
    const char *unit = known(f, "unit");
    bool here = f->settings->web && (!*unit || strcmp(unit, f->model->unit) == 0);

    f->ret->place = here ? RESULT_STORE_HERE : RESULT_STORE_ELSEWHERE;
    if (!here) {
        f->ret->url = strdup(known(f, "url"));
        if (!f->ret->url)
            return error_oom(f->err);
    }
    if (f->ret->token || !*known(f, "secret") || (here && again))
        return 0;
    return read_token(f);
}

// Whether what is remembered is of the role that the unit has, and its address still the same.
static int still_holds(struct finding *f, const json_t *memory, bool *ret)
{
    const char *own = json_string_value(json_object_get(memory, "own"));
    int r = 0;

    *ret = memory && !is_concerned(f->model) && f->settings->web == (own != NULL);
    if (!*ret || !own || f->model->hook != HOOK_CONFIG_CHANGED)
        return 0;
    r = find_own_url(f);
    *ret = r == 0 && strcmp(own, f->own_url) == 0;
    return r;
}

static int find(struct finding *f)
{
    const json_t *memory = state_value(f->state, MEMORY);
    bool holds = false;
    int r;

    if (settings_use_swift(f->settings))
        return look_with_swift(f);
    r = still_holds(f, memory, &holds);
    if (r < 0)
        return r;
    if (holds) {
        // jansson's function wants what is not const, and changes nothing.
        r = json_object_update(f->known, (json_t *)(uintptr_t)memory);
        return r < 0 ? error_oom(f->err) : conclude(f, true);
    }
    r = f->settings->web ? look_as_a_web_unit(f) : look_as_a_worker(f);
    if (r < 0)
        return r;
    if (!f->ret->trouble)
        r = conclude(f, false);
    if (r < 0)
        return r;
    return state_set_value(f->state, MEMORY, f->told || f->ret->trouble ? NULL : f->known, f->err);
}

int result_store_find(const char *root, const struct model *model, const struct settings *settings,
                      struct state *state, const char *own_token, struct result_store *ret,
                      struct error *err)
{
    struct finding f = {.root = root,
                        .model = model,
                        .settings = settings,
                        .state = state,
                        .own_token = own_token,
                        .ret = ret,
                        .err = err,
                        .known = json_object()};
    int r = f.known ? find(&f) : error_oom(err);

    free(f.peers);
    free(f.own_url);
    json_decref(f.known);
    return r;
}

bool result_store_was_here(const struct model *model, const struct state *state)
{
    const json_t *memory = state_value(state, MEMORY);
    const char *unit = json_string_value(json_object_get(memory, "unit"));

    return json_object_get(memory, "own") && (!unit || str_equal(unit, model->unit));
}

int result_store_warn(const char *root, const struct model *model, const struct state *state,
                      const char *with, struct error *err)
{
    const char *data_dir = state_get(state, "data-dir");
    _cleanup_free_ char *store = str_format("%s%s/store", root, data_dir ? data_dir : DATA_DIR);
    _cleanup_strv_ struct strv containers = STRV_INIT;
    _cleanup_free_ char *text = NULL;
    size_t count = 0;

    if (!store)
        return error_oom(err);
    if (!result_store_was_here(model, state) || dir_list(store, &containers, NULL) < 0)
        return 0;
    STRV_FOREACH (name, &containers)
        count += name[0] != '.';
    if (count == 0)
        return 0;
    text = str_format("%s keeps the results of %s, in %zu containers below %s: they go with %s, "
                      "and are not on other units unless they were copied "
                      "(docs/how-to/move-the-results.md)",
                      model->unit, model->app, count, store + strlen(root), with);
    return text ? juju_log("WARNING", text, err) : error_oom(err);
}

void result_store_release(struct result_store *store)
{
    free(store->url);
    free(store->token);
    free(store->trouble);
    memset(store, 0, sizeof(*store));
}
