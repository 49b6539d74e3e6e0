// SPDX-License-Identifier: GPL-3.0-only
// Users of the broker for others. The administrator's password comes from relation amqp-admin when
// an action needs it, and is kept nowhere; it goes to the unit's command line by standard input.
#include "charm/actions.h"

#include "charm/juju.h"
#include "charm/model_read.h"
#include "charm/unit_command.h"
#include "data/json.h"

#define PASSWORD_MIN 12

// ---- the administrator

static void forget_broker(struct broker *broker)
{
    if (broker->password)
        explicit_bzero(broker->password, strlen(broker->password));
    broker_release(broker);
}

static int no_admin(const struct action *action, const struct broker *broker, const char *trouble,
                    struct error *err)
{
    if (trouble)
        return error_set(err, -EPROTO, "amqp-admin: %s", trouble);
    if (broker->state == BROKER_WAITING)
        return error_set(err, -EAGAIN,
                         "amqp-admin: the broker has not made the administrator yet: try again "
                         "when juju status shows it idle");
    return error_set(err, -ENOENT,
                     "needs an administrator of the broker: juju integrate %s:amqp-admin "
                     "rabbitmq-server",
                     action->model.app);
}

static int make_order(const struct action *action, const struct broker *broker, struct buf *ret)
{
    _cleanup_json_ json_t *order =
        json_pack("{s:s, s:s, s:I, s:b}", "user", "autopkgtest-admin", "password", broker->password,
                  "amqp-port", (json_int_t)broker->port, "tls", (int)broker->tls);
    json_t *hosts = json_array();

    if (json_put(order, "hosts", hosts) < 0)
        return -ENOMEM;
    STRV_FOREACH (host, &broker->hosts)
        if (json_array_append_new(hosts, json_string(host)) < 0)
            return -ENOMEM;
    if (action_has(action, "password") &&
        json_put_string(order, "new-password", action_text(action, "password")) < 0)
        return -ENOMEM;
    return json_write(order, ret);
}

// Runs `rabbit-user WORDS… --admin=-`.
static int rabbit_user(const struct action *action, struct strv *words, json_t **ret,
                       struct error *err)
{
    _cleanup_(forget_broker) struct broker broker = BROKER_INIT;
    _cleanup_buf_ struct buf order = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *relations = NULL;
    _cleanup_free_ char *trouble = NULL;
    int r = juju_relation_ids("amqp-admin", &relations, err);

    if (r < 0 || (r = model_read_broker(&action->model, relations, &broker, &trouble, err)) < 0)
        return r;
    if (broker.state != BROKER_READY || trouble)
        return no_admin(action, &broker, trouble, err);
    if (make_order(action, &broker, &order) < 0)
        return error_oom(err);
    r = unit_command_json(action, words, &order, ret, err);
    if (order.len > 0)
        explicit_bzero(order.data, order.len);
    return r;
}

// ---- add-rabbit-user

static bool is_user(const char *text)
{
    size_t len = strlen(text);

    return len <= 100 && text[0] != '-' && text[0] != '.' &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == len;
}

static bool is_kind(const char *text)
{
    return str_equal(text, "submit") || str_equal(text, "monitor") || str_equal(text, "full");
}

#define USER_EXPECTED "a name of letters, digits, '-', '_' and '.'"

static const struct param add_params[] = {
    {.name = "username", .text = "test_request", .ok = is_user, .expected = USER_EXPECTED},
    {.name = "password"},
    {.name = "permissions",
     .text = "submit",
     .ok = is_kind,
     .expected = "submit, monitor or full (or patterns: configure=, write=, read=)"},
    {.name = "configure"},
    {.name = "write"},
    {.name = "read"},
    {.name = "vhost", .text = "/"},
};

static int run_add(struct action *action, struct error *err)
{
    static const char *const patterns[] = {"configure", "write", "read"};
    static const char *const results[] = {"username",    "password",  "uri",   "vhost",
                                          "permissions", "configure", "write", "read"};
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    int r;

    // Not shown: it may be one, mistyped.
    if (action_has(action, "password") && strlen(action_text(action, "password")) < PASSWORD_MIN)
        return error_set(err, -EINVAL,
                         "password: expected at least %d characters; without it one is made",
                         PASSWORD_MIN);
    if (strv_add_all(&words, (const char *[]){"rabbit-user", "add", "--format=json", "--admin=-",
                                              NULL}) < 0 ||
        strv_addf(&words, "--permissions=%s", action_text(action, "permissions")) < 0 ||
        strv_addf(&words, "--vhost=%s", action_text(action, "vhost")) < 0)
        return error_oom(err);
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
        if (action_has(action, patterns[i]) &&
            strv_addf(&words, "--%s=%s", patterns[i], action_text(action, patterns[i])) < 0)
            return error_oom(err);
    if (strv_add(&words, action_text(action, "username")) < 0)
        return error_oom(err);
    r = rabbit_user(action, &words, &answer, err);
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(results); i++)
        if (action_result_text(action, results[i], json_text(answer, results[i])) < 0)
            return error_oom(err);
    return r;
}

const struct action_definition action_add_rabbit_user = {.name = "add-rabbit-user",
                                                         .params = add_params,
                                                         .params_len = ARRAY_SIZE(add_params),
                                                         .run = run_add};

// ---- remove-rabbit-user

static const struct param remove_params[] = {
    {.name = "username", .required = true, .ok = is_user, .expected = USER_EXPECTED},
};

static int run_remove(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    int r;

    if (strv_add_all(&words, (const char *[]){"rabbit-user", "remove", "--format=json", "--admin=-",
                                              action_text(action, "username"), NULL}) < 0)
        return error_oom(err);
    r = rabbit_user(action, &words, &answer, err);
    if (r < 0)
        return r;
    return action_result_text(action, "removed", json_text(answer, "removed")) < 0 ? error_oom(err)
                                                                                   : 0;
}

const struct action_definition action_remove_rabbit_user = {.name = "remove-rabbit-user",
                                                            .params = remove_params,
                                                            .params_len = ARRAY_SIZE(remove_params),
                                                            .run = run_remove};

// ---- list-rabbit-users

static int put_user(struct action *action, const char *name, const json_t *list)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const json_t *rights;
    size_t i;

    json_array_foreach (list, i, rights) {
        const char *kind = json_text(rights, "permissions");
        bool explicit = str_equal(kind, "explicit");

        if (buf_addf(&text, "%s%s on %s", i ? "; " : "", kind, json_text(rights, "vhost")) < 0 ||
            (explicit && buf_addf(&text, " (configure \"%s\", write \"%s\", read \"%s\")",
                                  json_text(rights, "configure"), json_text(rights, "write"),
                                  json_text(rights, "read")) < 0))
            return -ENOMEM;
    }
    return action_result_text(action, name, text.len ? buf_str(&text) : "nothing");
}

static int run_list(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv words = STRV_INIT, names = STRV_INIT;
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_free_ char *joined = NULL;
    const char *name;
    json_t *list;
    int r;

    if (strv_add_all(&words, (const char *[]){"rabbit-user", "list", "--format=json", "--admin=-",
                                              NULL}) < 0)
        return error_oom(err);
    r = rabbit_user(action, &words, &answer, err);
    if (r < 0)
        return r;
    json_object_foreach (answer, name, list) {
        _cleanup_free_ char *key = str_format("user-%s", name);

        if (!key || put_user(action, key, list) < 0 || strv_add(&names, name) < 0)
            return error_oom(err);
    }
    strv_sort(&names);
    joined = strv_join(&names, " ");
    return !joined || action_result_text(action, "users", joined) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_list_rabbit_users = {.name = "list-rabbit-users",
                                                           .run = run_list};
