// SPDX-License-Identifier: GPL-3.0-only
#include "adt/request.h"

#include "adt/names.h"
#include "base/clock.h"
#include "base/parse.h"

#include <sys/random.h>

// Where the package ends and the JSON begins: at the newline, or at the blank of a one-line body.
static int split_body(const char *body, size_t len, char **ret_package, const char **ret_json,
                      size_t *ret_json_len, struct error *err)
{
    size_t name_len = 0, rest;

    while (name_len < len && body[name_len] != '\n' && body[name_len] != ' ')
        name_len++;
    rest = name_len < len ? name_len + 1 : len;
    *ret_json = body + rest;
    *ret_json_len = len - rest;
    if (memchr(body, '\0', name_len))
        return error_set(err, -EBADMSG, "package name: contains a NUL byte");
    *ret_package = strndup(body, name_len);
    if (!*ret_package)
        return error_oom(err);
    if (!name_is_package(*ret_package)) {
        int r = error_set(err, -EBADMSG,
                          "package name: expected a letter or digit, then letters, digits and "
                          "any of .+-, got \"%.100s\"",
                          *ret_package);

        free(*ret_package);
        *ret_package = NULL;
        return r;
    }
    return 0;
}

static bool only_blanks(const char *s, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (!strchr(" \t\r\n", s[i]) || !s[i])
            return false;
    return true;
}

static int get_text(const json_t *params, const char *key, char **ret, struct error *err)
{
    return json_copy_optional_string(params, key, NULL, ret, err);
}

// `readable-by` is a name or a list of names.
static int get_readers(const json_t *params, struct strv *ret, struct error *err)
{
    const json_t *value = json_object_get(params, "readable-by");

    if (json_is_string(value))
        return strv_add(ret, json_string_value(value)) < 0 ? error_oom(err) : 0;
    return json_get_optional_strv(params, "readable-by", ret, err);
}

static int check_ppas(const struct strv *ppas, struct error *err)
{
    STRV_FOREACH (ppa, ppas) {
        _cleanup_free_ char *user = NULL, *name = NULL;
        int r = request_ppa_name(ppa, &user, &name, err);

        if (r < 0)
            return error_prefix(err, r, "ppas");
    }
    return 0;
}

static int check_env(const struct strv *env, struct error *err)
{
    STRV_FOREACH (assignment, env)
        if (assignment[0] == '=' || !strchr(assignment, '='))
            return error_set(err, -EBADMSG, "env: expected VAR=value, got \"%.100s\"", assignment);
    return 0;
}

static int check_triggers(const struct strv *triggers, struct error *err)
{
    STRV_FOREACH (trigger, triggers) {
        const char *slash = strchr(trigger, '/');

        if (!slash || slash == trigger || !slash[1] || strpbrk(trigger, " \t\r\n,"))
            return error_set(err, -EBADMSG, "triggers: expected source/version, got \"%.100s\"",
                             trigger);
    }
    return 0;
}

static int read_lists(struct request *q, struct error *err)
{
    int r;

    if ((r = json_get_optional_strv(q->params, "triggers", &q->triggers, err)) < 0 ||
        (r = json_get_optional_strv(q->params, "ppas", &q->ppas, err)) < 0 ||
        (r = json_get_optional_strv(q->params, "env", &q->env, err)) < 0 ||
        (r = get_readers(q->params, &q->readable_by, err)) < 0)
        return r;
    if ((r = check_triggers(&q->triggers, err)) < 0 || (r = check_env(&q->env, err)) < 0)
        return r;
    return check_ppas(&q->ppas, err);
}

static int read_params(struct request *q, struct error *err)
{
    int r;

    if ((r = read_lists(q, err)) < 0 ||
        (r = get_text(q->params, "test-git", &q->test_git, err)) < 0 ||
        (r = get_text(q->params, "build-git", &q->build_git, err)) < 0 ||
        (r = get_text(q->params, "test-bzr", &q->test_bzr, err)) < 0 ||
        (r = get_text(q->params, "testname", &q->testname, err)) < 0 ||
        (r = get_text(q->params, "swiftuser", &q->swiftuser, err)) < 0 ||
        (r = get_text(q->params, "requester", &q->requester, err)) < 0 ||
        (r = get_text(q->params, "submit-time", &q->submit_time, err)) < 0 ||
        (r = get_text(q->params, "uuid", &q->uuid, err)) < 0)
        return r;
    q->all_proposed = json_object_get(q->params, "all-proposed") != NULL;
    return 0;
}

int request_parse(const char *body, size_t len, struct request *ret, struct error *err)
{
    struct request q = REQUEST_INIT;
    const char *json = NULL;
    size_t json_len = 0;
    int r;

    if (len > REQUEST_BODY_MAX)
        return error_set(err, -EBADMSG, "request: longer than %zu bytes", REQUEST_BODY_MAX);
    r = split_body(body, len, &q.package, &json, &json_len, err);
    if (r < 0)
        return r;
    if (only_blanks(json, json_len)) {
        q.params = json_object();
        r = q.params ? 0 : error_oom(err);
    } else {
        r = json_parse(json, json_len, "parameters", &q.params, err);
    }
    if (r == 0 && !json_is_object(q.params))
        r = error_set(err, -EBADMSG, "parameters: expected an object, got %s",
                      json_type_name(q.params));
    if (r == 0)
        r = read_params(&q, err);
    if (r < 0 && r != -ENOMEM) {
        // Whoever waits for this package learns of it by a result: keep the name, drop the rest.
        char *package = TAKE_PTR(q.package);

        request_release(&q);
        q.package = package;
        q.params = json_object();
        r = -EBADMSG;
    } else if (r < 0) {
        request_release(&q);
        return r;
    }
    *ret = q;
    return r;
}

static int put_list(json_t *params, const char *key, const struct strv *list)
{
    json_t *array;

    if (list->len == 0)
        return 0;
    array = json_array();
    if (!array)
        return -ENOMEM;
    STRV_FOREACH (item, list)
        if (json_array_append_new(array, json_string(item)) < 0) {
            json_decref(array);
            return -ENOMEM;
        }
    return json_put(params, key, array);
}

static int put_members(const struct request *q, json_t *params)
{
    if (put_list(params, "triggers", &q->triggers) < 0 || put_list(params, "ppas", &q->ppas) < 0 ||
        put_list(params, "env", &q->env) < 0 ||
        put_list(params, "readable-by", &q->readable_by) < 0 ||
        json_put_string(params, "test-git", q->test_git) < 0 ||
        json_put_string(params, "build-git", q->build_git) < 0 ||
        json_put_string(params, "test-bzr", q->test_bzr) < 0 ||
        json_put_string(params, "testname", q->testname) < 0 ||
        json_put_string(params, "swiftuser", q->swiftuser) < 0 ||
        json_put_string(params, "requester", q->requester) < 0 ||
        json_put_string(params, "submit-time", q->submit_time) < 0 ||
        json_put_string(params, "uuid", q->uuid) < 0)
        return -ENOMEM;
    if (q->all_proposed && !json_object_get(params, "all-proposed"))
        return json_put_int(params, "all-proposed", 1);
    return 0;
}

int request_format(const struct request *request, struct buf *body, struct error *err)
{
    _cleanup_json_ json_t *params = request->params ? json_copy(request->params) : json_object();
    int r;

    if (!params || put_members(request, params) < 0)
        return error_oom(err);
    if ((r = buf_add_str(body, request->package)) < 0 || (r = buf_add_char(body, '\n')) < 0 ||
        (r = json_write(params, body)) < 0)
        return error_set(err, r, "request: too long");
    return 0;
}

// Version 4 of RFC 9562.
static char *uuid_new(void)
{
    unsigned char b[16];
    char hex[2 * sizeof(b) + 1];

    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
        return NULL;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    hex_encode(b, sizeof(b), hex);
    return str_format("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int request_complete(struct request *request, struct error *err)
{
    if (!request->params && !(request->params = json_object()))
        return error_oom(err);
    if (!request->uuid && !(request->uuid = uuid_new()))
        return error_oom(err);
    if (!request->submit_time) {
        int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC);

        request->submit_time = clock_format_utc(now, "%Y-%m-%d %H:%M:%S+00:00");
        if (!request->submit_time)
            return error_oom(err);
    }
    return put_members(request, request->params) < 0 ? error_oom(err) : 0;
}

bool request_is_private(const struct request *request)
{
    if (request->swiftuser || json_object_get(request->params, "swiftuser"))
        return true;
    STRV_FOREACH (ppa, &request->ppas)
        if (strchr(ppa, '@'))
            return true;
    return false;
}

int request_ppa_name(const char *ppa, char **ret_user, char **ret_name, struct error *err)
{
    const char *at = strrchr(ppa, '@');
    const char *user = at ? at + 1 : ppa;
    const char *slash = strchr(user, '/');
    size_t name_len = slash ? strcspn(slash + 1, ":") : 0;
    _cleanup_free_ char *u = NULL, *n = NULL;

    if (!slash || slash == user || name_len == 0)
        goto invalid;
    u = strndup(user, (size_t)(slash - user));
    n = strndup(slash + 1, name_len);
    if (!u || !n)
        return error_oom(err);
    if (!name_is_package(u) || !name_is_package(n))
        goto invalid;
    *ret_user = TAKE_PTR(u);
    *ret_name = TAKE_PTR(n);
    return 0;
invalid:
    // What stands before the '@' is a secret.
    return error_set(err, -EBADMSG,
                     "expected [user:token@]lpuser/name[:fingerprint], got \"%s%.100s\"",
                     at ? "…@" : "", user);
}

int request_container(const struct request *request, const char *release, char **ret,
                      struct error *err)
{
    const char *prefix = request_is_private(request) ? "private-" : "";
    _cleanup_free_ char *user = NULL, *name = NULL;
    char *container;
    int r;

    if (request->ppas.len == 0) {
        container = str_format("%sautopkgtest-%s", prefix, release);
    } else {
        r = request_ppa_name(request->ppas.items[request->ppas.len - 1], &user, &name, err);
        if (r < 0)
            return r;
        container = str_format("%sautopkgtest-%s-%s-%s", prefix, release, user, name);
    }
    if (!container)
        return error_oom(err);
    *ret = container;
    return 0;
}

char *request_read_acl(const struct request *request)
{
    if (!request_is_private(request))
        return strdup(".r:*,.rlistings");
    return request->swiftuser ? str_format("*:%s", request->swiftuser) : strdup("");
}

void request_release(struct request *request)
{
    free(request->package);
    strv_release(&request->triggers);
    strv_release(&request->ppas);
    strv_release(&request->env);
    free(request->test_git);
    free(request->build_git);
    free(request->test_bzr);
    free(request->testname);
    free(request->swiftuser);
    strv_release(&request->readable_by);
    free(request->requester);
    free(request->submit_time);
    free(request->uuid);
    json_decref(request->params);
    *request = (struct request)REQUEST_INIT;
}
