// SPDX-License-Identifier: GPL-3.0-only
// Objects over HTTP.
#include "base/clock.h"
#include "web/conditional.h"
#include "web/store_access.h"
#include "web/store_http.h"
#include "web/web.h"

#define META_PREFIX "X-Object-Meta-"

static int add_meta_headers(struct exchange *x, const struct store_object *object)
{
    const char *name;
    json_t *value;

    json_object_foreach (object->meta, name, value) {
        _cleanup_free_ char *header = str_format(META_PREFIX "%s", name);

        if (!header || !json_is_string(value) ||
            exchange_add_header(x, header, json_string_value(value)) < 0)
            return -ENOMEM;
    }
    return 0;
}

int store_add_guards(struct exchange *x)
{
    return exchange_add_header(x, "Content-Security-Policy", "sandbox; default-src 'none'");
}

static int add_object_headers(struct exchange *x, const struct store_object *object)
{
    _cleanup_free_ char *timestamp =
        str_format("%lld.%05lld", (long long)(object->modified_us / (int64_t)USEC_PER_SEC),
                   (long long)(object->modified_us % (int64_t)USEC_PER_SEC / 10));

    if (!timestamp || exchange_add_header(x, "Content-Type", object->content_type) < 0 ||
        exchange_add_header(x, "X-Timestamp", timestamp) < 0)
        return -ENOMEM;
    if (*object->etag && exchange_add_header(x, "ETag", object->etag) < 0)
        return -ENOMEM;
    if (object->content_encoding &&
        exchange_add_header(x, "Content-Encoding", object->content_encoding) < 0)
        return -ENOMEM;
    if (object->content_disposition &&
        exchange_add_header(x, "Content-Disposition", object->content_disposition) < 0)
        return -ENOMEM;
    return store_add_guards(x) < 0 ? -ENOMEM : add_meta_headers(x, object);
}

int store_send_object(struct exchange *x, const char *container, const char *object,
                      struct error *err)
{
    _cleanup_(store_object_release) struct store_object info = {0};
    _cleanup_close_ int fd = -1;
    int r = store_object_open(x->web->store, container, object, &fd, &info, err);

    if (r == 0)
        r = add_object_headers(x, &info);
    if (r == 0)
        r = file_answer(x, &fd, info.size, info.modified_us / (int64_t)USEC_PER_SEC, info.etag);
    return r;
}

int store_object_read(struct exchange *x, struct error *err)
{
    _cleanup_(store_container_release) struct store_container container = {0};
    bool refused;
    int r = store_open_container(x, false, &container, err, &refused);

    if (refused)
        return r;
    return store_send_object(x, exchange_value(x, "container"), exchange_value(x, "object"), err);
}

static enum MHD_Result collect_meta(void *userdata, enum MHD_ValueKind kind _unused_,
                                    const char *name, const char *value)
{
    json_t *meta = userdata;
    size_t prefix = strlen(META_PREFIX);

    if (strncasecmp(name, META_PREFIX, prefix) == 0 && name[prefix])
        (void)json_put_string(meta, name + prefix, value ? value : "");
    return MHD_YES;
}

// What the request's headers say of the object.
static int read_object_headers(struct exchange *x, struct store_object *ret)
{
    const char *type = exchange_header(x, "Content-Type");
    const char *encoding = exchange_header(x, "Content-Encoding");
    const char *disposition = exchange_header(x, "Content-Disposition");

    ret->content_type = type ? strdup(type) : NULL;
    ret->content_encoding = str_empty(encoding) ? NULL : strdup(encoding);
    ret->content_disposition = str_empty(disposition) ? NULL : strdup(disposition);
    ret->meta = json_object();
    if (!ret->meta || (type && !ret->content_type))
        return -ENOMEM;
    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, collect_meta, ret->meta);
    return 0;
}

int store_object_change(struct exchange *x, struct error *err)
{
    const char *container = exchange_value(x, "container"), *object = exchange_value(x, "object");
    _cleanup_(store_object_release) struct store_object with = {0};
    bool refused;
    int r = store_refuse_unless_account(x, err, &refused);

    if (refused)
        return r;
    if (x->method == METHOD_DELETE) {
        r = store_object_delete(x->web->store, container, object, err);
        return r < 0 ? r : exchange_answer_empty(x, MHD_HTTP_NO_CONTENT);
    }
    r = read_object_headers(x, &with);
    if (r < 0)
        return error_oom(err);
    r = store_object_update(x->web->store, container, object, &with, err);
    return r < 0 ? r : exchange_answer_empty(x, MHD_HTTP_ACCEPTED);
}

// ---- PUT

static void free_upload(void *userdata)
{
    store_upload_free(userdata);
}

int store_put_begin(struct exchange *x, struct error *err)
{
    const char *container = exchange_value(x, "container");
    _cleanup_(store_container_release) struct store_container now = {0};
    struct store_upload *upload = NULL;
    uint64_t length = exchange_content_length(x);
    bool refused;
    int r = store_refuse_unless_account(x, err, &refused);

    if (refused)
        return r;
    if (length != UINT64_MAX && length > STORE_OBJECT_MAX)
        return exchange_fail(x, 413, err, "the object is larger than %llu bytes",
                             (unsigned long long)STORE_OBJECT_MAX);
    r = store_container_get(x->web->store, container, &now, err);
    if (r == 0)
        r = store_upload_begin(x->web->store, container, exchange_value(x, "object"), &upload, err);
    if (r < 0)
        return r;
    x->userdata = upload;
    x->free_userdata = free_upload;
    return 0;
}

int store_put_receive(struct exchange *x, const void *bytes, size_t len, struct error *err)
{
    return store_upload_write(x->userdata, bytes, len, err);
}

static char *plain_etag(const char *header)
{
    size_t len;

    if (!header)
        return NULL;
    header += *header == '"';
    len = strcspn(header, "\"");
    return strndup(header, len);
}

int store_put_end(struct exchange *x, struct error *err)
{
    _cleanup_(store_object_release) struct store_object with = {0}, done = {0};
    _cleanup_free_ char *etag = plain_etag(exchange_header(x, "ETag")), *date = NULL;
    int r = read_object_headers(x, &with);

    if (r < 0)
        return error_oom(err);
    if (!with.content_type)
        with.content_type = strdup("application/octet-stream");
    r = store_upload_commit(x->userdata, &with, etag, &done, err);
    store_upload_free(TAKE_PTR(x->userdata)); // what was refused is gone before the answer
    if (r == -EBADMSG)
        x->status = 422;
    if (r == -EEXIST)
        x->status = MHD_HTTP_CONFLICT;
    if (r < 0)
        return r;
    date = http_date_format(done.modified_us / (int64_t)USEC_PER_SEC);
    if (!date || exchange_add_header(x, "ETag", done.etag) < 0 ||
        exchange_add_header(x, "Last-Modified", date) < 0)
        return error_oom(err);
    return exchange_answer_empty(x, MHD_HTTP_CREATED);
}
