// SPDX-License-Identifier: GPL-3.0-only
#include "charm/worker_counts.h"

#include "data/json.h"

// {"option": text of local-workers, "counts": {arch: {virt: number}}}
#define KEY "worker-counts"

static const json_t *holding(const struct state *state, const json_t *config)
{
    const json_t *all = state_value(state, KEY);

    if (!all || !str_equal(json_text(all, "option"), json_text(config, "local-workers")))
        return NULL;
    return json_object_get(all, "counts");
}

int worker_counts_apply(struct state *state, const json_t *config, struct settings *settings,
                        bool *ret_some, struct error *err)
{
    const json_t *counts = holding(state, config);
    const char *arch, *virt;
    json_t *map, *count;

    if (ret_some)
        *ret_some = json_object_size(counts) > 0;
    if (!counts)
        return state_set_value(state, KEY, NULL, err);
    json_object_foreach ((json_t *)(uintptr_t)counts, arch, map) {
        json_object_foreach (map, virt, count) {
            if (settings_set_local(settings, arch, backend_from_name(virt),
                                   (unsigned)json_integer_value(count)) < 0)
                return error_oom(err);
        }
    }
    return 0;
}

int worker_counts_set(struct state *state, const json_t *config, const char *arch,
                      enum backend backend, unsigned count, struct error *err)
{
    const json_t *old = holding(state, config);
    _cleanup_json_ json_t *counts = old ? json_deep_copy(old) : json_object();
    _cleanup_json_ json_t *all = NULL;
    json_t *map = json_object_get(counts, arch);

    if (!counts)
        return error_oom(err);
    if (!map) {
        map = json_object();
        if (json_put(counts, arch, map) < 0)
            return error_oom(err);
    }
    if (json_put_int(map, backend_name(backend), count) < 0)
        return error_oom(err);
    all = json_pack("{s:s, s:O}", "option", json_text(config, "local-workers"), "counts", counts);
    return all ? state_set_value(state, KEY, all, err) : error_oom(err);
}
