// SPDX-License-Identifier: GPL-3.0-only
// Who may, the account and the containers.
#include "web/store_http.h"

#include "base/clock.h"
#include "base/parse.h"
#include "web/store_access.h"
#include "web/web.h"

static int64_t now_seconds(void)
{
    return (int64_t)(clock_realtime_us() / USEC_PER_SEC);
}

int store_unauthorized(struct exchange *x)
{
    if (exchange_add_header(x, "WWW-Authenticate", "Swift realm=\"autopkgtest\"") < 0)
        return -ENOMEM;
    return exchange_answer_text(x, MHD_HTTP_UNAUTHORIZED, "this needs a valid X-Auth-Token");
}

bool store_is_account(const struct exchange *x)
{
    const struct web *web = x->web;
    const char *token = exchange_header(x, "X-Auth-Token");

    if (!token)
        token = exchange_header(x, "X-Storage-Token");
    return token && web->store_user && web->store_password &&
           store_token_check(token, web->store_user, web->store_password, now_seconds()) > 0;
}

int store_refuse_unless_account(struct exchange *x, struct error *err, bool *ret_refused)
{
    *ret_refused = true;
    if (!x->web->store)
        return exchange_fail(x, 404, err, "results are not kept here: there is no built-in store");
    if (!store_is_account(x))
        return store_unauthorized(x);
    x->secret = true;
    *ret_refused = false;
    return 0;
}

static const char *either_header(const struct exchange *x, const char *a, const char *b)
{
    const char *value = exchange_header(x, a);

    return value ? value : exchange_header(x, b);
}

static int answer_token(struct exchange *x, const char *token)
{
    _cleanup_free_ char *origin = exchange_origin(x), *url = NULL, *life = NULL;
    int64_t left =
        store_token_check(token, x->web->store_user, x->web->store_password, now_seconds());

    url = str_format("%s/swift/v1", origin ? origin : "");
    life = str_format("%lld", (long long)left);
    if (!origin || !url || !life || exchange_add_header(x, "X-Storage-Url", url) < 0 ||
        exchange_add_header(x, "X-Auth-Token", token) < 0 ||
        exchange_add_header(x, "X-Storage-Token", token) < 0 ||
        exchange_add_header(x, "X-Auth-Token-Expires", life) < 0 ||
        exchange_add_header(x, "Cache-Control", "no-store") < 0)
        return -ENOMEM;
    return exchange_answer_empty(x, MHD_HTTP_OK);
}

int store_auth(struct exchange *x, struct error *err)
{
    const char *user = either_header(x, "X-Auth-User", "X-Storage-User");
    const char *key = either_header(x, "X-Auth-Key", "X-Storage-Pass");
    const struct web *web = x->web;
    _cleanup_free_ char *token = NULL;
    bool same_user, same_key;

    if (!web->store)
        return exchange_fail(x, 404, err, "results are not kept here: there is no built-in store");
    if (!user || !key || !web->store_user || !web->store_password)
        return store_unauthorized(x);
    same_user = secret_equal(user, strlen(user), web->store_user, strlen(web->store_user));
    same_key = secret_equal(key, strlen(key), web->store_password, strlen(web->store_password));
    if (!same_user || !same_key)
        return store_unauthorized(x);
    token = store_token_make(web->store_user, web->store_password, now_seconds());
    return token ? answer_token(x, token) : error_oom(err);
}

// ---- listings

struct listing {
    struct store *store;
    bool json;
    struct buf text;
    struct error *err;
};

static int add_separator(struct listing *l)
{
    return l->json ? buf_add_str(&l->text, l->text.len ? "," : "[") : 0;
}

static int add_json(struct listing *l, json_t *item)
{
    _cleanup_json_ _unused_ json_t *owned = item;
    int r = item ? add_separator(l) : -ENOMEM;

    return r < 0 ? r : json_write(item, &l->text);
}

char *store_date(int64_t microseconds)
{
    _cleanup_free_ char *date =
        clock_format_utc(microseconds / (int64_t)USEC_PER_SEC, "%Y-%m-%dT%H:%M:%S");

    return date ? str_format("%s.%06lld", date, (long long)(microseconds % (int64_t)USEC_PER_SEC))
                : NULL;
}

static int list_object(struct listing *l, const struct store_entry *entry)
{
    _cleanup_(store_object_release) struct store_object object = {0};
    _cleanup_free_ char *date = NULL;
    int r = store_object_stat(entry->path, &object, l->err);

    if (r == -ENOENT)
        return 0; // gone meanwhile
    if (r < 0)
        return r;
    date = store_date(object.modified_us);
    return add_json(l, json_pack("{s:s, s:s, s:I, s:s, s:s}", "name", entry->name, "hash",
                                 object.etag, "bytes", (json_int_t)object.size, "content_type",
                                 object.content_type, "last_modified", date ? date : ""));
}

static int list_entry(const struct store_entry *entry, void *userdata)
{
    struct listing *l = userdata;

    if (!l->json)
        return buf_addf(&l->text, "%s\n", entry->name);
    if (entry->is_prefix)
        return add_json(l, json_pack("{s:s}", "subdir", entry->name));
    return list_object(l, entry);
}

int store_answer_listing(struct exchange *x, bool json, struct buf *text)
{
    int r = exchange_add_header(x, "Vary", "Accept, Accept-Encoding");

    if (r < 0)
        return r;
    if (!json && text->len == 0)
        return exchange_answer_empty(x, MHD_HTTP_NO_CONTENT);
    r = json ? buf_add_str(text, text->len ? "]" : "[]") : 0;
    if (r < 0)
        return r;
    return exchange_answer_buf(
        x, MHD_HTTP_OK, json ? "application/json; charset=utf-8" : "text/plain; charset=utf-8",
        text);
}

bool store_listing_is_json(const struct exchange *x)
{
    const char *format = params_get(&x->query, "format");
    const char *accept = exchange_header(x, "Accept");

    if (format)
        return strcmp(format, "json") == 0;
    return accept && str_starts_with(accept, "application/json");
}

// As Swift reads it: a list in the other order must not be given in this one.
static bool asks_for_reverse(const struct exchange *x)
{
    const char *reverse = params_get(&x->query, "reverse");
    bool value = false;

    return reverse && parse_bool(reverse, &value, NULL) == 0 && value;
}

int store_listing_query(struct exchange *x, struct store_query *ret, struct error *err)
{
    const char *limit = params_get_filled(&x->query, "limit");
    uint64_t number = STORE_LIST_MAX;

    if (limit && parse_uint(limit, 0, STORE_LIST_MAX, &number, err) < 0)
        return exchange_fail(x, 412, err, "limit: expected a whole number up to %d",
                             STORE_LIST_MAX);
    if (params_get(&x->query, "path") || asks_for_reverse(x))
        return exchange_fail(x, 412, err, "path and reverse are not known here");
    *ret = (struct store_query){.prefix = params_get(&x->query, "prefix"),
                                .marker = params_get(&x->query, "marker"),
                                .end_marker = params_get(&x->query, "end_marker"),
                                .delimiter = params_get(&x->query, "delimiter"),
                                .limit = number};
    return 0;
}

// ---- account

// What a client asks to know what it can send, and how.
int store_info(struct exchange *x, struct error *err)
{
    _cleanup_json_ json_t *info = NULL;

    if (!x->web->store)
        return exchange_fail(x, 404, err, "results are not kept here: there is no built-in store");
    info = json_pack("{s:{s:I, s:i, s:i, s:i}}", "swift", "max_file_size",
                     (json_int_t)STORE_OBJECT_MAX, "container_listing_limit", STORE_LIST_MAX,
                     "max_object_name_length", STORE_NAME_MAX, "max_container_name_length",
                     STORE_CONTAINER_MAX);
    return info ? exchange_answer_json(x, MHD_HTTP_OK, info) : error_oom(err);
}

static int list_container(struct listing *l, const char *name)
{
    _cleanup_(store_container_release) struct store_container container = {0};
    _cleanup_free_ char *date = NULL;
    int r;

    if (!l->json)
        return buf_addf(&l->text, "%s\n", name);
    r = store_container_get(l->store, name, &container, l->err);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    date = store_date(container.created_us);
    return add_json(l, json_pack("{s:s, s:i, s:i, s:s}", "name", name, "count", 0, "bytes", 0,
                                 "last_modified", date ? date : ""));
}

static bool container_wanted(const struct store_query *q, const char *name)
{
    return (str_empty(q->prefix) || str_starts_with(name, q->prefix)) &&
           (str_empty(q->marker) || strcmp(name, q->marker) > 0) &&
           (str_empty(q->end_marker) || strcmp(name, q->end_marker) < 0);
}

int store_account(struct exchange *x, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    struct listing l = {.store = x->web->store, .text = BUF_INIT(BUF_OWN_MAX), .err = err};
    struct store_query query = {0};
    size_t given = 0;
    bool refused;
    int r = store_refuse_unless_account(x, err, &refused);

    if (refused)
        return r;
    if (x->method == METHOD_HEAD || x->method == METHOD_POST)
        return exchange_answer_empty(x, MHD_HTTP_NO_CONTENT);
    r = store_listing_query(x, &query, err);
    if (r == 0)
        r = store_containers(x->web->store, &names, err);
    l.json = store_listing_is_json(x);
    for (size_t i = 0; i < names.len && r == 0 && given < query.limit; i++)
        if (container_wanted(&query, names.items[i])) {
            r = list_container(&l, names.items[i]);
            given++;
        }
    if (r == 0)
        r = store_answer_listing(x, l.json, &l.text);
    buf_release(&l.text);
    return r;
}

// ---- containers

int store_open_container(struct exchange *x, bool listing, struct store_container *ret,
                         struct error *err, bool *ret_refused)
{
    bool account = store_is_account(x), open;
    int r;

    *ret_refused = true;
    if (!x->web->store)
        return exchange_fail(x, 404, err, "results are not kept here: there is no built-in store");
    r = store_container_get(x->web->store, exchange_value(x, "container"), ret, err);
    if (r < 0 && (account || r == -EAGAIN))
        return r;
    open = r == 0 && (listing ? store_acl_opens_listing(ret->read_acl)
                              : store_acl_opens_objects(ret->read_acl));
    x->secret = !open;
    if (!account && !open) {
        if (r == 0)
            store_container_release(ret);
        error_clear(err);
        return store_unauthorized(x);
    }
    *ret_refused = false;
    return 0;
}

int store_container(struct exchange *x, struct error *err)
{
    _cleanup_(store_container_release) struct store_container container = {0};
    struct listing l = {.store = x->web->store, .text = BUF_INIT(BUF_OWN_MAX), .err = err};
    struct store_query query;
    bool refused;
    int r = store_open_container(x, true, &container, err, &refused);

    if (refused)
        return r;
    if (store_is_account(x) && *container.read_acl &&
        exchange_add_header(x, "X-Container-Read", container.read_acl) < 0)
        return error_oom(err);
    if (x->method == METHOD_HEAD)
        return exchange_answer_empty(x, MHD_HTTP_NO_CONTENT);
    l.json = store_listing_is_json(x);
    r = store_listing_query(x, &query, err);
    if (r == 0)
        r = store_list(x->web->store, exchange_value(x, "container"), &query, list_entry, &l, err);
    if (r == 0)
        r = store_answer_listing(x, l.json, &l.text);
    buf_release(&l.text);
    return r;
}

static int delete_container(struct exchange *x, const char *name, struct error *err)
{
    int r = store_container_delete(x->web->store, name, err);

    if (r == -ENOTEMPTY)
        x->status = MHD_HTTP_CONFLICT;
    return r < 0 ? r : exchange_answer_empty(x, MHD_HTTP_NO_CONTENT);
}

int store_container_change(struct exchange *x, struct error *err)
{
    const char *name = exchange_value(x, "container");
    const char *acl = exchange_header(x, "X-Container-Read");
    _cleanup_(store_container_release) struct store_container now = {0};
    bool refused, created;
    int r = store_refuse_unless_account(x, err, &refused);

    if (refused)
        return r;
    if (x->method == METHOD_DELETE)
        return delete_container(x, name, err);
    if (exchange_header(x, "X-Remove-Container-Read"))
        acl = "";
    if (x->method == METHOD_POST) {
        r = store_container_get(x->web->store, name, &now, err);
        if (r < 0)
            return r;
    }
    r = store_container_put(x->web->store, name, acl, &created, err);
    if (r < 0)
        return r;
    return exchange_answer_empty(x, x->method == METHOD_POST ? MHD_HTTP_NO_CONTENT
                                    : created                ? MHD_HTTP_CREATED
                                                             : MHD_HTTP_ACCEPTED);
}
