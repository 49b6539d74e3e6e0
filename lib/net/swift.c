// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include "data/json.h"

#define LISTING_MAX ((size_t)32 * 1024 * 1024)

static int copy_string(const char *from, char **to)
{
    if (!from)
        return 0;
    *to = strdup(from);
    return *to ? 0 : -ENOMEM;
}

int swift_settings_copy(const struct swift_settings *from, struct swift_settings *to)
{
    if (copy_string(from->auth_url, &to->auth_url) < 0 ||
        copy_string(from->username, &to->username) < 0 ||
        copy_string(from->password, &to->password) < 0 ||
        copy_string(from->project_name, &to->project_name) < 0 ||
        copy_string(from->project_domain_name, &to->project_domain_name) < 0 ||
        copy_string(from->user_domain_name, &to->user_domain_name) < 0 ||
        copy_string(from->region, &to->region) < 0)
        return -ENOMEM;
    return 0;
}

int swift_new(const struct swift_settings *settings, struct swift **ret, struct error *err)
{
    _cleanup_(swift_freep) struct swift *swift = NULL;
    int r;

    if (str_empty(settings->auth_url) || str_empty(settings->username) || !settings->password)
        return error_set(err, -EINVAL,
                         "the store needs an authentication URL, a user and a password");
    swift = calloc(1, sizeof(*swift));
    if (!swift || swift_settings_copy(settings, &swift->settings) < 0)
        return error_oom(err);
    swift->retries = SWIFT_RETRIES;
    r = http_client_new("autopkgtest-cloud/" VERSION, &swift->http, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(swift);
    return 0;
}

int swift_new_anonymous(const char *storage_url, struct swift **ret, struct error *err)
{
    _cleanup_(swift_freep) struct swift *swift = calloc(1, sizeof(*swift));
    int r;

    if (!swift || !(swift->storage_url = strdup(storage_url)))
        return error_oom(err);
    swift->anonymous = true;
    swift->retries = SWIFT_RETRIES;
    r = http_client_new("autopkgtest-cloud/" VERSION, &swift->http, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(swift);
    return 0;
}

void swift_free(struct swift *swift)
{
    if (!swift)
        return;
    http_pool_free(swift->pool);
    swift_forget_token(swift);
    swift_settings_release(&swift->settings);
    http_client_free(swift->http);
    free(swift);
}

// ---------------------------------------------------------------- one request

int swift_call_url(const char *storage_url, const struct swift_call *call, char **ret)
{
    _cleanup_free_ char *container = http_escape(call->container, false);
    _cleanup_free_ char *object = call->object ? http_escape(call->object, true) : NULL;

    if (!container || (call->object && !object))
        return -ENOMEM;
    *ret = str_format("%s%s%s%s%s%s", storage_url, *container ? "/" : "", container,
                      object ? "/" : "", object ? object : "", call->query ? call->query : "");
    return *ret ? 0 : -ENOMEM;
}

static int call_once(struct swift *swift, const struct swift_call *call,
                     struct http_response *answer, struct error *err)
{
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_free_ char *url = NULL;
    struct http_request request = {.method = call->method,
                                   .headers = &headers,
                                   .body = call->body,
                                   .body_len = call->body_len,
                                   .body_file = call->body_file,
                                   .answer_fd = call->answer_fd,
                                   .body_offset = call->body_offset,
                                   .body_size = call->body_size,
                                   .retries = swift->retries};

    if (swift_call_url(swift->storage_url, call, &url) < 0 ||
        (swift->token && strv_addf(&headers, "X-Auth-Token: %s", swift->token) < 0))
        return error_oom(err);
    if (call->headers && strv_add_list(&headers, call->headers) < 0)
        return error_oom(err);
    request.url = url;
    return swift_transfer_error(http_perform(swift->http, &request, answer, err));
}

int swift_status(const struct swift_call *call, long status, struct error *err)
{
    const char *slash = call->object ? "/" : "", *object = call->object ? call->object : "";
    int r = -EIO;

    if (status >= 200 && status < 300)
        return 0;
    if (status == 401 || status == 403)
        return error_set(err, -EACCES, "store: %s %s%s%s: access is refused (HTTP status %ld)",
                         call->method, call->container, slash, object, status);
    if (status == 404)
        return error_set(err, -ENOENT, "store: there is no %s%s%s", call->container, slash, object);
    if (status == 413)
        return error_set(err, -EFBIG,
                         "store: %s %s%s%s: too large for the store, or for a quota on it (HTTP "
                         "status 413)",
                         call->method, call->container, slash, object);
    // 422: what arrived does not have the MD5 sum announced; 498 to 507: see again later.
    if (status == 408 || status == 422 || status == 429 || status == 498 || status >= 500)
        r = -EAGAIN;
    return error_set(err, r, "store: %s %s%s%s: HTTP status %ld", call->method, call->container,
                     slash, object, status);
}

int swift_call(struct swift *swift, const struct swift_call *call, struct http_response *answer,
               struct error *err)
{
    bool fresh = swift->anonymous;
    int r;

    for (;;) {
        if (!swift->token && !swift->anonymous) {
            r = swift_authenticate(swift, err);
            if (r < 0)
                return r;
            fresh = true;
        }
        r = call_once(swift, call, answer, err);
        if (r < 0)
            return r;
        if (answer->status != 401 || fresh)
            return swift_status(call, answer->status, err);
        swift_forget_token(swift);
    }
}

// ---------------------------------------------------------------- the calls

int swift_ensure_container(struct swift *swift, const char *container, const char *read_acl,
                           struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    struct swift_call call = {.method = "PUT", .container = container, .headers = &headers};

    if (strv_addf(&headers, "X-Container-Read: %s", read_acl ? read_acl : "") < 0)
        return error_oom(err);
    return swift_call(swift, &call, &answer, err);
}

int swift_head(struct swift *swift, const char *container, const char *object, bool *ret_exists,
               struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    struct swift_call call = {.method = "HEAD", .container = container, .object = object};
    int r = swift_call(swift, &call, &answer, err);

    if (r < 0 && r != -ENOENT)
        return r;
    *ret_exists = r >= 0;
    if (r < 0 && err)
        error_clear(err);
    return 0;
}

int swift_get(struct swift *swift, const char *container, const char *object, struct buf *b,
              struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(b->max - b->len > SWIFT_ANSWER_MAX ? b->max - b->len : SWIFT_ANSWER_MAX);
    struct swift_call call = {.method = "GET", .container = container, .object = object};
    int r = swift_call(swift, &call, &answer, err);

    if (r < 0)
        return r;
    r = answer.body.len > 0 ? buf_add(b, answer.body.data, answer.body.len) : 0;
    return r < 0 ? error_errno(err, r, "store: %s/%s", container, object) : 0;
}

int swift_get_fd(struct swift *swift, const char *container, const char *object, int fd,
                 struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(SIZE_MAX / 2);
    struct swift_call call = {
        .method = "GET", .container = container, .object = object, .answer_fd = &fd};

    return swift_call(swift, &call, &answer, err);
}

static int add_query(struct buf *query, const char *key, const char *value)
{
    _cleanup_free_ char *escaped = NULL;

    if (str_empty(value))
        return 0;
    escaped = http_escape(value, false);
    return escaped ? buf_addf(query, "&%s=%s", key, escaped) : -ENOMEM;
}

int swift_listing_parse(const char *text, size_t len, const char *container, struct strv *ret,
                        struct error *err)
{
    _cleanup_json_ json_t *list = NULL;
    const json_t *entry;
    size_t i;

    if (len == 0) // 204
        return 0;
    if (json_parse(text, len, container, &list, err) < 0)
        return error_prefix(err, -EIO, "store: unreadable listing");
    if (!json_is_array(list))
        return error_set(err, -EIO, "store: %s: the listing is no list", container);
    json_array_foreach (list, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));

        if (!name)
            name = json_string_value(json_object_get(entry, "subdir"));
        if (!name)
            return error_set(err, -EIO, "store: %s: entry %zu of the listing has no name",
                             container, i);
        if (strv_add(ret, name) < 0)
            return error_oom(err);
    }
    return 0;
}

int swift_list(struct swift *swift, const char *container, const char *prefix,
               const char *delimiter, const char *marker, unsigned limit, struct strv *ret,
               struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(LISTING_MAX);
    _cleanup_buf_ struct buf query = BUF_INIT(BUF_OWN_MAX);
    struct swift_call call = {.method = "GET", .container = container};
    int r;

    if (buf_addf(&query, "?format=json&limit=%u", limit) < 0 ||
        add_query(&query, "prefix", prefix) < 0 || add_query(&query, "delimiter", delimiter) < 0 ||
        add_query(&query, "marker", marker) < 0)
        return error_oom(err);
    call.query = buf_str(&query);
    r = swift_call(swift, &call, &answer, err);
    return r < 0 ? r
                 : swift_listing_parse(buf_str(&answer.body), answer.body.len, container, ret, err);
}

int swift_delete(struct swift *swift, const char *container, const char *object, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    struct swift_call call = {.method = "DELETE", .container = container, .object = object};

    return swift_call(swift, &call, &answer, err);
}
