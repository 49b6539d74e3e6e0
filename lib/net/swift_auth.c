// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include "data/json.h"

#define CATALOG_MAX ((size_t)4 * 1024 * 1024)
#define TEMPAUTH_ANSWER_MAX ((size_t)64 * 1024)

void swift_forget_token(struct swift *swift)
{
    if (swift->token)
        explicit_bzero(swift->token, strlen(swift->token));
    free(swift->token);
    free(swift->storage_url);
    swift->token = swift->storage_url = NULL;
}

int swift_transfer_error(int r)
{
    switch (r) {
    case -ETIMEDOUT:
    case -ECONNREFUSED:
    case -ECONNRESET:
    case -EHOSTUNREACH:
    case -EPROTO:
        return -EAGAIN;
    default:
        return r;
    }
}

static int accept_token(struct swift *swift, const char *token, const char *storage_url,
                        struct error *err)
{
    size_t len = strlen(storage_url);

    if (str_empty(token) || str_has_control(token))
        return error_set(err, -EIO, "the answer has no token");
    if ((!str_starts_with(storage_url, "http://") && !str_starts_with(storage_url, "https://")) ||
        str_has_control(storage_url) || strchr(storage_url, ' '))
        return error_set(err, -EIO, "the storage URL it gives is none: %s", storage_url);
    while (len > 0 && storage_url[len - 1] == '/')
        len--;
    swift_forget_token(swift);
    swift->token = strdup(token);
    swift->storage_url = strndup(storage_url, len);
    if (!swift->token || !swift->storage_url) {
        swift_forget_token(swift);
        return error_oom(err);
    }
    return 0;
}

static int auth_status(const struct swift *swift, long status, struct error *err)
{
    if (status >= 200 && status < 300)
        return 0;
    if (status == 401 || status == 403)
        return error_set(err, -EACCES, "user %s or the password is refused (HTTP status %ld)",
                         swift->settings.username, status);
    if (status == 408 || status == 429 || status >= 498)
        return error_set(err, -EAGAIN, "HTTP status %ld", status);
    return error_set(err, -EIO, "HTTP status %ld, is this the authentication URL?", status);
}

static void wipe(struct strv *secret)
{
    for (size_t i = 0; i < secret->len; i++)
        explicit_bzero(secret->items[i], strlen(secret->items[i]));
    strv_release(secret);
}

static int tempauth(struct swift *swift, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(TEMPAUTH_ANSWER_MAX);
    _cleanup_(wipe) struct strv headers = STRV_INIT;
    struct http_request request = {
        .url = swift->settings.auth_url, .headers = &headers, .retries = swift->retries};
    const char *token, *storage_url;
    int r;

    if (strv_addf(&headers, "X-Auth-User: %s", swift->settings.username) < 0 ||
        strv_addf(&headers, "X-Auth-Key: %s", swift->settings.password) < 0)
        return error_oom(err);
    r = http_perform(swift->http, &request, &answer, err);
    if (r < 0)
        return swift_transfer_error(r);
    r = auth_status(swift, answer.status, err);
    if (r < 0)
        return r;
    token = http_response_header(&answer, "x-auth-token");
    storage_url = http_response_header(&answer, "x-storage-url");
    if (!token || !storage_url)
        return error_set(err, -EIO, "the answer has no token or storage URL");
    return accept_token(swift, token, storage_url, err);
}

// ---------------------------------------------------------------- Keystone

static json_t *domain(const char *name)
{
    return json_pack("{s:s}", "name", str_empty(name) ? "Default" : name);
}

// The body of POST /v3/auth/tokens (Identity API v3, "Password authentication with scoped
// authorization").
static int keystone_request(const struct swift_settings *s, struct buf *body, struct error *err)
{
    _cleanup_json_ json_t *user = json_pack("{s:s, s:s, s:o}", "name", s->username, "password",
                                            s->password, "domain", domain(s->user_domain_name));
    _cleanup_json_ json_t *document =
        json_pack("{s:{s:{s:[s], s:{s:O}}, s:{s:{s:s, s:o}}}}", "auth", "identity", "methods",
                  "password", "password", "user", user, "scope", "project", "name",
                  s->project_name ? s->project_name : "", "domain", domain(s->project_domain_name));

    if (!user || !document)
        return error_set(err, -EINVAL,
                         "user, password and project of the store must be UTF-8 text");
    return json_write(document, body) < 0 ? error_oom(err) : 0;
}

// NULL when it is not for everybody.
static const char *public_region(const json_t *endpoint)
{
    const char *name = json_string_value(json_object_get(endpoint, "region_id"));

    if (!str_equal(json_string_value(json_object_get(endpoint, "interface")), "public"))
        return NULL;
    if (!name)
        name = json_string_value(json_object_get(endpoint, "region"));
    return name ? name : "";
}

// The address in `region` (empty: in the first), NULL when there is none; all regions by the way.
static const char *find_endpoint(const json_t *endpoints, const char *region, struct strv *regions,
                                 int *ret_r)
{
    const char *url = NULL;
    const json_t *endpoint;
    size_t i;

    json_array_foreach (endpoints, i, endpoint) {
        const char *name = public_region(endpoint);

        if (!name)
            continue;
        if (!url && (str_empty(region) || str_equal(name, region)))
            url = json_string_value(json_object_get(endpoint, "url"));
        if (!strv_contains(regions, name) && strv_add(regions, name) < 0)
            *ret_r = -ENOMEM;
    }
    return url;
}

static int no_endpoint(const char *region, const struct strv *regions, struct error *err)
{
    _cleanup_free_ char *joined = strv_join(regions, ", ");

    if (!joined)
        return error_oom(err);
    if (regions->len == 0 || str_empty(region))
        return error_set(err, -ENOENT, "the catalog has no public object store");
    return error_set(err, -ENOENT,
                     "the catalog has no public object store in region %s, only in %s", region,
                     joined);
}

int swift_catalog_find(const char *text, size_t len, const char *region, char **ret,
                       struct error *err)
{
    _cleanup_json_ json_t *document = NULL;
    _cleanup_strv_ struct strv regions = STRV_INIT;
    const json_t *catalog, *service;
    const char *url = NULL;
    int r = 0;
    size_t i;

    if (json_parse(text, len, "token", &document, err) < 0)
        return -EIO;
    catalog = json_object_get(json_object_get(document, "token"), "catalog");
    if (!json_is_array(catalog))
        return error_set(err, -EIO, "the token has no catalog of services");
    json_array_foreach (catalog, i, service) {
        if (url || !str_equal(json_string_value(json_object_get(service, "type")), "object-store"))
            continue;
        url = find_endpoint(json_object_get(service, "endpoints"), region, &regions, &r);
    }
    if (r < 0)
        return error_oom(err);
    if (!url)
        return no_endpoint(region, &regions, err);
    *ret = strdup(url);
    return *ret ? 0 : error_oom(err);
}

static int keystone(struct swift *swift, struct error *err)
{
    const struct swift_settings *s = &swift->settings;
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(CATALOG_MAX);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *url = NULL, *storage_url = NULL;
    struct http_request request = {
        .method = "POST", .headers = &headers, .retries = swift->retries, .repeatable = true};
    const char *token;
    int r;

    url = str_format("%s%sauth/tokens", s->auth_url, str_ends_with(s->auth_url, "/") ? "" : "/");
    if (!url || strv_add(&headers, "Content-Type: application/json") < 0)
        return error_oom(err);
    r = keystone_request(s, &body, err);
    if (r < 0)
        return r;
    request.url = url;
    request.body = buf_str(&body);
    request.body_len = body.len;
    r = http_perform(swift->http, &request, &answer, err);
    explicit_bzero(body.data, body.len);
    if (r < 0)
        return swift_transfer_error(r);
    r = auth_status(swift, answer.status, err);
    if (r < 0)
        return r;
    token = http_response_header(&answer, "x-subject-token");
    r = swift_catalog_find(buf_str(&answer.body), answer.body.len, s->region, &storage_url, err);
    if (r < 0)
        return r == -ENOENT ? -ENXIO : r;
    return accept_token(swift, token, storage_url, err);
}

static bool is_keystone(const char *auth_url)
{
    return str_ends_with(auth_url, "/v3") || str_ends_with(auth_url, "/v3/");
}

int swift_authenticate(struct swift *swift, struct error *err)
{
    _cleanup_free_ char *url = http_printable_url(swift->settings.auth_url);
    int r = is_keystone(swift->settings.auth_url) ? keystone(swift, err) : tempauth(swift, err);

    return r < 0 ? error_prefix(err, r, "no access to the store by %s", url ? url : "its address")
                 : 0;
}
