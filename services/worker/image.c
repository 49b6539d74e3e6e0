// SPDX-License-Identifier: GPL-3.0-only
#include "worker/image.h"

#include "base/log.h"
#include "worker/command.h"

#include <unistd.h>

// With variables; NULL: the backend's testbeds are not single files.
static const char *image_of(const struct worker_settings *settings)
{
    if (settings->image || settings->backend_args.len || !str_equal(settings->backend, "qemu"))
        return settings->image;
    return COMMAND_QEMU_IMAGE;
}

bool image_is_there(const struct worker_settings *settings, const char *release)
{
    const struct request request = {0};
    const struct command_context context = {
        .request = &request, .release = release, .arch = settings->arch};
    _cleanup_free_ char *path = NULL;

    if (!image_of(settings))
        return true;
    path = command_expand(&context, image_of(settings));
    return path && access(path, R_OK) == 0;
}

size_t image_missing(const struct worker *w, const char **ret_first)
{
    size_t n = 0;

    if (!image_of(&w->settings))
        return 0;
    STRV_FOREACH (release, &w->settings.releases) {
        if (image_is_there(&w->settings, release))
            continue;
        if (n++ == 0)
            *ret_first = release;
    }
    return n;
}

void image_choose(struct worker *w)
{
    bool all = true;

    for (size_t i = 0; i < w->pick.len; i++) {
        struct pick_queue *queue = &w->pick.queues[i];

        queue->usable = image_is_there(&w->settings, queue->release);
        all = all && queue->usable;
    }
    w->image_at_us = all ? USEC_INFINITY : clock_monotonic_us() + IMAGE_PAUSE_US;
}

bool image_has_changed(struct worker *w)
{
    if (clock_monotonic_us() < w->image_at_us)
        return false;
    w->image_at_us = clock_monotonic_us() + IMAGE_PAUSE_US;
    for (size_t i = 0; i < w->pick.len; i++) {
        const struct pick_queue *queue = &w->pick.queues[i];

        if (image_is_there(&w->settings, queue->release) == queue->usable)
            continue;
        log_info("the image of %s is %s", queue->release, queue->usable ? "gone" : "there");
        return true;
    }
    return false;
}
