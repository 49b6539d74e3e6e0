// SPDX-License-Identifier: GPL-3.0-only
#include "web/store_internal.h"

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

// Makes a file as an upload does, and drops it.
int store_check(const struct store *store, struct error *err)
{
    _cleanup_close_ int fd = open(store->uploads, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0640);

    if (fd < 0)
        return error_errno(err, -errno, "the store %s cannot be written", store->dir);
    if (fsetxattr(fd, STORE_ATTRIBUTE, "{}", 2, 0) < 0)
        return error_errno(err, -errno,
                           "the store %s needs a file system with user extended attributes",
                           store->dir);
    return 0;
}

int store_open(const char *dir, struct store **ret, struct error *err)
{
    _cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));
    int r;

    if (!store)
        return error_oom(err);
    store->dir = strdup(dir);
    store->uploads = path_join(dir, STORE_UPLOADS);
    if (!store->dir || !store->uploads)
        return error_oom(err);
    r = dir_remove(store->uploads, err); // what a crash has left
    if (r == 0)
        r = dir_make(store->uploads, 0750, err);
    if (r == 0)
        r = store_check(store, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(store);
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    free(store->dir);
    free(store->uploads);
    free(store);
}

int store_name_encode(const char *component, size_t len, struct buf *b)
{
    size_t start = b->len;
    int r = 0;

    if (len == 0)
        return buf_add_char(b, '%');
    for (size_t i = 0; i < len && r == 0; i++) {
        unsigned char c = (unsigned char)component[i];

        if (c < 0x20 || c == 0x7f || c == '%' || (c == '.' && i == 0))
            r = buf_addf(b, "%%%02X", c);
        else
            r = buf_add_char(b, (char)c);
    }
    return r < 0 ? r : b->len - start > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int store_name_decode(const char *file, struct buf *b)
{
    int r = 0;

    if (strcmp(file, "%") == 0)
        return buf_add_str(b, "");
    for (; *file && r == 0; file++) {
        int high, low;

        if (*file != '%') {
            r = buf_add_char(b, *file);
            continue;
        }
        high = hex_value(file[1]);
        low = high < 0 ? -1 : hex_value(file[2]);
        if (low < 0 || high + low == 0)
            return -EINVAL;
        r = buf_add_char(b, (char)(high * 16 + low));
        file += 2;
    }
    return r;
}

static bool is_utf8(const char *s)
{
    _cleanup_json_ json_t *value = json_string(s);

    return value != NULL;
}

int store_path_container(const struct store *store, const char *container, char **ret,
                         struct error *err)
{
    _cleanup_buf_ struct buf path = BUF_INIT(PATH_MAX);
    size_t len = strlen(container);

    if (len == 0 || len > STORE_CONTAINER_MAX || strchr(container, '/') || !is_utf8(container))
        return error_set(err, -EINVAL,
                         "container: expected a name of 1 to %d bytes of UTF-8 without '/'",
                         STORE_CONTAINER_MAX);
    if (buf_addf(&path, "%s/", store->dir) < 0 || store_name_encode(container, len, &path) < 0)
        return error_set(err, -EINVAL, "container: the name is too long");
    *ret = buf_take(&path);
    return *ret ? 0 : error_oom(err);
}

int store_path_object(const struct store *store, const char *container, const char *object,
                      char **ret, struct error *err)
{
    _cleanup_buf_ struct buf path = BUF_INIT(PATH_MAX);
    _cleanup_free_ char *folder = NULL;
    int r = store_path_container(store, container, &folder, err);

    if (r < 0)
        return r;
    if (!*object || strlen(object) > STORE_NAME_MAX || !is_utf8(object))
        return error_set(err, -EINVAL, "object: expected a name of 1 to %d bytes of UTF-8",
                         STORE_NAME_MAX);
    r = buf_add_str(&path, folder);
    for (const char *p = object; r == 0; p++) {
        size_t len = strcspn(p, "/");

        r = buf_add_char(&path, '/');
        if (r == 0)
            r = store_name_encode(p, len, &path);
        p += len;
        if (!*p)
            break;
    }
    if (r < 0)
        return error_set(err, r == -ENOMEM ? r : -EINVAL,
                         "object: a part of the name is longer than %d bytes", NAME_MAX);
    *ret = buf_take(&path);
    return *ret ? 0 : error_oom(err);
}
