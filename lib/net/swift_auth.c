// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include "data/json.h"
#include "net/keystone.h"

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

// A token and the address of the storage, as far as they can be any.
static int check_token(const char *token, const char *storage_url, char **ret_token,
                       char **ret_storage_url, struct error *err)
{
    size_t len = strlen(storage_url);

    if (str_empty(token) || str_has_control(token))
        return error_set(err, -EIO, "the answer has no token");
    if ((!str_starts_with(storage_url, "http://") && !str_starts_with(storage_url, "https://")) ||
        str_has_control(storage_url) || strchr(storage_url, ' '))
        return error_set(err, -EIO, "the storage URL it gives is none: %s", storage_url);
    while (len > 0 && storage_url[len - 1] == '/')
        len--;
    *ret_token = strdup(token);
    *ret_storage_url = strndup(storage_url, len);
    if (*ret_token && *ret_storage_url)
        return 0;
    free(TAKE_PTR(*ret_token));
    free(TAKE_PTR(*ret_storage_url));
    return error_oom(err);
}

static void wipe(struct strv *secret)
{
    for (size_t i = 0; i < secret->len; i++)
        explicit_bzero(secret->items[i], strlen(secret->items[i]));
    strv_release(secret);
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

static struct keystone_account account_of(const struct swift_settings *s)
{
    return (struct keystone_account){.auth_url = s->auth_url,
                                     .username = s->username,
                                     .password = s->password,
                                     .user_domain_name = s->user_domain_name,
                                     .project_name = s->project_name,
                                     .project_domain_name = s->project_domain_name};
}

static bool is_keystone(const char *auth_url)
{
    return str_ends_with(auth_url, "/v3") || str_ends_with(auth_url, "/v3/");
}

// ---------------------------------------------------------------- in two halves

int swift_auth_ask(const struct swift_settings *s, struct swift_question *ret, struct error *err)
{
    const struct keystone_account account = account_of(s);
    struct swift_question q = {0};

    if (is_keystone(s->auth_url))
        return keystone_ask(&account, &ret->keystone, err);
    q.tempauth_url = strdup(s->auth_url);
    if (!q.tempauth_url || strv_addf(&q.headers, "X-Auth-User: %s", s->username) < 0 ||
        strv_addf(&q.headers, "X-Auth-Key: %s", s->password) < 0) {
        swift_question_release(&q);
        return error_oom(err);
    }
    *ret = q;
    return 0;
}

struct http_request swift_auth_request(const struct swift_question *q)
{
    return q->tempauth_url ? (struct http_request){.url = q->tempauth_url, .headers = &q->headers}
                           : keystone_request(&q->keystone);
}

void swift_question_release(struct swift_question *q)
{
    free(q->tempauth_url);
    wipe(&q->headers);
    keystone_question_release(&q->keystone);
    *q = (struct swift_question){0};
}

static int take_tempauth(const struct swift_settings *s, const struct http_response *answer,
                         char **ret_token, char **ret_storage_url, struct error *err)
{
    const char *token, *storage_url;
    int r = keystone_status(s->username, answer->status, err);

    if (r < 0)
        return r;
    token = http_response_header(answer, "x-auth-token");
    storage_url = http_response_header(answer, "x-storage-url");
    if (!token || !storage_url)
        return error_set(err, -EIO, "the answer has no token or storage URL");
    return check_token(token, storage_url, ret_token, ret_storage_url, err);
}

static int take_keystone(const struct swift_settings *s, const struct http_response *answer,
                         char **ret_token, char **ret_storage_url, struct error *err)
{
    const struct keystone_account account = account_of(s);
    _cleanup_json_ json_t *catalog = NULL;
    _cleanup_free_ char *token = NULL, *storage_url = NULL;
    int r = keystone_take(&account, answer, &token, &catalog, err);

    if (r < 0)
        return r;
    r = keystone_endpoint(catalog, "object-store", "object store", "public", s->region,
                          &storage_url, err);
    if (r >= 0)
        r = check_token(token, storage_url, ret_token, ret_storage_url, err);
    explicit_bzero(token, strlen(token));
    return r == -ENOENT ? -ENXIO : r;
}

int swift_auth_take(const struct swift_settings *s, const struct http_response *answer,
                    char **ret_token, char **ret_storage_url, struct error *err)
{
    return is_keystone(s->auth_url) ? take_keystone(s, answer, ret_token, ret_storage_url, err)
                                    : take_tempauth(s, answer, ret_token, ret_storage_url, err);
}

int swift_auth_failed(const struct swift_settings *s, int r, struct error *err)
{
    _cleanup_free_ char *url = http_printable_url(s->auth_url);

    return error_prefix(err, r, "no access to the store by %s", url ? url : "its address");
}

int swift_authenticate(struct swift *swift, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(KEYSTONE_ANSWER_MAX);
    _cleanup_(swift_question_release) struct swift_question question = {0};
    struct http_request request;
    char *token = NULL, *storage_url = NULL;
    int r = swift_auth_ask(&swift->settings, &question, err);

    if (r == 0) {
        request = swift_auth_request(&question);
        request.retries = swift->retries;
        r = swift_transfer_error(http_perform(swift->http, &request, &answer, err));
    }
    if (r == 0)
        r = swift_auth_take(&swift->settings, &answer, &token, &storage_url, err);
    if (r < 0)
        return swift_auth_failed(&swift->settings, r, err);
    swift_forget_token(swift);
    swift->token = token;
    swift->storage_url = storage_url;
    return 0;
}
