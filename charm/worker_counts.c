// SPDX-License-Identifier: GPL-3.0-only
#include "charm/worker_counts.h"

#include "data/json.h"

// {OPTION: {"option": its text, "counts": {outer: {inner: number}}}}
#define KEY "worker-counts"

static int set_local(struct settings *settings, const char *arch, const char *virt, unsigned count)
{
    return settings_set_local(settings, arch, backend_from_name(virt), count);
}

static int set_remote(struct settings *settings, const char *arch, const char *address,
                      unsigned count)
{
    return settings_set_remote(settings, arch, address, count);
}

static int set_region(struct settings *settings, const char *region, const char *arch,
                      unsigned count)
{
    return settings_set_cloud(settings, CLOUD_OPENSTACK, region, arch, count);
}

// Options whose numbers can be set, and how one of them gets into the settings.
static const struct counted {
    const char *option;
    int (*set)(struct settings *settings, const char *outer, const char *inner, unsigned count);
} counted[] = {
    {"local-workers", set_local},
    {"n-workers", set_region},
    {"lxd-remotes", set_remote},
    {WORKER_COUNTS_ADDED, set_remote}, // is no option, so its text never changes; comes last
};

// What is remembered of an option, if it still has that text. Before there were several, there was
// only that of local-workers.
static const json_t *holding(const struct state *state, const json_t *config, const char *option)
{
    const json_t *all = state_value(state, KEY), *entry = json_object_get(all, option);

    if (str_equal(option, "local-workers") && json_is_string(json_object_get(all, "option")))
        entry = all;
    if (!entry || !str_equal(json_text(entry, "option"), json_text(config, option)))
        return NULL;
    return entry;
}

// All that holds, to be changed; the caller owns it.
static json_t *collect(const struct state *state, const json_t *config)
{
    json_t *all = json_object();

    for (size_t i = 0; all && i < ARRAY_SIZE(counted); i++) {
        const json_t *entry = holding(state, config, counted[i].option);

        if (entry && json_put(all, counted[i].option, json_deep_copy(entry)) < 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

static int apply(const struct counted *how, const json_t *counts, struct settings *settings)
{
    const char *outer, *inner;
    json_t *map, *count;

    json_object_foreach ((json_t *)(uintptr_t)counts, outer, map) {
        json_object_foreach (map, inner, count) {
            if (how->set(settings, outer, inner, (unsigned)json_integer_value(count)) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

int worker_counts_apply(struct state *state, const json_t *config, struct settings *settings,
                        bool *ret_some, struct error *err)
{
    _cleanup_json_ json_t *all = collect(state, config);

    if (!all)
        return error_oom(err);
    if (ret_some)
        *ret_some = json_object_size(all) > 0;
    for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
        const json_t *entry = json_object_get(all, counted[i].option);

        if (apply(&counted[i], json_object_get(entry, "counts"), settings) < 0)
            return error_oom(err);
    }
    return state_set_value(state, KEY, json_object_size(all) > 0 ? all : NULL, err);
}

int worker_counts_set(struct state *state, const json_t *config, const char *option,
                      const char *outer, const char *inner, unsigned count, struct error *err)
{
    _cleanup_json_ json_t *all = collect(state, config);
    json_t *entry = json_object_get(all, option), *counts, *map;

    if (!all)
        return error_oom(err);
    if (!entry) {
        entry = json_pack("{s:s, s:{}}", "option", json_text(config, option), "counts");
        if (json_put(all, option, entry) < 0)
            return error_oom(err);
    }
    counts = json_object_get(entry, "counts");
    map = json_object_get(counts, outer);
    if (!map) {
        map = json_object();
        if (json_put(counts, outer, map) < 0)
            return error_oom(err);
    }
    if (json_put_int(map, inner, count) < 0)
        return error_oom(err);
    return state_set_value(state, KEY, all, err);
}

int worker_counts_unset(struct state *state, const json_t *config, const char *option,
                        const char *outer, const char *inner, bool *ret_some, struct error *err)
{
    _cleanup_json_ json_t *all = collect(state, config);
    json_t *counts = json_object_get(json_object_get(all, option), "counts");
    json_t *map = json_object_get(counts, outer);

    if (!all)
        return error_oom(err);
    *ret_some = json_object_get(map, inner) != NULL;
    if (!*ret_some)
        return 0;
    (void)json_object_del(map, inner);
    if (json_object_size(map) == 0)
        (void)json_object_del(counts, outer);
    if (json_object_size(counts) == 0)
        (void)json_object_del(all, option);
    return state_set_value(state, KEY, json_object_size(all) > 0 ? all : NULL, err);
}
