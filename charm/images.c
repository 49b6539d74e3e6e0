// SPDX-License-Identifier: GPL-3.0-only
#include "charm/images.h"

#include "base/buf.h"
#include "base/file.h"
#include "data/remote.h"

#include <unistd.h>

#define FAILURE_MAX 4096

static bool has_images(const struct local_workers *local)
{
    for (unsigned b = 0; b < BACKEND_COUNT; b++)
        if (local->count[b] > 0 && backend_has_images((enum backend)b))
            return true;
    return false;
}

// The caller frees.
static char *name_of(const char *prefix, const char *release, const char *arch)
{
    // i386 is tested as a foreign architecture of amd64.
    return str_format("%s%s-%s", prefix, release, strcmp(arch, "i386") == 0 ? "amd64" : arch);
}

static int add_once(struct strv *list, const char *name)
{
    return !name ? -ENOMEM : strv_contains(list, name) ? 0 : strv_add(list, name);
}

static int add_of_hosts(const struct settings *settings, struct strv *ret)
{
    int r = 0;

    STRV_FOREACH (release, &settings->releases)
        for (size_t i = 0; i < settings->clouds_len && r >= 0; i++) {
            const struct cloud_workers *place = &settings->clouds[i];
            _cleanup_free_ char *prefix = str_format("%s-", place->cloud);
            _cleanup_free_ char *name = prefix ? name_of(prefix, release, place->arch) : NULL;

            if (place->kind == CLOUD_LXD && place->count > 0)
                r = add_once(ret, name);
        }
    return r;
}

static int add_of_unit(const struct settings *settings, struct strv *ret)
{
    STRV_FOREACH (release, &settings->releases)
        for (size_t i = 0; i < settings->local_len; i++) {
            const struct local_workers *local = &settings->local[i];
            _cleanup_free_ char *name = name_of("", release, local->arch);

            if (has_images(local) && add_once(ret, name) < 0)
                return -ENOMEM;
        }
    return 0;
}

int images_possible(const struct settings *settings, struct strv *ret)
{
    int r;

    if (!settings->worker || !str_empty(settings->worker_args))
        return 0;
    r = add_of_unit(settings, ret);
    return r < 0 ? r : add_of_hosts(settings, ret);
}

int images_needed(const char *root, const struct settings *settings, struct strv *ret)
{
    _cleanup_strv_ struct strv all = STRV_INIT;

    if (images_possible(settings, &all) < 0)
        return -ENOMEM;
    STRV_FOREACH (name, &all)
        if ((!str_starts_with(name, REMOTE_PREFIX) || image_is_there(root, name, false)) &&
            strv_add(ret, name) < 0)
            return -ENOMEM;
    return 0;
}

static bool has_local_images(const struct settings *settings)
{
    for (size_t i = 0; i < settings->local_len; i++)
        if (has_images(&settings->local[i]))
            return true;
    return false;
}

bool images_are_made(const struct settings *settings)
{
    return settings->worker && str_empty(settings->worker_args) &&
           (has_local_images(settings) || settings_count_clouds(settings, CLOUD_LXD) > 0);
}

bool image_is_there(const char *root, const char *name, bool schroot)
{
    const char *suffix = str_starts_with(name, REMOTE_PREFIX) ? IMAGE_SUFFIX_LXD
                         : schroot                            ? IMAGE_SCHROOT_SUFFIX // given last
                                                              : IMAGE_SUFFIX;
    _cleanup_free_ char *path = str_format("%s" IMAGES_DIR "/%s%s", root, name, suffix);

    return path && access(path, F_OK) == 0;
}

char *image_failure(const char *root, const char *name)
{
    _cleanup_free_ char *path = str_format("%s" IMAGES_DIR "/%s.failed", root, name);
    _cleanup_buf_ struct buf text = BUF_INIT(FAILURE_MAX);

    if (!path || file_read(path, &text, NULL) < 0)
        return NULL;
    return strndup(buf_str(&text), strcspn(buf_str(&text), "\n"));
}

char *image_service(const char *name)
{
    return str_format(IMAGE_PREFIX "%s.service", name);
}

char *image_service_of(const char *timer)
{
    return str_format("%.*s.service", (int)(strlen(timer) - strlen(".timer")), timer);
}
