// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/file.h"
#include "web/store_internal.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACL_MAX 2048
#define CONTAINER_FILE_MAX ((size_t)16 * 1024)

static int write_container(const char *dir, const struct store_container *container,
                           struct error *err)
{
    _cleanup_json_ json_t *value = json_object();
    _cleanup_buf_ struct buf text = BUF_INIT(CONTAINER_FILE_MAX);
    _cleanup_free_ char *path = path_join(dir, STORE_CONTAINER_FILE);

    if (!value || !path || json_put_string(value, "read", container->read_acl) < 0 ||
        json_put_int(value, "created", container->created_us) < 0 || json_write(value, &text) < 0)
        return error_oom(err);
    return file_replace(path, text.data, text.len, &FILE_ATTRIBUTES(0640), NULL, err);
}

// Why a container's file cannot be opened: there is no such container, or no store any more (a disk
// that is gone), which must not look like one without results.
static int not_there(struct store *store, const char *container, int r, struct error *err)
{
    error_clear(err);
    if (r != -ENOENT || access(store->uploads, F_OK) < 0)
        return outage_fail(&store->outage, "the store of results is out of reach", err);
    outage_end(&store->outage);
    return error_set(err, r, "there is no container %s", container);
}

int store_container_get(struct store *store, const char *container, struct store_container *ret,
                        struct error *err)
{
    _cleanup_free_ char *dir = NULL, *path = NULL;
    _cleanup_json_ json_t *value = NULL;
    struct store_container found = {0};
    const char *acl = "";
    int r = store_path_container(store, container, &dir, err);

    if (r < 0)
        return r;
    path = path_join(dir, STORE_CONTAINER_FILE);
    if (!path)
        return error_oom(err);
    r = json_parse_file(path, CONTAINER_FILE_MAX, &value, err);
    if (r == -ENOENT || r == -ENOTDIR || r == -EIO)
        return not_there(store, container, r, err);
    outage_end(&store->outage);
    if (r < 0 || (r = json_get_optional_string(value, "read", &acl, err)) < 0 ||
        (r = json_get_optional_int(value, "created", &found.created_us, err)) < 0)
        return error_prefix(err, -EUCLEAN, "container %s", container);
    found.read_acl = strdup(acl);
    if (!found.read_acl)
        return error_oom(err);
    *ret = found;
    return 0;
}

void store_container_release(struct store_container *container)
{
    free(container->read_acl);
    *container = (struct store_container){0};
}

int store_container_put(struct store *store, const char *container, const char *read_acl,
                        bool *ret_created, struct error *err)
{
    _cleanup_(store_container_release) struct store_container now = {0};
    _cleanup_free_ char *dir = NULL;
    bool created;
    int r = store_path_container(store, container, &dir, err);

    if (r < 0)
        return r;
    if (read_acl && strlen(read_acl) > ACL_MAX)
        return error_set(err, -EINVAL, "X-Container-Read: longer than %d bytes", ACL_MAX);
    r = store_container_get(store, container, &now, err);
    created = r == -ENOENT;
    if (r < 0 && r != -ENOENT)
        return r;
    error_clear(err);
    if (created) {
        now.created_us = (int64_t)clock_realtime_us();
        r = dir_make(dir, 0750, err);
        if (r == 0)
            r = dir_sync(store->dir, err);
        if (r < 0)
            return r;
    }
    if (read_acl || created) {
        free(now.read_acl);
        now.read_acl = strdup(read_acl ? read_acl : "");
        if (!now.read_acl)
            return error_oom(err);
        r = write_container(dir, &now, err);
        if (r < 0)
            return r;
    }
    *ret_created = created;
    return 0;
}

static int refuse_entry(const struct store_entry *entry _unused_, void *userdata _unused_)
{
    return -ENOTEMPTY;
}

int store_container_delete(struct store *store, const char *container, struct error *err)
{
    const struct store_query any = {.limit = 1};
    _cleanup_(store_container_release) struct store_container now = {0};
    _cleanup_free_ char *dir = NULL;
    int r = store_container_get(store, container, &now, err);

    if (r == 0)
        r = store_path_container(store, container, &dir, err);
    if (r == 0)
        r = store_list(store, container, &any, refuse_entry, NULL, err);
    if (r == -ENOTEMPTY)
        return error_set(err, r, "the container %s has objects", container);
    if (r == 0)
        r = dir_remove(dir, err);
    if (r == 0)
        r = dir_sync(store->dir, err);
    return r;
}

int store_containers(const struct store *store, struct strv *ret, struct error *err)
{
    DIR *dir = opendir(store->dir);
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return error_errno(err, -errno, "cannot read the store %s", store->dir);
    while (r == 0 && (entry = readdir(dir))) {
        _cleanup_buf_ struct buf name = BUF_INIT(PATH_MAX);
        _cleanup_free_ char *marker = NULL;

        if (entry->d_name[0] == '.' || store_name_decode(entry->d_name, &name) < 0)
            continue;
        marker = str_format("%s/%s/%s", store->dir, entry->d_name, STORE_CONTAINER_FILE);
        if (!marker)
            r = -ENOMEM;
        else if (access(marker, F_OK) == 0)
            r = strv_add(ret, buf_str(&name));
    }
    (void)closedir(dir);
    strv_sort(ret);
    return r < 0 ? error_oom(err) : 0;
}

// Whether the comma-separated list has this element, and no rule that shuts some referrers out
// (those are not weighed here, so that they must not open anything).
static bool acl_has(const char *acl, const char *element)
{
    _cleanup_strv_ struct strv elements = STRV_INIT;

    if (strv_split(&elements, acl, ", \t") < 0)
        return false;
    STRV_FOREACH (e, &elements)
        if (str_starts_with(e, ".r:-"))
            return false;
    return strv_contains(&elements, element);
}

bool store_acl_opens_objects(const char *acl)
{
    return acl && acl_has(acl, ".r:*");
}

bool store_acl_opens_listing(const char *acl)
{
    return store_acl_opens_objects(acl) && acl_has(acl, ".rlistings");
}
