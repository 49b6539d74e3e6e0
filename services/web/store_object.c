// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/file.h"
#include "web/store_internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

void store_object_release(struct store_object *object)
{
    free(object->etag);
    free(object->content_type);
    free(object->content_encoding);
    free(object->content_disposition);
    json_decref(object->meta);
    *object = (struct store_object){0};
}

int store_metadata_write(int fd, const struct store_object *object, struct error *err)
{
    _cleanup_json_ json_t *value = json_object();
    _cleanup_buf_ struct buf text = BUF_INIT(STORE_METADATA_MAX);
    int r;

    if (!value || json_put_string(value, "etag", object->etag) < 0 ||
        json_put_string(value, "type", object->content_type) < 0 ||
        json_put_string(value, "encoding", object->content_encoding) < 0 ||
        json_put_string(value, "disposition", object->content_disposition) < 0 ||
        (object->meta && json_put(value, "meta", json_incref(object->meta)) < 0))
        return error_set(err, -EINVAL, "metadata: expected UTF-8");
    r = json_write(value, &text);
    if (r == -E2BIG)
        return error_set(err, -EINVAL, "metadata: more than %d bytes", STORE_METADATA_MAX);
    if (r < 0)
        return error_oom(err);
    if (fsetxattr(fd, STORE_ATTRIBUTE, text.data, text.len, 0) < 0)
        return error_errno(err, -errno, "cannot write the object's metadata");
    return 0;
}

static int take_string(const json_t *value, const char *key, char **ret, struct error *err)
{
    const char *s = NULL;
    int r = json_get_optional_string(value, key, &s, err);

    if (r < 0 || !s)
        return r;
    *ret = strdup(s);
    return *ret ? 0 : error_oom(err);
}

static int parse_metadata(const char *text, size_t len, struct store_object *o, struct error *err)
{
    _cleanup_json_ json_t *value = NULL;
    int r = json_parse(text, len, "metadata", &value, err);

    if (r < 0 || (r = take_string(value, "etag", &o->etag, err)) < 0 ||
        (r = take_string(value, "type", &o->content_type, err)) < 0 ||
        (r = take_string(value, "encoding", &o->content_encoding, err)) < 0 ||
        (r = take_string(value, "disposition", &o->content_disposition, err)) < 0)
        return r;
    o->meta = json_incref(json_object_get(value, "meta"));
    if (!o->content_type)
        o->content_type = strdup("application/octet-stream");
    return o->content_type ? 0 : error_oom(err);
}

int store_metadata_read(int fd, struct store_object *ret, struct error *err)
{
    char text[STORE_METADATA_MAX + 1];
    struct store_object o = {0};
    struct stat st;
    ssize_t n;
    int r;

    if (fstat(fd, &st) < 0)
        return error_errno(err, -errno, "cannot read the object");
    if (!S_ISREG(st.st_mode))
        return error_set(err, -ENOENT, "there is no such object");
    // A file that somebody has copied here without attributes is still an object.
    n = fgetxattr(fd, STORE_ATTRIBUTE, text, sizeof(text));
    if (n < 0 && errno != ENODATA)
        return error_errno(err, -errno, "cannot read the object's metadata");
    r = n < 0 ? parse_metadata("{}", 2, &o, err) : parse_metadata(text, (size_t)n, &o, err);
    if (r == 0 && !o.etag) {
        o.etag = strdup("");
        r = o.etag ? 0 : error_oom(err);
    }
    if (r < 0) {
        store_object_release(&o);
        return r;
    }
    o.size = (uint64_t)st.st_size;
    o.modified_us = (int64_t)st.st_mtim.tv_sec * (int64_t)USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
    *ret = o;
    return 0;
}

int store_object_stat(const char *path, struct store_object *ret, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return error_errno(err, -errno, "cannot open the object");
    return store_metadata_read(fd, ret, err);
}

int store_object_path(const struct store *store, const char *container, const char *object,
                      char **ret, struct error *err)
{
    _cleanup_free_ char *path = NULL;
    struct stat st;
    int r = store_path_object(store, container, object, &path, err);

    if (r < 0)
        return r;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, -ENOENT, "there is no object %s in %s", object, container);
    *ret = TAKE_PTR(path);
    return 0;
}

int store_object_open(const struct store *store, const char *container, const char *object,
                      int *ret_fd, struct store_object *ret, struct error *err)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    int r = store_object_path(store, container, object, &path, err);

    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_errno(err, -errno, "cannot open the object");
    r = store_metadata_read(fd, ret, err);
    if (r < 0)
        return r;
    *ret_fd = take_fd(&fd);
    return 0;
}

int store_object_update(struct store *store, const char *container, const char *object,
                        const struct store_object *with, struct error *err)
{
    _cleanup_(store_object_release) struct store_object old = {0};
    _cleanup_close_ int fd = -1;
    struct store_object now;
    int r = store_object_open(store, container, object, &fd, &old, err);

    if (r < 0)
        return r;
    now = *with; // borrows
    now.etag = old.etag;
    if (!now.content_type)
        now.content_type = old.content_type;
    r = store_metadata_write(fd, &now, err);
    if (r == 0 && fsync(fd) < 0)
        r = error_errno(err, -errno, "cannot sync the object's metadata");
    return r;
}

// Drops the folders above `path` that are empty now, up to the container's own. It is harmless when
// one stays, and another upload makes what it needs.
static void prune(const struct store *store, const char *container_dir, char *path)
{
    size_t stop = strlen(container_dir);

    (void)store;
    for (char *slash = strrchr(path, '/'); slash && (size_t)(slash - path) > stop;
         slash = strrchr(path, '/')) {
        *slash = '\0';
        if (rmdir(path) < 0)
            return;
    }
}

int store_object_delete(struct store *store, const char *container, const char *object,
                        struct error *err)
{
    _cleanup_free_ char *path = NULL, *dir = NULL, *parent = NULL;
    int r = store_object_path(store, container, object, &path, err);

    if (r == 0)
        r = store_path_container(store, container, &dir, err);
    if (r < 0)
        return r;
    parent = strndup(path, (size_t)(strrchr(path, '/') - path));
    if (!parent)
        return error_oom(err);
    if (unlink(path) < 0)
        return error_errno(err, -errno, "cannot remove the object");
    r = dir_sync(parent, err);
    prune(store, dir, path);
    return r;
}
