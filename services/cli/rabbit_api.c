// SPDX-License-Identifier: GPL-3.0-only
#include "cli/rabbit_api.h"

#include "base/clock.h"
#include "data/json.h"
#include "net/http.h"

#include <openssl/evp.h>

#define ANSWER_MAX ((size_t)32 * 1024 * 1024)
#define PORT 15672

struct rabbit_api {
    struct http_client *http;
    struct strv hosts;
    int64_t port;
    char *user;
    struct strv headers; // with the password
    size_t at;           // the host that answered last
};

void rabbit_api_free(struct rabbit_api *api)
{
    for (size_t i = 0; i < api->headers.len; i++)
        explicit_bzero(api->headers.items[i], strlen(api->headers.items[i]));
    if (api->http)
        http_client_free(api->http);
    strv_release(&api->hosts);
    strv_release(&api->headers);
    free(api->user);
    free(api);
}

static int add_login(struct rabbit_api *api, const char *password)
{
    _cleanup_free_ char *plain = str_format("%s:%s", api->user, password);
    size_t len = plain ? strlen(plain) : 0;
    _cleanup_free_ char *encoded = malloc(4 * ((len + 2) / 3) + 1);
    int r;

    if (!plain || !encoded)
        return -ENOMEM;
    (void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain, (int)len);
    r = strv_addf(&api->headers, "Authorization: Basic %s", encoded);
    explicit_bzero(plain, len);
    explicit_bzero(encoded, strlen(encoded));
    return r < 0 ? r : strv_add(&api->headers, "Content-Type: application/json");
}

int rabbit_api_new(const json_t *admin, struct rabbit_api **ret, struct error *err)
{
    _cleanup_(rabbit_api_freep) struct rabbit_api *api = calloc(1, sizeof(*api));
    const char *password = NULL;

    if (!api)
        return error_oom(err);
    api->port = PORT;
    if (json_get_optional_strv(admin, "hosts", &api->hosts, err) < 0 ||
        json_copy_string(admin, "user", &api->user, err) < 0 ||
        json_get_string(admin, "password", &password, err) < 0 ||
        json_get_optional_int(admin, "port", &api->port, err) < 0)
        return error_prefix(err, -EBADMSG, "--admin");
    if (api->hosts.len == 0 || api->port < 1 || api->port > 65535)
        return error_set(err, -EBADMSG, "--admin: expected hosts, and a port from 1 to 65535");
    // The broker is a neighbour: a proxy for the outside does not know it.
    if (setenv("no_proxy", "*", 1) < 0 || add_login(api, password) < 0)
        return error_oom(err);
    if (http_client_new("autopkgtest-cloud", &api->http, err) < 0)
        return -EIO;
    *ret = TAKE_PTR(api);
    return 0;
}

// ---------------------------------------------------------------- calls

static int check_status(const struct rabbit_api *api, const struct http_response *response,
                        struct error *err)
{
    if (response->status == 401)
        return error_set(err, -EACCES,
                         "the broker does not know the administrator %s, or not with "
                         "this password",
                         api->user);
    if (response->status == 403)
        return error_set(err, -EACCES, "%s is no administrator of the broker", api->user);
    return 0;
}

static bool is_away(int r)
{
    return r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EHOSTUNREACH || r == -ECONNRESET;
}

// One call, at the first host that answers. Any status but 401 and 403 is success.
static int call(struct rabbit_api *api, const char *method, const char *path, const json_t *body,
                struct http_response *response, struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(ANSWER_MAX);
    int r = body && json_write(body, &text) < 0 ? -ENOMEM : -EHOSTUNREACH;

    if (r == -ENOMEM)
        return error_oom(err);
    for (size_t tried = 0; is_away(r) && tried < api->hosts.len; tried++) {
        const char *host = api->hosts.items[api->at];
        bool bare6 = strchr(host, ':') && host[0] != '[';
        _cleanup_free_ char *url = str_format("http://%s%s%s:%lld/api%s", bare6 ? "[" : "", host,
                                              bare6 ? "]" : "", (long long)api->port, path);
        const struct http_request request = {.method = method,
                                             .url = url,
                                             .headers = &api->headers,
                                             .body = body ? buf_str(&text) : NULL,
                                             .body_len = text.len,
                                             .connect_timeout_us = 5 * USEC_PER_SEC,
                                             .idle_timeout_us = 20 * USEC_PER_SEC};

        error_clear(err);
        r = url ? http_perform(api->http, &request, response, err) : error_oom(err);
        if (is_away(r))
            api->at = (api->at + 1) % api->hosts.len;
    }
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    if (is_away(r))
        return error_prefix(err, r, "the broker's management API");
    return r < 0 ? r : check_status(api, response, err);
}

static int unexpected(const struct http_response *response, const char *what, struct error *err)
{
    _cleanup_json_ json_t *answer = NULL;
    const char *reason = "";

    if (json_parse(buf_str(&response->body), response->body.len, "answer", &answer, NULL) == 0)
        reason = json_text(answer, "reason");
    return error_set(err, response->status == 400 ? -EBADMSG : -EIO, "%s: status %ld%s%s", what,
                     response->status, *reason ? ": " : "", reason);
}

static char *path_of(const char *kind, const char *a, const char *b)
{
    _cleanup_free_ char *one = http_escape(a, false);
    _cleanup_free_ char *two = http_escape(b ? b : "", false);

    return one && two ? str_format("/%s/%s%s%s", kind, one, b ? "/" : "", two) : NULL;
}

// GET of a thing. *ret stays NULL where there is none.
static int get(struct rabbit_api *api, const char *path, json_t **ret, struct error *err)
{
    struct http_response response = HTTP_RESPONSE_INIT(ANSWER_MAX);
    int r = path ? call(api, "GET", path, NULL, &response, err) : error_oom(err);

    if (r == 0 && response.status == 200)
        r = json_parse(buf_str(&response.body), response.body.len, "the broker's answer", ret, err);
    else if (r == 0 && response.status != 404)
        r = unexpected(&response, path, err);
    http_response_release(&response);
    return r;
}

static int change(struct rabbit_api *api, const char *method, const char *path, const json_t *body,
                  const char *what, struct error *err)
{
    struct http_response response = HTTP_RESPONSE_INIT(ANSWER_MAX);
    int r = path ? call(api, method, path, body, &response, err) : error_oom(err);

    if (r == 0 && (response.status < 200 || response.status > 299))
        r = unexpected(&response, what, err);
    http_response_release(&response);
    return r;
}

// ---------------------------------------------------------------- users

// A text with commas up to RabbitMQ 3.8, a list from 3.9 on.
static bool has_mark(const json_t *user)
{
    const json_t *tags = json_object_get(user, "tags");
    _cleanup_strv_ struct strv words = STRV_INIT;
    const json_t *tag;
    size_t i;

    if (json_is_string(tags) && strv_split(&words, json_string_value(tags), ", ") < 0)
        return false;
    json_array_foreach (tags, i, tag)
        if (str_equal(json_string_value(tag), RABBIT_MARK))
            return true;
    return strv_contains(&words, RABBIT_MARK);
}

int rabbit_api_check_ours(struct rabbit_api *api, const char *user, bool *ret_exists,
                          struct error *err)
{
    _cleanup_free_ char *path = path_of("users", user, NULL);
    _cleanup_json_ json_t *found = NULL;
    int r = get(api, path, &found, err);

    if (r < 0)
        return r;
    if (found && !has_mark(found))
        return error_set(err, -EPERM,
                         "the broker's user %s was not made by this system and stays as it is; "
                         "choose another name",
                         user);
    if (ret_exists)
        *ret_exists = found != NULL;
    return 0;
}

static int check_vhost(struct rabbit_api *api, const char *vhost, struct error *err)
{
    _cleanup_free_ char *path = path_of("vhosts", vhost, NULL);
    _cleanup_json_ json_t *found = NULL;
    int r = get(api, path, &found, err);

    if (r < 0 || found)
        return r;
    return error_set(err, -EBADMSG, "the broker has no vhost \"%s\"", vhost);
}

int rabbit_api_put_user(struct rabbit_api *api, const char *user, const char *password,
                        const struct rabbit_permissions *permissions, struct error *err)
{
    _cleanup_free_ char *user_path = path_of("users", user, NULL);
    _cleanup_free_ char *rights_path = path_of("permissions", permissions->vhost, user);
    _cleanup_json_ json_t *account =
        json_pack("{s:s, s:s}", "password", password, "tags", RABBIT_MARK);
    _cleanup_json_ json_t *rights =
        json_pack("{s:s, s:s, s:s}", "configure", permissions->configure, "write",
                  permissions->write, "read", permissions->read);
    bool existed = false;
    int r;

    if (!account || !rights)
        return error_oom(err);
    if ((r = rabbit_api_check_ours(api, user, &existed, err)) < 0 ||
        (r = check_vhost(api, permissions->vhost, err)) < 0 ||
        (r = change(api, "PUT", user_path, account, "making the user", err)) < 0)
        return r;
    r = change(api, "PUT", rights_path, rights, "setting the permissions", err);
    if (r < 0 && !existed) // nothing is left of one that was not completed
        (void)change(api, "DELETE", user_path, NULL, "", NULL);
    return r;
}

int rabbit_api_delete_user(struct rabbit_api *api, const char *user, struct error *err)
{
    _cleanup_free_ char *path = path_of("users", user, NULL);
    bool exists = false;
    int r = rabbit_api_check_ours(api, user, &exists, err);

    if (r < 0)
        return r;
    if (!exists)
        return error_set(err, -EBADMSG, "the broker has no user %s", user);
    return change(api, "DELETE", path, NULL, "removing the user", err);
}

// ---------------------------------------------------------------- list

static int add_rights(json_t *ret, const json_t *rights)
{
    json_t *list = json_object_get(ret, json_text(rights, "user"));

    if (!list)
        return 0; // another's
    return json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:s}", "vhost", json_text(rights, "vhost"), "configure",
                        json_text(rights, "configure"), "write", json_text(rights, "write"), "read",
                        json_text(rights, "read")));
}

int rabbit_api_list(struct rabbit_api *api, json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *users = NULL, *rights = NULL, *list = json_object();
    const json_t *one;
    size_t i;
    int r;

    if (!list)
        return error_oom(err);
    if ((r = get(api, "/users", &users, err)) < 0 ||
        (r = get(api, "/permissions", &rights, err)) < 0)
        return r;
    json_array_foreach (users, i, one)
        if (has_mark(one) && json_put(list, json_text(one, "name"), json_array()) < 0)
            return error_oom(err);
    json_array_foreach (rights, i, one)
        if (add_rights(list, one) < 0)
            return error_oom(err);
    *ret = TAKE_PTR(list);
    return 0;
}
