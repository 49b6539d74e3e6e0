// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "base/parse.h"
#include "web/store_internal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#define SYNC_EVERY ((uint64_t)32 * 1024 * 1024)

struct store_upload {
    struct store *store;
    char *container_dir;
    char *target;
    char *temporary; // NULL once it was renamed
    int fd;
    EVP_MD_CTX *md5;
    uint64_t size, synced;
};

void store_upload_free(struct store_upload *u)
{
    if (!u)
        return;
    if (u->temporary)
        (void)unlink(u->temporary);
    if (u->fd >= 0)
        (void)close(u->fd);
    EVP_MD_CTX_free(u->md5);
    free(u->container_dir);
    free(u->target);
    free(u->temporary);
    free(u);
}
DEFINE_CLEANUP(struct store_upload *, store_upload_free)

int store_upload_begin(struct store *store, const char *container, const char *object,
                       struct store_upload **ret, struct error *err)
{
    _cleanup_(store_upload_freep) struct store_upload *u = calloc(1, sizeof(*u));
    int r;

    if (!u)
        return error_oom(err);
    u->fd = -1;
    u->store = store;
    r = store_path_object(store, container, object, &u->target, err);
    if (r == 0)
        r = store_path_container(store, container, &u->container_dir, err);
    if (r < 0)
        return r;
    u->md5 = EVP_MD_CTX_new();
    u->temporary = str_format("%s/XXXXXX", store->uploads);
    if (!u->md5 || !u->temporary || EVP_DigestInit_ex(u->md5, EVP_md5(), NULL) != 1)
        return error_oom(err);
    u->fd = mkostemp(u->temporary, O_CLOEXEC);
    if (u->fd < 0) {
        r = -errno;
        free(TAKE_PTR(u->temporary)); // there is nothing to remove
        return error_errno(err, r, "cannot make a file in %s", store->uploads);
    }
    *ret = TAKE_PTR(u);
    return 0;
}

int store_upload_write(struct store_upload *u, const void *bytes, size_t len, struct error *err)
{
    int r;

    if (u->size + len > STORE_OBJECT_MAX)
        return error_set(err, -EFBIG, "the object is larger than %llu bytes",
                         (unsigned long long)STORE_OBJECT_MAX);
    r = fd_write_all(u->fd, bytes, len);
    if (r < 0)
        return error_errno(err, r, "cannot write to the store");
    if (EVP_DigestUpdate(u->md5, bytes, len) != 1)
        return error_oom(err);
    u->size += len;
    // Start writing back early, so that the sync at the end is short.
    if (u->size - u->synced >= SYNC_EVERY) {
        (void)sync_file_range(u->fd, (off_t)u->synced, 0, SYNC_FILE_RANGE_WRITE);
        u->synced = u->size;
    }
    return 0;
}

static int sync_folder_of(const char *path, struct error *err)
{
    _cleanup_free_ char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));

    return dir ? dir_sync(dir, err) : error_oom(err);
}

// Makes the folders between the container and the file and syncs those above new ones.
static int make_folders(const struct store_upload *u, struct error *err)
{
    _cleanup_free_ char *path = strdup(u->target);

    if (!path)
        return error_oom(err);
    for (char *p = path + strlen(u->container_dir) + 1; (p = strchr(p, '/')); p++) {
        int r = 0;

        *p = '\0';
        if (mkdir(path, 0750) == 0)
            r = sync_folder_of(path, err);
        else if (errno != EEXIST)
            r = errno == ENOTDIR ? error_set(err, -EEXIST, "an object has the name of the folder")
                                 : error_errno(err, -errno, "cannot make a folder in the store");
        if (r < 0)
            return r;
        *p = '/';
    }
    return 0;
}

static int publish(struct store_upload *u, struct error *err)
{
    int r = make_folders(u, err);

    if (r < 0)
        return r;
    if (rename(u->temporary, u->target) < 0) {
        if (errno == ENOTDIR || errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST)
            return error_set(err, -EEXIST,
                             "other objects have this name as a folder, or a part of it as a file");
        return error_errno(err, -errno, "cannot move the object to its place");
    }
    free(TAKE_PTR(u->temporary));
    return sync_folder_of(u->target, err);
}

int store_upload_commit(struct store_upload *u, const struct store_object *with,
                        const char *want_etag, struct store_object *ret, struct error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    char etag[EVP_MAX_MD_SIZE * 2 + 1];
    struct store_object object = *with; // borrows
    int r;

    if (EVP_DigestFinal_ex(u->md5, digest, &digest_len) != 1)
        return error_oom(err);
    hex_encode(digest, digest_len, etag);
    if (want_etag && strcasecmp(want_etag, etag) != 0)
        return error_set(err, -EBADMSG, "ETag: what came has the MD5 %s", etag);
    object.etag = etag;
    r = store_metadata_write(u->fd, &object, err);
    if (r < 0)
        return r;
    if (fchmod(u->fd, 0640) < 0 || fsync(u->fd) < 0)
        return error_errno(err, -errno, "cannot sync the object");
    r = publish(u, err);
    return r < 0 ? r : store_metadata_read(u->fd, ret, err);
}
