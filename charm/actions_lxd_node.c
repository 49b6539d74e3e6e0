// SPDX-License-Identifier: GPL-3.0-only
// User-data for cloud-init of machines that become members of an LXD cluster to test on
// (https://documentation.ubuntu.com/lxd/latest/howto/cluster_form).
#include "charm/actions.h"

#include "base/file.h"
#include "base/parse.h"
#include "charm/action_target.h"
#include "charm/action_token.h"
#include "charm/remotes.h"
#include "charm/unit_command.h"
#include "data/json.h"
#include "data/remote.h"
#include "data/template.h"

#include <sys/random.h>

#define CERTIFICATE_MAX ((size_t)64 * 1024)
#define USERDATA_MAX ((size_t)64 * 1024)
#define RANDOM_BYTES 3

static bool is_type(const char *text)
{
    return str_equal(text, "bootstrap") || str_equal(text, "leader") || str_equal(text, "node");
}

// A host name (RFC 1123), and LXD's name of the member.
static bool is_member(const char *text)
{
    size_t len = strlen(text);

    return len <= 63 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
           text[0] != '-' && text[len - 1] != '-';
}

static const struct param node_params[] = {
    {.name = "type", .required = true, .ok = is_type, .expected = "bootstrap, leader or node"},
    {.name = "join-address",
     .ok = remote_is_address,
     .expected = "an address such as 10.0.0.1 or lxd.example:8443"},
    {.name = "name", .ok = is_member, .expected = "a host name of small letters, digits and '-'"},
    {.name = "token"},
};

static int check_join(const struct action *action, bool bootstrap, struct error *err)
{
    if (bootstrap && (action_has(action, "join-address") || action_has(action, "token")))
        return error_set(err, -EINVAL, "join-address: bootstrap makes a cluster and joins none");
    if (!bootstrap && !action_has(action, "join-address"))
        return error_set(err, -EINVAL,
                         "join-address: is missing: the address of a member of the cluster");
    return 0;
}

static int choose_name(const struct action *action, char **ret, struct error *err)
{
    unsigned char random[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES + 1];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return error_errno(err, -EIO, "cannot make a name");
    hex_encode(random, sizeof(random), hex);
    *ret = action_has(action, "name") ? strdup(action_text(action, "name"))
                                      : str_format("lxd-%s-%s", action_text(action, "type"), hex);
    return *ret ? 0 : error_oom(err);
}

// ---- joining

// The cluster makes a token for the member, where it trusts the unit.
static int ask_token(const struct action *action, const char *name, struct buf *ret,
                     struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    int r;

    if (strv_add(&words, "remote") < 0 || strv_add(&words, "join") < 0 ||
        strv_addf(&words, "--as=%s", name) < 0 ||
        strv_add(&words, action_text(action, "join-address")) < 0)
        return error_oom(err);
    r = unit_command(action, &words, NULL, ret, err);
    return r < 0 ? error_prefix(err, r,
                                "no token to join; give token=…, which `lxc cluster add %s` prints "
                                "there",
                                name)
                 : 0;
}

static bool is_base64(const char *text)
{
    return *text &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
               strlen(text);
}

static int take_token(const struct action *action, const char *name, json_t *data,
                      struct error *err)
{
    _cleanup_(action_token_release) struct buf token = BUF_INIT(ACTION_TOKEN_MAX);
    _cleanup_free_ char *host = remote_host(action_text(action, "join-address"));
    int r = action_has(action, "token") ? action_token_read(action, &token, err)
                                        : ask_token(action, name, &token, err);

    if (r < 0)
        return r;
    while (token.len > 0 && strchr(" \r\n", token.data[token.len - 1]))
        buf_truncate(&token, token.len - 1);
    if (!is_base64(buf_str(&token)))
        return error_set(err, -EINVAL, "token: expected base64, as `lxc cluster add` prints it");
    if (!host || json_put_string(data, "token", buf_str(&token)) < 0 ||
        json_put_string(data, "join-host", host) < 0)
        return error_oom(err);
    return 0;
}

// ---- the first member

// It trusts this unit from the start.
static int take_certificate(const struct action *action, json_t *data, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" REMOTES_DIR "/client.crt", action->root);
    _cleanup_buf_ struct buf text = BUF_INIT(CERTIFICATE_MAX);
    _cleanup_strv_ struct strv lines = STRV_INIT;
    json_t *list = json_array();
    int r = path ? file_read(path, &text, err) : error_oom(err);

    if (json_put(data, "certificate", list) < 0)
        return error_oom(err);
    if (r == 0 && strv_split(&lines, buf_str(&text), "\n") < 0)
        return error_oom(err);
    STRV_FOREACH (line, &lines)
        if (r == 0 && json_array_append_new(list, json_string(line)) < 0)
            return error_oom(err);
    return r;
}

static int render(const struct action *action, const json_t *data, struct buf *ret,
                  struct error *err)
{
    _cleanup_(template_set_freep) struct template_set *templates = template_set_new();
    const struct template_options options = {.partials = templates, .strict = true};
    _cleanup_free_ char *dir = path_join(action->model.charm_dir, "templates/cloud-init");
    const struct template *t;
    int r = templates && dir ? template_set_load(templates, dir, err) : error_oom(err);

    if (r < 0)
        return r;
    t = template_set_find(templates, "lxd-node");
    return t ? template_render(t, data, &options, ret, err)
             : error_set(err, -ENOENT, "the charm has no template lxd-node");
}

static int run_node(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    const struct apply a = {.root = action->root, .model = &action->model, .state = &target.state};
    const char *type = action_text(action, "type");
    bool bootstrap = str_equal(type, "bootstrap");
    _cleanup_buf_ struct buf text = BUF_INIT(USERDATA_MAX);
    _cleanup_free_ char *name = NULL, *client = NULL;
    _cleanup_json_ json_t *data = NULL;
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = action_needs_workers(action, &target.settings, err)) < 0 ||
        (r = check_join(action, bootstrap, err)) < 0 || (r = choose_name(action, &name, err)) < 0 ||
        (r = remotes_prepare(&a, err)) < 0 || (r = state_save(&target.state, err)) < 0)
        return r;
    client = remotes_client_name(action->model.unit);
    data = client ? json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "type", type, "unit",
                              action->model.unit, "name", name, "client", client, "bootstrap",
                              bootstrap, "leader", str_equal(type, "leader"), "token", 0,
                              "join-host", 0, "certificate", 0)
                  : NULL;
    if (!data)
        return error_oom(err);
    r = bootstrap ? take_certificate(action, data, err) : take_token(action, name, data, err);
    if (r < 0 || (r = render(action, data, &text, err)) < 0)
        return r;
    if (action_result_text(action, "name", name) < 0 ||
        action_result_text(action, "user-data", buf_str(&text)) < 0)
        return error_oom(err);
    return 0;
}

const struct action_definition action_lxd_node_userdata = {.name = "lxd-node-userdata",
                                                           .params = node_params,
                                                           .params_len = ARRAY_SIZE(node_params),
                                                           .run = run_node};
