// SPDX-License-Identifier: GPL-3.0-only
#include "net/openstack.h"

#include "base/utf8.h"
#include "data/json.h"
#include "net/keystone.h"

#define RETRIES 4
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define FAULT_MAX ((size_t)300)

static const struct {
    const char *types[3]; // in the catalogue, the first that is there
    const char *what;
    const char *version; // an address in the catalogue that has none gets this one
} services[OPENSTACK_SERVICE_COUNT] = {
    [OPENSTACK_COMPUTE] = {{"compute"}, "compute service", NULL},
    [OPENSTACK_IMAGE] = {{"image"}, "image service", "/v2"},
    [OPENSTACK_NETWORK] = {{"network"}, "network service", "/v2.0"},
    [OPENSTACK_VOLUME] = {{"volumev3", "block-storage", "block-store"}, "volume service", NULL},
};

struct openstack {
    struct http_client *http;
    struct openrc rc;
    char *token;     // NULL: to be asked for
    json_t *catalog; // with it
};

static void forget_token(struct openstack *o)
{
    if (o->token)
        explicit_bzero(o->token, strlen(o->token));
    free(TAKE_PTR(o->token));
    json_decref(TAKE_PTR(o->catalog));
}

static int copy_account(const struct openrc *rc, struct openrc *ret)
{
    const char *const from[] = {rc->auth_url,
                                rc->username,
                                rc->user_id,
                                rc->password,
                                rc->user_domain_name,
                                rc->user_domain_id,
                                rc->project_name,
                                rc->project_id,
                                rc->project_domain_name,
                                rc->project_domain_id,
                                rc->application_id,
                                rc->application_secret,
                                rc->region,
                                rc->interface,
                                rc->ca_file};
    char **const to[] = {&ret->auth_url,
                         &ret->username,
                         &ret->user_id,
                         &ret->password,
                         &ret->user_domain_name,
                         &ret->user_domain_id,
                         &ret->project_name,
                         &ret->project_id,
                         &ret->project_domain_name,
                         &ret->project_domain_id,
                         &ret->application_id,
                         &ret->application_secret,
                         &ret->region,
                         &ret->interface,
                         &ret->ca_file};

    for (size_t i = 0; i < ARRAY_SIZE(from); i++)
        if (from[i] && !(*to[i] = strdup(from[i])))
            return -ENOMEM;
    return 0;
}

int openstack_new(const struct openrc *rc, struct openstack **ret, struct error *err)
{
    _cleanup_(openstack_freep) struct openstack *o = calloc(1, sizeof(*o));
    int r;

    if (!o || copy_account(rc, &o->rc) < 0)
        return error_oom(err);
    r = http_client_new("autopkgtest-cloud/" VERSION, &o->http, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

void openstack_free(struct openstack *o)
{
    if (!o)
        return;
    forget_token(o);
    openrc_release(&o->rc);
    http_client_free(o->http);
    free(o);
}

static int authenticate(struct openstack *o, struct error *err)
{
    const struct openrc *rc = &o->rc;
    const struct keystone_account account = {.auth_url = rc->auth_url,
                                             .username = rc->username,
                                             .user_id = rc->user_id,
                                             .password = rc->password,
                                             .user_domain_name = rc->user_domain_name,
                                             .user_domain_id = rc->user_domain_id,
                                             .project_name = rc->project_name,
                                             .project_id = rc->project_id,
                                             .project_domain_name = rc->project_domain_name,
                                             .project_domain_id = rc->project_domain_id,
                                             .application_id = rc->application_id,
                                             .application_secret = rc->application_secret,
                                             .ca_file = rc->ca_file,
                                             .retries = RETRIES};
    int r;

    if (o->token)
        return 0;
    r = keystone_authenticate(o->http, &account, &o->token, &o->catalog, err);
    return r < 0 ? error_prefix(err, r, "no access to the cloud by %s", rc->auth_url) : 0;
}

static bool has_version(const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash && slash[1] == 'v' && slash[2] >= '0' && slash[2] <= '9';
}

// The service's address, without a slash at its end.
static int address_of(struct openstack *o, enum openstack_service service, char **ret,
                      struct error *err)
{
    _cleanup_free_ char *url = NULL;
    size_t len;
    int r = -ENOENT;

    for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(services[service].types); i++)
        if (services[service].types[i]) {
            error_clear(err);
            r = keystone_endpoint(o->catalog, services[service].types[i], services[service].what,
                                  o->rc.interface, o->rc.region, &url, err);
        }
    if (r < 0)
        return r == -ENOENT ? -ENXIO : r;
    len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        url[--len] = '\0';
    if (str_has_control(url) || strchr(url, ' ') ||
        (!str_starts_with(url, "http://") && !str_starts_with(url, "https://")))
        return error_set(err, -EIO, "the catalog's address of the %s is none",
                         services[service].what);
    *ret =
        str_format("%s%s", url,
                   services[service].version && !has_version(url) ? services[service].version : "");
    return *ret ? 0 : error_oom(err);
}

// ---------------------------------------------------------------- answers

char *openstack_fault(const char *text, size_t len)
{
    _cleanup_json_ json_t *document = NULL;
    _cleanup_buf_ struct buf clean = BUF_INIT(BUF_OWN_MAX);
    const char *key, *message = NULL;
    const json_t *value;

    if (len > 0 && json_parse(text, len, "fault", &document, NULL) < 0)
        return NULL;
    json_object_foreach (document, key, value)
        if (!message && json_is_object(value))
            message = json_string_value(json_object_get(value, "message"));
    if (!message)
        message = json_string_value(json_object_get(document, "message"));
    if (str_empty(message) || utf8_add_clean(&clean, message, strnlen(message, FAULT_MAX)) < 0)
        return NULL;
    for (char *c = clean.data; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    return buf_take(&clean);
}

static bool is_over_quota(long status, const char *fault)
{
    return (status == 403 || status == 413 || status == 409 || status == 400) && fault &&
           (strcasestr(fault, "quota") || strcasestr(fault, "limit exceeded"));
}

// What a status means for the caller.
static int meaning(long status, const char *fault)
{
    if (is_over_quota(status, fault))
        return -EDQUOT;
    switch (status) {
    case 401:
    case 403:
        return -EACCES;
    case 404:
        return -ENOENT;
    case 409:
        return -EBUSY;
    case 408:
    case 413:
    case 429:
        return -EAGAIN;
    default:
        return status >= 498 ? -EAGAIN : status >= 400 ? -EINVAL : -EIO;
    }
}

static int take_answer(const struct http_request *request, const struct http_response *answer,
                       json_t **ret, struct error *err)
{
    _cleanup_free_ char *fault = NULL, *url = NULL;
    int r;

    if (answer->status >= 200 && answer->status < 300) {
        if (!ret || answer->body.len == 0)
            return 0;
        r = json_parse(buf_str(&answer->body), answer->body.len, "answer", ret, err);
        return r == -EINVAL ? -EIO : r;
    }
    fault = openstack_fault(buf_str(&answer->body), answer->body.len);
    url = http_printable_url(request->url);
    return error_set(err, meaning(answer->status, fault), "%s %s: %s, HTTP status %ld",
                     request->method, url ? url : "", fault ? fault : "no reason given",
                     answer->status);
}

static int perform(struct openstack *o, const struct openstack_call *call, const char *url,
                   struct http_response *answer, json_t **ret, struct error *err)
{
    _cleanup_strv_ struct strv headers = STRV_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);
    struct http_request request = {.method = call->method ? call->method : "GET",
                                   .url = url,
                                   .headers = &headers,
                                   .ca_file = o->rc.ca_file,
                                   .retries = RETRIES};
    int r;

    if (strv_addf(&headers, "X-Auth-Token: %s", o->token) < 0 ||
        strv_add(&headers, "Accept: application/json") < 0 ||
        (call->body && (strv_add(&headers, "Content-Type: application/json") < 0 ||
                        json_write(call->body, &body) < 0)))
        r = error_oom(err);
    else {
        request.body = call->body ? buf_str(&body) : NULL;
        request.body_len = body.len;
        r = http_perform(o->http, &request, answer, err);
        r = r < 0 ? keystone_transfer_error(r) : take_answer(&request, answer, ret, err);
    }
    for (size_t i = 0; i < headers.len; i++)
        explicit_bzero(headers.items[i], strlen(headers.items[i]));
    return r;
}

int openstack_call(struct openstack *o, const struct openstack_call *call, json_t **ret,
                   struct error *err)
{
    int r = 0;

    for (unsigned attempt = 0; attempt < 2; attempt++) {
        _cleanup_(http_response_release) struct http_response answer =
            HTTP_RESPONSE_INIT(ANSWER_MAX);
        _cleanup_free_ char *address = NULL, *url = NULL;

        if ((r = authenticate(o, err)) < 0 || (r = address_of(o, call->service, &address, err)) < 0)
            return r;
        url = str_format("%s%s", address, call->path);
        if (!url)
            return error_oom(err);
        r = perform(o, call, url, &answer, ret, err);
        if (r != -EACCES || answer.status != 401 || attempt > 0)
            return r;
        forget_token(o);
        error_clear(err);
    }
    return r;
}

// ---------------------------------------------------------------- listings

// Where the next page is: Glance has "next", Nova and Neutron have KEY_links. NULL: nowhere.
static const char *next_link(const json_t *page, const char *key)
{
    _cleanup_free_ char *links_key = str_format("%s_links", key);
    const char *next = json_string_value(json_object_get(page, "next"));
    const json_t *link;
    size_t i;

    if (!links_key || next)
        return next;
    json_array_foreach (json_object_get(page, links_key), i, link)
        if (str_equal(json_text(link, "rel"), "next"))
            return json_string_value(json_object_get(link, "href"));
    return NULL;
}

// The path of the next page: that of the listing with the link's query. Services behind proxies
// write addresses into links that nobody can reach.
static char *next_path(const char *path, const char *link)
{
    const char *query = strchr(link, '?');

    if (!query || strpbrk(query, " \r\n\t"))
        return NULL;
    return str_format("%.*s%s", (int)strcspn(path, "?"), path, query);
}

int openstack_list(struct openstack *o, enum openstack_service service, const char *path,
                   const char *key, int (*each)(const json_t *item, void *userdata), void *userdata,
                   struct error *err)
{
    _cleanup_free_ char *at = strdup(path);

    for (unsigned page = 0; at && page < OPENSTACK_PAGES_MAX; page++) {
        const struct openstack_call call = {.service = service, .path = at};
        _cleanup_json_ json_t *answer = NULL;
        const json_t *items, *item;
        const char *link;
        size_t i;
        int r = openstack_call(o, &call, &answer, err);

        if (r < 0)
            return r;
        items = json_object_get(answer, key);
        if (!json_is_array(items))
            return error_set(err, -EIO, "GET %s: the answer has no list of %s", path, key);
        json_array_foreach (items, i, item)
            if ((r = each(item, userdata)) != 0)
                return r < 0 ? error_prefix(err, r, "GET %s", path) : r;
        link = next_link(answer, key);
        if (!link || json_array_size(items) == 0)
            return 0;
        free(at);
        at = next_path(path, link);
        if (!at)
            return error_set(err, -EIO, "GET %s: the next page has no query", path);
    }
    return at ? error_set(err, -E2BIG, "GET %s: too many pages", path) : error_oom(err);
}
