// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored.h"

#include "base/clock.h"
#include "web/forward.h"
#include "web/store_http.h"
#include "web/stored_call.h"
#include "web/stored_swift.h"
#include "web/web.h"

#include <unistd.h>

bool stored_is_readable(const struct web *web, enum stored_reader reader)
{
    return web->store || stored_swift_is_readable(web, reader);
}

// ---- the built-in store

// The container's ACL decides for everybody, and whether there is one is not everybody's to know.
static int check_container(const struct web *web, enum stored_reader reader, const char *container,
                           bool listing, struct error *err)
{
    _cleanup_(store_container_release) struct store_container found = {0};
    int r = store_container_get(web->store, container, &found, err);

    if (r == -EAGAIN)
        return r;
    if (r == 0 && reader == READER_ANYBODY &&
        !(listing ? store_acl_opens_listing(found.read_acl)
                  : store_acl_opens_objects(found.read_acl)))
        r = -ENOENT;
    error_clear(err);
    return r < 0 ? error_set(err, -ENOENT, "there is no public container %s", container) : 0;
}

static char *etag_of(const struct store_object *info)
{
    return str_empty(info->etag) ? NULL : strdup(info->etag);
}

static int open_here(const struct web *web, const struct stored_object *object, int *ret_fd,
                     char **ret_etag, struct error *err)
{
    _cleanup_(store_object_release) struct store_object info = {0};
    _cleanup_close_ int fd = -1;
    int r = check_container(web, object->reader, object->container, false, err);

    if (r == 0)
        r = store_object_open(web->store, object->container, object->name, &fd, &info, err);
    if (r < 0)
        return r;
    if (info.size > object->max)
        return error_set(err, -EFBIG, "%s is larger than can be shown", object->name);
    if (ret_etag)
        *ret_etag = etag_of(&info);
    if (ret_fd)
        *ret_fd = take_fd(&fd);
    return 0;
}

struct visiting {
    stored_visit *visit;
    void *userdata;
};

static int visit_file(const struct store_entry *entry, void *userdata)
{
    const struct visiting *v = userdata;
    _cleanup_(store_object_release) struct store_object info = {0};
    struct stored_entry found = {.name = entry->name, .is_prefix = entry->is_prefix};

    if (!entry->is_prefix && store_object_stat(entry->path, &info, NULL) < 0)
        return 0; // it was deleted meanwhile
    found.size = info.size;
    found.modified_s = info.modified_us / (int64_t)USEC_PER_SEC;
    return v->visit(&found, v->userdata);
}

// ---- wherever it is

static int no_store(struct web *web, struct error *err)
{
    return web->settings.store_peer
               ? outage_fail(&web->peer_outage, FORWARD_PEER_AWAY, err)
               : error_set(err, -EAGAIN, "this unit knows no store of results");
}

int stored_open(struct exchange *x, const struct stored_object *object, int *ret_fd,
                char **ret_etag, struct error *err)
{
    if (x->web->store)
        return open_here(x->web, object, ret_fd, ret_etag, err);
    return stored_swift_is_readable(x->web, object->reader)
               ? stored_swift_open(x, object, ret_fd, ret_etag, err)
               : no_store(x->web, err);
}

int stored_etag(struct exchange *x, const struct stored_object *object, char **ret_etag,
                struct error *err)
{
    if (x->web->store)
        return open_here(x->web, object, NULL, ret_etag, err);
    return stored_swift_is_readable(x->web, object->reader)
               ? stored_swift_etag(x, object, ret_etag, err)
               : no_store(x->web, err);
}

int stored_follow(struct exchange *x, const struct stored_object *object, int *ret_fd,
                  char **ret_etag, struct stored_file **ret_file, struct error *err)
{
    *ret_file = NULL;
    return !x->web->store && stored_swift_is_readable(x->web, object->reader)
               ? stored_swift_follow(x, object, ret_fd, ret_etag, ret_file, err)
               : stored_open(x, object, ret_fd, ret_etag, err);
}

int stored_list(struct exchange *x, enum stored_reader reader, const char *container,
                const struct store_query *query, stored_visit *visit, void *userdata,
                struct error *err)
{
    struct visiting v = {visit, userdata};
    int r;

    if (!x->web->store)
        return stored_swift_is_readable(x->web, reader)
                   ? stored_swift_list(x, reader, container, query, visit, userdata, err)
                   : no_store(x->web, err);
    r = check_container(x->web, reader, container, true, err);
    return r < 0 ? r : store_list(x->web->store, container, query, visit_file, &v, err);
}

int stored_send(struct exchange *x, enum stored_reader reader, const char *container,
                const char *object, struct error *err)
{
    int r;

    if (!x->web->store)
        return stored_swift_is_readable(x->web, reader)
                   ? stored_swift_send(x, reader, container, object, err)
                   : no_store(x->web, err);
    r = check_container(x->web, reader, container, false, err);
    return r < 0 ? r : store_send_object(x, container, object, err);
}

const char *stored_trouble(const struct web *web)
{
    return stored_call_trouble(web);
}

int stored_is_up(struct web *web, enum stored_reader reader)
{
    if (web->store)
        return reader == READER_ANYBODY ? store_check(web->store, NULL) == 0 : -ENODATA;
    return stored_swift_is_readable(web, reader) ? stored_call_is_up(web, reader) : -ENODATA;
}

int stored_configure(struct web *web, struct error *err)
{
    return stored_swift_configure(web, err);
}

void stored_free(struct web *web)
{
    stored_swift_free(web);
}
