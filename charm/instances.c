// SPDX-License-Identifier: GPL-3.0-only
#include "charm/instances.h"

#include "base/buf.h"

static int each_local(const struct settings *settings,
                      int (*each)(const struct instance *instance, void *userdata), void *userdata)
{
    for (size_t i = 0; i < settings->local_len; i++) {
        struct instance instance = {.cloud = "local", .arch = settings->local[i].arch};

        for (unsigned b = 0; b < BACKEND_COUNT; b++) {
            instance.backend = (enum backend)b;
            for (unsigned n = 0; n < settings->local[i].count[b]; n++) {
                int r;

                instance.number++;
                r = each(&instance, userdata);
                if (r < 0)
                    return r;
            }
        }
    }
    return 0;
}

int instances_each(const struct settings *settings,
                   int (*each)(const struct instance *instance, void *userdata), void *userdata)
{
    int r = each_local(settings, each, userdata);

    for (size_t i = 0; i < settings->clouds_len && r >= 0; i++) {
        const struct cloud_workers *place = &settings->clouds[i];
        struct instance instance = {
            .cloud = place->cloud, .arch = place->arch, .place = place, .backend = BACKEND_COUNT};

        while (r >= 0 && instance.number < place->count) {
            instance.number++;
            r = each(&instance, userdata);
        }
    }
    return r;
}

char *instance_name(const struct instance *instance)
{
    return str_format("%s-%s-%u", instance->cloud, instance->arch, instance->number);
}
