// SPDX-License-Identifier: GPL-3.0-only
#include "charm/novarcs.h"

#include "base/buf.h"
#include "data/base64.h"
#include "data/openrc.h"
#include "data/ustar.h"

#define NAME_MAX_LEN 90
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

void novarcs_release(struct novarcs *novarcs)
{
    for (size_t i = 0; i < novarcs->len; i++) {
        free(novarcs->items[i].name);
        if (novarcs->items[i].text)
            explicit_bzero(novarcs->items[i].text, novarcs->items[i].len);
        free(novarcs->items[i].text);
    }
    free(novarcs->items);
    *novarcs = (struct novarcs){0};
}

const struct novarc *novarcs_find(const struct novarcs *novarcs, const char *name)
{
    for (size_t i = 0; i < novarcs->len; i++)
        if (strcmp(novarcs->items[i].name, name) == 0)
            return &novarcs->items[i];
    return NULL;
}

static int check_name(const char *name, struct error *err)
{
    size_t len = strlen(name);

    if (strchr(name, '/'))
        return error_set(err, -EINVAL, "%s: expected no folders in the archive", name);
    if (len < 4 || len > NAME_MAX_LEN || !str_ends_with(name, ".rc") || name[0] == '.' ||
        name[0] == '-' || strspn(name, NAME_CHARS) != len)
        return error_set(err, -EINVAL, "%s: expected a name REGION.rc or REGION-ARCH.rc", name);
    return 0;
}

static int add(struct novarcs *novarcs, const char *name, const struct ustar_member *member)
{
    struct novarc *grown = reallocarray(novarcs->items, novarcs->len + 1, sizeof(*grown));
    struct novarc item = {.len = member->size};

    if (!grown)
        return -ENOMEM;
    novarcs->items = grown;
    item.name = strdup(name);
    item.text = strndup(member->content, member->size);
    grown[novarcs->len++] = item;
    return item.name && item.text ? 0 : -ENOMEM;
}

static int take(const struct ustar_member *member, void *userdata, struct error *err)
{
    struct novarcs *novarcs = userdata;
    _cleanup_openrc_ struct openrc rc = {0};
    const char *name = member->name;
    int r;

    while (str_starts_with(name, "./")) // as `tar -c .` has them
        name += 2;
    if (member->folder && (!*name || strcmp(name, ".") == 0))
        return 0;
    r = check_name(name, err);
    if (r < 0)
        return r;
    if (member->folder)
        return error_set(err, -EINVAL, "%s: expected a plain file, found a folder", name);
    if (novarcs_find(novarcs, name))
        return error_set(err, -EINVAL, "%s: is twice in the archive", name);
    if (novarcs->len == NOVARCS_FILES_MAX)
        return error_set(err, -EINVAL, "expected at most %u files", NOVARCS_FILES_MAX);
    r = openrc_parse(member->content, member->size, name, &rc, err);
    if (r < 0)
        return r;
    return add(novarcs, name, member) < 0 ? error_oom(err) : 0;
}

int novarcs_parse(const void *tar, size_t len, struct novarcs *ret, struct error *err)
{
    _cleanup_(novarcs_release) struct novarcs novarcs = {0};
    int r;

    if (len >= 2 && memcmp(tar, "\x1f\x8b", 2) == 0)
        return error_set(err, -EINVAL, "expected a plain tar archive, got a compressed one");
    r = ustar_walk(tar, len, take, &novarcs, err);
    if (r == -EBADMSG || r == -ENOTSUP)
        return -EINVAL;
    if (r < 0)
        return r;
    if (novarcs.len == 0)
        return error_set(err, -EINVAL, "expected files REGION.rc in the archive, found none");
    *ret = novarcs;
    novarcs = (struct novarcs){0};
    return 0;
}

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->len);
    buf_release(b);
}

int novarcs_decode(const char *base64, struct novarcs *ret, struct error *err)
{
    _cleanup_(wipe) struct buf once = BUF_INIT(2 * NOVARCS_MAX), twice = BUF_INIT(NOVARCS_MAX);
    const struct buf *tar = &once;
    int r = base64_decode(base64, &once);

    if (r >= 0 && !ustar_is_archive(buf_str(&once), once.len) &&
        !memchr(buf_str(&once), '\0', once.len) && base64_decode(buf_str(&once), &twice) == 0 &&
        twice.len > 0)
        tar = &twice;
    if (r == -ENOMEM)
        return error_oom(err);
    if (r == -E2BIG || tar->len > NOVARCS_MAX)
        return error_set(err, -EINVAL, "expected at most %zu bytes", NOVARCS_MAX);
    if (r < 0)
        return error_set(err, -EINVAL, "expected base64");
    return novarcs_parse(buf_str(tar), tar->len, ret, err);
}

int novarcs_check(const struct novarcs *novarcs, const struct settings *settings, const char *app,
                  struct error *err)
{
    for (size_t i = 0; i < settings->clouds_len; i++) {
        const struct cloud_workers *place = &settings->clouds[i];
        _cleanup_free_ char *name = openrc_file_name(place->cloud, place->arch);

        if (!name)
            return error_oom(err);
        if (place->kind != CLOUD_OPENSTACK || novarcs_find(novarcs, name))
            continue;
        return error_set(err, -EINVAL,
                         "n-workers: %s.%s: there is no %s in novarcs: add it to novarcs.tar, then "
                         "juju config %s novarcs=\"$(base64 -w0 novarcs.tar)\"",
                         place->cloud, place->arch, name, app);
    }
    return 0;
}
