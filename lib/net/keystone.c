// SPDX-License-Identifier: GPL-3.0-only
#include "net/keystone.h"

#include "data/json.h"

int keystone_transfer_error(int r)
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

int keystone_status(const char *user, long status, struct error *err)
{
    if (status >= 200 && status < 300)
        return 0;
    if (status == 401 || status == 403)
        return error_set(err, -EACCES, "user %s or the password is refused (HTTP status %ld)", user,
                         status);
    if (status == 408 || status == 429 || status >= 498)
        return error_set(err, -EAGAIN, "HTTP status %ld", status);
    return error_set(err, -EIO, "HTTP status %ld, is this the authentication URL?", status);
}

// By its id, else by its name, else the one that every Keystone begins with.
static json_t *domain(const char *name, const char *id)
{
    if (!str_empty(id))
        return json_pack("{s:s}", "id", id);
    return json_pack("{s:s}", "name", str_empty(name) ? "Default" : name);
}

// A user or project, by its id or by name and domain.
static json_t *named(const char *name, const char *id, json_t *in)
{
    json_t *value = str_empty(id) ? json_pack("{s:s, s:O}", "name", name ? name : "", "domain", in)
                                  : json_pack("{s:s}", "id", id);

    json_decref(in);
    return value;
}

static json_t *password_document(const struct keystone_account *a)
{
    json_t *user = named(a->username, a->user_id, domain(a->user_domain_name, a->user_domain_id));
    json_t *project =
        named(a->project_name, a->project_id, domain(a->project_domain_name, a->project_domain_id));

    if (json_object_set_new(user, "password", json_string(a->password)) < 0) {
        json_decref(user);
        json_decref(project);
        return NULL;
    }
    return json_pack("{s:{s:{s:[s], s:{s:o}}, s:{s:o}}}", "auth", "identity", "methods", "password",
                     "password", "user", user, "scope", "project", project);
}

static json_t *application_document(const struct keystone_account *a)
{
    return json_pack("{s:{s:{s:[s], s:{s:s, s:s}}}}", "auth", "identity", "methods",
                     "application_credential", "application_credential", "id", a->application_id,
                     "secret", a->application_secret);
}

static int write_request(const struct keystone_account *account, struct buf *body,
                         struct error *err)
{
    _cleanup_json_ json_t *document = str_empty(account->application_id)
                                          ? password_document(account)
                                          : application_document(account);

    if (!document)
        return error_set(err, -EINVAL, "user, password and project must be UTF-8 text");
    return json_write(document, body) < 0 ? error_oom(err) : 0;
}

int keystone_parse_catalog(const char *text, size_t len, json_t **ret, struct error *err)
{
    _cleanup_json_ json_t *document = NULL;
    json_t *catalog;

    if (json_parse(text, len, "token", &document, err) < 0)
        return -EIO;
    catalog = json_object_get(json_object_get(document, "token"), "catalog");
    if (!json_is_array(catalog))
        return error_set(err, -EIO, "the token has no catalog of services");
    *ret = json_incref(catalog);
    return 0;
}

int keystone_ask(const struct keystone_account *account, struct keystone_question *ret,
                 struct error *err)
{
    struct keystone_question q = {.body = BUF_INIT(BUF_OWN_MAX)};
    int r = 0;

    q.url = str_format("%s%sauth/tokens", account->auth_url,
                       str_ends_with(account->auth_url, "/") ? "" : "/");
    if (!q.url || strv_add(&q.headers, "Content-Type: application/json") < 0)
        r = error_oom(err);
    if (r == 0)
        r = write_request(account, &q.body, err);
    if (r < 0) {
        keystone_question_release(&q);
        return r;
    }
    *ret = q;
    return 0;
}

struct http_request keystone_request(const struct keystone_question *q)
{
    return (struct http_request){.method = "POST",
                                 .url = q->url,
                                 .headers = &q->headers,
                                 .body = buf_str(&q->body),
                                 .body_len = q->body.len,
                                 .repeatable = true};
}

void keystone_question_release(struct keystone_question *q)
{
    if (q->body.data)
        explicit_bzero(q->body.data, q->body.len);
    buf_release(&q->body);
    strv_release(&q->headers);
    free(q->url);
    *q = (struct keystone_question){0};
}

int keystone_take(const struct keystone_account *account, const struct http_response *answer,
                  char **ret_token, json_t **ret_catalog, struct error *err)
{
    const char *user = account->username ? account->username : account->user_id;
    const char *token = http_response_header(answer, "x-subject-token");
    _cleanup_json_ json_t *catalog = NULL;
    int r = keystone_status(user ? user : account->application_id, answer->status, err);

    if (r == 0)
        r = keystone_parse_catalog(buf_str(&answer->body), answer->body.len, &catalog, err);
    if (r < 0)
        return r;
    if (str_empty(token) || str_has_control(token))
        return error_set(err, -EIO, "the answer has no token");
    *ret_token = strdup(token);
    if (!*ret_token)
        return error_oom(err);
    *ret_catalog = TAKE_PTR(catalog);
    return 0;
}

int keystone_authenticate(struct http_client *http, const struct keystone_account *account,
                          char **ret_token, json_t **ret_catalog, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(KEYSTONE_ANSWER_MAX);
    _cleanup_(keystone_question_release) struct keystone_question question = {0};
    struct http_request request;
    int r = keystone_ask(account, &question, err);

    if (r < 0)
        return r;
    request = keystone_request(&question);
    request.ca_file = account->ca_file;
    request.retries = account->retries;
    r = http_perform(http, &request, &answer, err);
    return r < 0 ? keystone_transfer_error(r)
                 : keystone_take(account, &answer, ret_token, ret_catalog, err);
}

// ---------------------------------------------------------------- the catalog

// NULL when it is not of that interface.
static const char *region_of(const json_t *endpoint, const char *interface)
{
    const char *name = json_string_value(json_object_get(endpoint, "region_id"));

    if (!str_equal(json_string_value(json_object_get(endpoint, "interface")), interface))
        return NULL;
    if (!name)
        name = json_string_value(json_object_get(endpoint, "region"));
    return name ? name : "";
}

// The address in `region` (empty: in the first), NULL when there is none; all regions by the way.
static const char *find(const json_t *endpoints, const char *interface, const char *region,
                        struct strv *regions, int *ret_r)
{
    const char *url = NULL;
    const json_t *endpoint;
    size_t i;

    json_array_foreach (endpoints, i, endpoint) {
        const char *name = region_of(endpoint, interface);

        if (!name)
            continue;
        if (!url && (str_empty(region) || str_equal(name, region)))
            url = json_string_value(json_object_get(endpoint, "url"));
        if (!strv_contains(regions, name) && strv_add(regions, name) < 0)
            *ret_r = -ENOMEM;
    }
    return url;
}

static int none(const char *what, const char *interface, const char *region,
                const struct strv *regions, struct error *err)
{
    _cleanup_free_ char *joined = strv_join(regions, ", ");

    if (!joined)
        return error_oom(err);
    if (regions->len == 0 || str_empty(region))
        return error_set(err, -ENOENT, "the catalog has no %s %s", interface, what);
    return error_set(err, -ENOENT, "the catalog has no %s %s in region %s, only in %s", interface,
                     what, region, joined);
}

int keystone_endpoint(const json_t *catalog, const char *type, const char *what,
                      const char *interface, const char *region, char **ret, struct error *err)
{
    _cleanup_strv_ struct strv regions = STRV_INIT;
    const json_t *service;
    const char *url = NULL;
    int r = 0;
    size_t i;

    json_array_foreach (catalog, i, service)
        if (!url && str_equal(json_string_value(json_object_get(service, "type")), type))
            url = find(json_object_get(service, "endpoints"), interface, region, &regions, &r);
    if (r < 0)
        return error_oom(err);
    if (!url)
        return none(what, interface, region, &regions, err);
    *ret = strdup(url);
    return *ret ? 0 : error_oom(err);
}
