// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include "data/json.h"
#include "net/keystone.h"

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
    return keystone_transfer_error(r);
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
    r = keystone_status(swift->settings.username, answer.status, err);
    if (r < 0)
        return r;
    token = http_response_header(&answer, "x-auth-token");
    storage_url = http_response_header(&answer, "x-storage-url");
    if (!token || !storage_url)
        return error_set(err, -EIO, "the answer has no token or storage URL");
    return accept_token(swift, token, storage_url, err);
}

// ---------------------------------------------------------------- Keystone

int swift_catalog_find(const char *text, size_t len, const char *region, char **ret,
                       struct error *err)
{
    _cleanup_json_ json_t *catalog = NULL;
    int r = keystone_parse_catalog(text, len, &catalog, err);

    return r < 0 ? r
                 : keystone_endpoint(catalog, "object-store", "object store", "public", region, ret,
                                     err);
}

static int keystone(struct swift *swift, struct error *err)
{
    const struct swift_settings *s = &swift->settings;
    const struct keystone_account account = {.auth_url = s->auth_url,
                                             .username = s->username,
                                             .password = s->password,
                                             .user_domain_name = s->user_domain_name,
                                             .project_name = s->project_name,
                                             .project_domain_name = s->project_domain_name,
                                             .retries = swift->retries};
    _cleanup_json_ json_t *catalog = NULL;
    _cleanup_free_ char *token = NULL, *storage_url = NULL;
    int r = keystone_authenticate(swift->http, &account, &token, &catalog, err);

    if (r < 0)
        return r;
    r = keystone_endpoint(catalog, "object-store", "object store", "public", s->region,
                          &storage_url, err);
    if (r >= 0)
        r = accept_token(swift, token, storage_url, err);
    explicit_bzero(token, strlen(token));
    return r == -ENOENT ? -ENXIO : r;
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
