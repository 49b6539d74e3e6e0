// SPDX-License-Identifier: GPL-3.0-only
// What this unit runs: looking at it, telling it to read its settings, other numbers of workers.
#include "charm/actions.h"

#include "charm/action_target.h"
#include "charm/instances.h"
#include "charm/options.h"
#include "charm/reconcile.h"
#include "charm/status.h"
#include "charm/worker_counts.h"
#include "data/json.h"

#define COUNT_MAX 1000 // of one place; more is a slip of the finger

// ---- show-target-config

struct place {
    const char *cloud, *arch; // borrowed from the settings
    struct strv services;
};

struct gathering {
    struct place *places;
    size_t len;
    struct strv services; // of all
};

static void gathering_release(struct gathering *g)
{
    for (size_t i = 0; i < g->len; i++)
        strv_release(&g->places[i].services);
    free(g->places);
    strv_release(&g->services);
}

static int gather(const struct instance *instance, void *userdata)
{
    struct gathering *g = userdata;
    _cleanup_free_ char *name = instance_name(instance);

    if (g->len == 0 || strcmp(g->places[g->len - 1].arch, instance->arch) != 0 ||
        strcmp(g->places[g->len - 1].cloud, instance->cloud) != 0) {
        struct place *grown = reallocarray(g->places, g->len + 1, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        g->places = grown;
        g->places[g->len++] = (struct place){.cloud = instance->cloud, .arch = instance->arch};
    }
    if (!name || strv_addf(&g->services, WORKER_PREFIX "%s.service", name) < 0)
        return -ENOMEM;
    return strv_addf(&g->places[g->len - 1].services, WORKER_PREFIX "%s.service", name);
}

static bool runs(const struct unit_state *state)
{
    return state && (str_equal(state->active, "active") || str_equal(state->active, "reloading"));
}

static int put_figures(struct action *action, const char *prefix, const struct strv *services,
                       const struct unit_states *states)
{
    struct worker_figures figures = {0};
    const struct {
        const char *key;
        const size_t *value;
    } more[] = {{"busy", &figures.busy},
                {"drained", &figures.drained},
                {"paused", &figures.paused},
                {"offline", &figures.offline}};
    _cleanup_free_ char *wanted = str_format("%s-wanted", prefix);
    _cleanup_free_ char *running = str_format("%s-running", prefix);
    size_t up = 0;
    int r;

    STRV_FOREACH (service, services) {
        const struct unit_state *state = unit_states_find(states, service);

        up += runs(state);
        worker_figures_add(&figures, service, state);
    }
    if (!wanted || !running)
        return -ENOMEM;
    r = action_result(action, wanted, "%zu", services->len);
    if (r >= 0)
        r = action_result(action, running, "%zu", up);
    for (size_t i = 0; i < ARRAY_SIZE(more) && r >= 0; i++) {
        _cleanup_free_ char *key = str_format("%s-%s", prefix, more[i].key);

        r = key ? action_result(action, key, "%zu", *more[i].value) : -ENOMEM;
    }
    return r;
}

static int put_places(struct action *action, const struct action_target *target,
                      const struct unit_states *states, const struct gathering *g)
{
    const struct settings *s = &target->settings;
    _cleanup_free_ char *releases = strv_join(&s->releases, " ");
    int r;

    if (!releases)
        return -ENOMEM;
    r = action_result(action, "roles", "%s%s%s", s->worker ? "worker" : "",
                      s->worker && s->web ? " " : "", s->web ? "web" : "");
    if (r >= 0)
        r = action_result_text(action, "releases", releases);
    if (r >= 0)
        r = action_result(action, "counts-from", "%s",
                          target->overridden ? "set-worker-count" : "options");
    if (r >= 0)
        r = put_figures(action, "workers", &g->services, states);
    for (size_t i = 0; i < g->len && r >= 0; i++) {
        _cleanup_free_ char *prefix = str_format("%s-%s", g->places[i].cloud, g->places[i].arch);

        r = prefix ? put_figures(action, prefix, &g->places[i].services, states) : -ENOMEM;
    }
    return r;
}

static int run_show(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    _cleanup_(gathering_release) struct gathering g = {0};
    _cleanup_unit_states_ struct unit_states states = {0};
    int r = action_target_load(action, &target, err);

    if (r < 0)
        return r;
    if (target.settings.worker && instances_each(&target.settings, gather, &g) < 0)
        return error_oom(err);
    if (g.services.len > 0 && (r = systemd_show(action->root, &g.services, &states, err)) < 0)
        return r;
    return put_places(action, &target, &states, &g) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_show_target_config = {.name = "show-target-config",
                                                            .run = run_show};

// ---- reload-units

static int run_reload(struct action *action, struct error *err)
{
    _cleanup_strv_ struct strv workers = STRV_INIT, running = STRV_INIT;
    _cleanup_unit_states_ struct unit_states states = {0};
    int r;

    r = systemd_list_enabled(action->root, WORKER_TARGET, WORKER_PREFIX, &workers, err);
    if (r < 0 || (workers.len > 0 && (r = systemd_show(action->root, &workers, &states, err)) < 0))
        return r;
    STRV_FOREACH (worker, &workers)
        if (runs(unit_states_find(&states, worker)) && strv_add(&running, worker) < 0)
            return error_oom(err);
    if (running.len > 0 && (r = systemd_run("reload", true, &running, err)) < 0)
        return r;
    return action_result(action, "reloaded", "%zu", running.len) < 0 ? error_oom(err) : 0;
}

const struct action_definition action_reload_units = {.name = "reload-units", .run = run_reload};

// ---- set-worker-count

static bool is_virt(const char *text)
{
    return backend_from_name(text) != BACKEND_COUNT;
}

static const struct param count_params[] = {
    {.name = "cloud", .text = "local", .ok = action_is_cloud, .expected = "the name of a cloud"},
    {.name = "arch", .required = true, .ok = action_is_arch, .expected = "an architecture"},
    {.name = "count", .type = PARAM_NUMBER, .required = true, .min = 0, .max = COUNT_MAX},
    {.name = "virt", .ok = is_virt, .expected = "null, unshare, qemu, schroot, podman or lxc"},
};

// The number that is meant: of an option, by the keys it has there.
struct count {
    const char *option, *outer, *inner;
    const char *virt; // how the result calls it; NULL: a cloud has but one kind
};

// Which workers of the architecture are meant, where there are several kinds.
static int choose_backend(const struct action *action, const struct settings *settings,
                          enum backend *ret, struct error *err)
{
    const char *arch = action_text(action, "arch"), *virt = action_text(action, "virt");
    unsigned kinds = 0;

    if (*virt) {
        *ret = backend_from_name(virt);
        return 0;
    }
    for (size_t i = 0; i < settings->local_len; i++)
        for (unsigned b = 0; b < BACKEND_COUNT && str_equal(settings->local[i].arch, arch); b++)
            if (settings->local[i].count[b] > 0) {
                *ret = (enum backend)b;
                kinds++;
            }
    if (kinds == 1)
        return 0;
    return error_set(err, -EINVAL, "virt: %s has %s: name one, such as virt=unshare", arch,
                     kinds == 0 ? "no workers yet" : "workers of several kinds");
}

// Whether the option would take it too.
static int check_count(const struct action *action, enum backend backend, struct error *err)
{
    _cleanup_settings_ struct settings ignored = {0};
    _cleanup_free_ char *text =
        str_format("%s: {\"%s\": %lld}", action_text(action, "arch"), backend_name(backend),
                   (long long)action_number(action, "count"));
    _cleanup_json_ json_t *config = text ? json_pack("{s:s}", "local-workers", text) : NULL;

    return config ? options_parse(config, &ignored, err) : error_oom(err);
}

static int choose_local(const struct action *action, const struct settings *settings,
                        struct count *ret, struct error *err)
{
    enum backend backend = BACKEND_COUNT;
    int r = choose_backend(action, settings, &backend, err);

    if (r < 0 || (r = check_count(action, backend, err)) < 0)
        return r;
    *ret = (struct count){.option = "local-workers",
                          .outer = action_text(action, "arch"),
                          .inner = backend_name(backend),
                          .virt = backend_name(backend)};
    return 0;
}

static int unknown_cloud(const struct action *action, const struct settings *settings,
                         struct error *err)
{
    _cleanup_strv_ struct strv places = STRV_INIT;
    _cleanup_free_ char *list = NULL;

    for (size_t i = 0; i < settings->clouds_len; i++)
        if (strv_addf(&places, "%s (%s)", settings->clouds[i].cloud, settings->clouds[i].arch) < 0)
            return error_oom(err);
    list = strv_join(&places, ", ");
    return list ? error_set(err, -EINVAL,
                            "cloud: %s has no workers for %s here; there are local%s%s",
                            action_text(action, "cloud"), action_text(action, "arch"),
                            *list ? ", " : "", list)
                : error_oom(err);
}

// Those of an LXD host come from its option, or from action add-remote.
static int choose_remote(struct action_target *target, const struct cloud_workers *place,
                         struct count *ret, struct error *err)
{
    bool added = false;
    int r = worker_counts_unset(&target->state, state_value(&target->state, "config"),
                                WORKER_COUNTS_ADDED, place->arch, place->address, &added, err);

    *ret = (struct count){.option = added ? WORKER_COUNTS_ADDED : "lxd-remotes",
                          .outer = place->arch,
                          .inner = place->address};
    return r;
}

static int choose_count(const struct action *action, struct action_target *target,
                        struct count *ret, struct error *err)
{
    const struct settings *settings = &target->settings;
    const char *cloud = action_text(action, "cloud"), *arch = action_text(action, "arch");
    const struct cloud_workers *place = settings_find_cloud(settings, cloud, arch);

    if (str_equal(cloud, "local"))
        return choose_local(action, settings, ret, err);
    if (action_has(action, "virt"))
        return error_set(err, -EINVAL, "virt: workers of %s are all of one kind: leave it out",
                         cloud);
    if (!place)
        return unknown_cloud(action, settings, err);
    if (place->kind == CLOUD_LXD)
        return choose_remote(target, place, ret, err);
    *ret = (struct count){.option = "n-workers", .outer = place->cloud, .inner = place->arch};
    return 0;
}

static int run_set_count(struct action *action, struct error *err)
{
    _cleanup_(action_target_release) struct action_target target = {0};
    unsigned number = (unsigned)action_number(action, "count");
    struct count count = {0};
    int r = action_target_load(action, &target, err);

    if (r < 0 || (r = action_needs_workers(action, &target.settings, err)) < 0 ||
        (r = choose_count(action, &target, &count, err)) < 0 ||
        (r = worker_counts_set(&target.state, state_value(&target.state, "config"), count.option,
                               count.outer, count.inner, number, err)) < 0 ||
        (r = state_save(&target.state, err)) < 0 ||
        (r = charm_reconcile(action->root, HOOK_UPDATE_STATUS, err)) < 0)
        return r;
    if (action_result_text(action, "cloud", action_text(action, "cloud")) < 0 ||
        action_result_text(action, "arch", action_text(action, "arch")) < 0 ||
        (count.virt && action_result_text(action, "virt", count.virt) < 0) ||
        action_result(action, "count", "%u", number) < 0)
        return error_oom(err);
    return 0;
}

const struct action_definition action_set_worker_count = {.name = "set-worker-count",
                                                          .params = count_params,
                                                          .params_len = ARRAY_SIZE(count_params),
                                                          .run = run_set_count};
