// SPDX-License-Identifier: GPL-3.0-only
#include "charm/images.h"

#include "base/buf.h"
#include "base/file.h"

#include <unistd.h>

#define FAILURE_MAX 4096

static bool has_images(const struct local_workers *local)
{
    for (unsigned b = 0; b < BACKEND_COUNT; b++)
        if (local->count[b] > 0 && backend_has_images((enum backend)b))
            return true;
    return false;
}

int images_needed(const struct settings *settings, struct strv *ret)
{
    if (!settings->worker || !str_empty(settings->worker_args))
        return 0;
    STRV_FOREACH (release, &settings->releases)
        for (size_t i = 0; i < settings->local_len; i++) {
            const struct local_workers *local = &settings->local[i];
            // i386 is tested as a foreign architecture of amd64.
            const char *arch = strcmp(local->arch, "i386") == 0 ? "amd64" : local->arch;
            _cleanup_free_ char *name = str_format("%s-%s", release, arch);

            if (!has_images(local))
                continue;
            if (!name || (!strv_contains(ret, name) && strv_add(ret, name) < 0))
                return -ENOMEM;
        }
    return 0;
}

bool image_is_there(const char *root, const char *name, bool schroot)
{
    const char *suffix = schroot ? IMAGE_SCHROOT_SUFFIX : IMAGE_SUFFIX; // schroot's is given last
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
