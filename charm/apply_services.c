// SPDX-License-Identifier: GPL-3.0-only
#include "charm/apply.h"

#include "base/clock.h"
#include "base/file.h"
#include "charm/accounts.h"
#include "charm/apt_sources.h"
#include "charm/images.h"
#include "charm/juju.h"
#include "charm/lists.h"
#include "charm/running_workers.h"

#include <sys/stat.h>

// How long a hook waits for services to come up; they go on without it.
#define START_WAIT_S 30
#define START_AT_ONCE 10
// How long workers that were told twice get to hand their requests back.
#define HAND_BACK_WAIT_S 60

struct work {
    const struct apply *a;
    struct strv wanted, unwanted; // units that should (not) run
    struct strv enabled;          // of all of ours, sorted
    struct strv pending;
    struct unit_states states;
    struct strv images; // services that should make one that is not there
    struct strv enable, disable, start, queue, stop, reload, restart, restart_later;
};

static void work_release(struct work *w)
{
    struct strv *lists[] = {&w->images, &w->wanted,  &w->unwanted,     &w->pending, &w->enabled,
                            &w->enable, &w->disable, &w->start,        &w->queue,   &w->stop,
                            &w->reload, &w->restart, &w->restart_later};

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        strv_release(lists[i]);
    unit_states_release(&w->states);
}

static bool is_worker(const char *unit)
{
    return str_starts_with(unit, WORKER_PREFIX);
}

static int add_wanted(struct work *w, const struct plan *plan)
{
    const struct {
        bool wanted;
        const char *unit;
    } single[] = {{plan->web, WEB_SERVICE},     {plan->indexer, INDEXER_SERVICE},
                  {plan->influx, INFLUX_TIMER}, {plan->metrics, METRICS_SOCKET},
                  {plan->lists, LISTS_TIMER},   {plan->workers.len > 0, WORKER_TARGET}};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(single) && r >= 0; i++)
        r = single[i].wanted ? strv_add(&w->wanted, single[i].unit) : 0;
    for (size_t i = 0; i < plan->images.len && r >= 0; i++) {
        const char *name = plan->images.items[i];

        r = strv_addf(&w->wanted, IMAGE_PREFIX "%s.timer", name);
        if (r >= 0 && !image_is_there(w->a->root, name, plan->schroot))
            r = strv_take(&w->images, image_service(name));
    }
    return r < 0 ? r : strv_add_list(&w->wanted, &plan->workers);
}

// Where units of ours are enabled, and how their names begin.
static const struct {
    const char *target, *prefix;
} ours[] = {{WORKER_TARGET, WORKER_PREFIX},     {"multi-user.target", WORKER_TARGET},
            {"multi-user.target", WEB_SERVICE}, {"multi-user.target", INDEXER_SERVICE},
            {METRICS_TARGET, METRICS_SOCKET},   {IMAGE_TARGET, INFLUX_TIMER},
            {IMAGE_TARGET, IMAGE_PREFIX},       {LISTS_TARGET, LISTS_TIMER}};

// Of ours, what is enabled and not wanted.
static int add_unwanted(struct work *w, struct error *err)
{
    _cleanup_strv_ struct strv wanted = STRV_INIT;
    int r = strv_add_list(&wanted, &w->wanted) < 0 ? error_oom(err) : 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ours); i++)
        r = systemd_list_enabled(w->a->root, ours[i].target, ours[i].prefix, &w->enabled, err);
    if (r < 0)
        return r;
    strv_sort(&wanted);
    STRV_FOREACH (unit, &w->enabled)
        if (!strv_contains_sorted(&wanted, unit) && strv_add(&w->unwanted, unit) < 0)
            return error_oom(err);
    return 0;
}

static int query(struct work *w, struct error *err)
{
    _cleanup_strv_ struct strv names = STRV_INIT;

    if (strv_add_list(&names, &w->wanted) < 0 || strv_add_list(&names, &w->unwanted) < 0 ||
        strv_add_list(&names, &w->images) < 0)
        return error_oom(err);
    unit_states_release(&w->states);
    return systemd_show(w->a->root, &names, &w->states, err);
}

// What a running unit has to be told. One that starts cannot be told to reload by systemd: a worker
// that connects for the first time has no test that a restart would wait for, and the web service
// no readers.
static int decide_change(struct work *w, const char *unit, bool starting)
{
    const struct strv *p = &w->pending;
    bool web = strcmp(unit, WEB_SERVICE) == 0;

    if (is_worker(unit)) {
        bool reload = strv_contains(p, "workers");

        if (strv_contains(p, "workers-restart") || strv_contains(p, unit) || (reload && starting))
            return strv_add(&w->restart_later, unit);
        return reload ? strv_add(&w->reload, unit) : 0;
    }
    if ((web && (strv_contains(p, "web") || (starting && strv_contains(p, "web-reload")))) ||
        (strcmp(unit, INDEXER_SERVICE) == 0 && strv_contains(p, "indexer")))
        return strv_add(&w->restart, unit);
    return web && strv_contains(p, "web-reload") ? strv_add(&w->reload, unit) : 0;
}

static bool is_down(const struct unit_state *state)
{
    return strcmp(state->active, "inactive") == 0 || strcmp(state->active, "failed") == 0;
}

static int decide_images(struct work *w)
{
    int r = 0;

    for (size_t i = 0; i < w->images.len && r >= 0; i++)
        if (is_down(unit_states_find(&w->states, w->images.items[i])))
            r = strv_add(&w->queue, w->images.items[i]); // takes a minute: nobody waits
    return r;
}

static int decide_unwanted(struct work *w)
{
    int r = 0;

    for (size_t i = 0; i < w->unwanted.len && r >= 0; i++) {
        const char *unit = w->unwanted.items[i];

        r = strv_add(&w->disable, unit);
        if (r >= 0)
            r = strv_add(&w->stop, unit);
        if (r >= 0 && str_starts_with(unit, IMAGE_PREFIX))
            r = strv_take(&w->stop, image_service_of(unit));
    }
    return r;
}

static int decide(struct work *w)
{
    int r = 0;

    for (size_t i = 0; i < w->wanted.len && r >= 0; i++) {
        const char *unit = w->wanted.items[i];
        const struct unit_state *state = unit_states_find(&w->states, unit);

        if (!strv_contains_sorted(&w->enabled, unit))
            r = strv_add(&w->enable, unit);
        if (r < 0)
            break;
        if (strcmp(state->active, "deactivating") == 0)
            r = strv_add(&w->queue, unit); // starts again after its last test
        else if (strcmp(unit, WORKER_TARGET) == 0 && strcmp(state->active, "active") != 0)
            r = strv_add(&w->queue, unit); // would wait for workers that finish a test
        else if (is_down(state))
            r = strv_add(&w->start, unit);
        else
            r = decide_change(w, unit, strcmp(state->active, "activating") == 0);
    }
    if (r >= 0)
        r = decide_images(w);
    return r < 0 ? r : decide_unwanted(w);
}

// A service that does not start is told by the status, not by a failing hook: a retry of the hook
// would not mend it, and systemd tries on by itself.
static int tolerate(int r, struct error *err)
{
    if (r != -EIO && r != -ETIMEDOUT)
        return r;
    r = juju_log("WARNING", error_message(err), NULL);
    error_clear(err);
    return r < 0 ? error_set(err, r, "cannot log") : 0;
}

// Each worker is started once it is connected to the broker, or cannot be: a few at a time. When
// they take long, the hook waits no more (and workers see to it by themselves, worker/gate.h).
static int start_in_turn(const struct strv *units, struct error *err)
{
    uint64_t until = clock_monotonic_us() + START_WAIT_S * USEC_PER_SEC;
    int r = 0;

    for (size_t at = 0; at < units->len && r >= 0; at += START_AT_ONCE) {
        _cleanup_strv_ struct strv some = STRV_INIT;
        uint64_t now = clock_monotonic_us();

        for (size_t i = at; i < units->len && i < at + START_AT_ONCE; i++)
            if (strv_add(&some, units->items[i]) < 0)
                return error_oom(err);
        if (now + USEC_PER_SEC > until)
            r = systemd_run("start", true, &some, err);
        else
            r = systemd_run_timeout("start", &some, (unsigned)((until - now) / USEC_PER_SEC), err);
        r = tolerate(r, err);
    }
    return r;
}

static int carry_out(struct work *w, struct error *err)
{
    const struct strv none = STRV_INIT;
    int r = 0;

    if (strv_contains(&w->pending, "systemd"))
        r = systemd_run("daemon-reload", false, &none, err);
    // What is enabled and not wanted is found again by a hook that is run after one that was killed
    // here; what is disabled and runs on is not.
    if (r < 0 || (r = systemd_run("stop", true, &w->stop, err)) < 0 ||
        (r = systemd_run("disable", false, &w->disable, err)) < 0 ||
        (r = systemd_run("enable", false, &w->enable, err)) < 0)
        return r;
    if ((r = tolerate(systemd_run_timeout("restart", &w->restart, START_WAIT_S, err), err)) < 0 ||
        (r = tolerate(systemd_run("restart", true, &w->restart_later, err), err)) < 0 ||
        (r = tolerate(systemd_run("reload", true, &w->reload, err), err)) < 0 ||
        (r = tolerate(systemd_run("start", true, &w->queue, err), err)) < 0 ||
        (r = start_in_turn(&w->start, err)) < 0)
        return r;
    return 0;
}

static bool has_work(const struct work *w)
{
    return w->enable.len + w->disable.len + w->start.len + w->queue.len + w->stop.len +
               w->reload.len + w->restart.len + w->restart_later.len + w->pending.len >
           0;
}

int apply_services(const struct apply *a, const struct plan *plan, struct unit_states *ret,
                   struct error *err)
{
    _cleanup_(work_release) struct work w = {.a = a};
    int r;

    if (add_wanted(&w, plan) < 0)
        return error_oom(err);
    if ((r = add_unwanted(&w, err)) < 0 ||
        (r = state_words(a->state, APPLY_PENDING, &w.pending, err)) < 0)
        return r;
    r = query(&w, err);
    if (r < 0)
        return r;
    if (decide(&w) < 0)
        return error_oom(err);
    if (has_work(&w)) {
        if ((r = carry_out(&w, err)) < 0 ||
            (r = state_set_value(a->state, APPLY_PENDING, NULL, err)) < 0 ||
            (r = query(&w, err)) < 0)
            return r;
    }
    *ret = w.states;
    w.states = (struct unit_states){0};
    return 0;
}

// Workers that are enabled, and those that finish a last test: before a unit stops, its relation
// with the broker breaks, and no worker is wanted any more.
static int list_workers(const struct apply *a, struct strv *ret, struct error *err)
{
    _cleanup_strv_ struct strv enabled = STRV_INIT;
    int r = running_workers_list(a->root, ret, err);

    if (r < 0 ||
        (r = systemd_list_enabled(a->root, WORKER_TARGET, WORKER_PREFIX, &enabled, err)) < 0)
        return r;
    STRV_FOREACH (unit, &enabled)
        if (!strv_contains(ret, unit) && strv_add(ret, unit) < 0)
            return error_oom(err);
    strv_sort(ret);
    return 0;
}

int apply_drain(const struct apply *a, unsigned seconds, struct error *err)
{
    _cleanup_strv_ struct strv workers = STRV_INIT;
    int r;

    r = list_workers(a, &workers, err);
    if (r < 0 || workers.len == 0)
        return r;
    if (seconds > 0) {
        r = systemd_run_timeout("stop", &workers, seconds, err);
        if (r != -ETIMEDOUT)
            return r;
        error_clear(err);
    } else {
        r = systemd_run("stop", true, &workers, err);
        if (r < 0)
            return r;
    }
    // The second one hands the request back. It finds nobody where a worker has ended meanwhile.
    (void)systemd_kill("TERM", &workers, NULL);
    r = systemd_run_timeout("stop", &workers, HAND_BACK_WAIT_S, err);
    if (r != -ETIMEDOUT)
        return r;
    error_clear(err);
    // Leases bring the requests back by themselves.
    (void)systemd_kill("KILL", &workers, NULL);
    return systemd_run("stop", false, &workers, err);
}

int apply_stop(const struct apply *a, unsigned drain_seconds, struct error *err)
{
    static const char *const others[] = {WORKER_TARGET, INDEXER_SERVICE, WEB_SERVICE};
    _cleanup_strv_ struct strv units = STRV_INIT, timers = STRV_INIT, figures = STRV_INIT;
    int r;

    r = apply_drain(a, drain_seconds, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (systemd_is_enabled(a->root, "multi-user.target", others[i]) &&
            strv_add(&units, others[i]) < 0)
            return error_oom(err);
    r = systemd_list_enabled(a->root, IMAGE_TARGET, IMAGE_PREFIX, &timers, err);
    if (r >= 0)
        r = systemd_list_enabled(a->root, METRICS_TARGET, METRICS_SOCKET, &figures, err);
    if (r >= 0)
        r = systemd_list_enabled(a->root, IMAGE_TARGET, INFLUX_TIMER, &figures, err);
    if (r >= 0)
        r = systemd_list_enabled(a->root, LISTS_TARGET, LISTS_TIMER, &figures, err);
    if (r < 0)
        return r;
    if (strv_add_list(&units, &figures) < 0)
        return error_oom(err);
    STRV_FOREACH (timer, &timers)
        if (strv_add(&units, timer) < 0 || strv_take(&units, image_service_of(timer)) < 0)
            return error_oom(err);
    return systemd_run("stop", false, &units, err);
}

static int disable_all(const struct apply *a, struct error *err)
{
    _cleanup_strv_ struct strv units = STRV_INIT;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ours); i++)
        r = systemd_list_enabled(a->root, ours[i].target, ours[i].prefix, &units, err);
    return r < 0 ? r : systemd_run("disable", false, &units, err);
}

static int remove_units(const struct apply *a, struct error *err)
{
    _cleanup_free_ char *path = str_format("%s" UNIT_DIR, a->root);
    _cleanup_strv_ struct strv names = STRV_INIT;
    const struct strv none = STRV_INIT;
    int r;

    if (!path)
        return error_oom(err);
    r = systemd_list_folder(path, "autopkgtest-", &names, err);
    for (size_t i = 0; r >= 0 && i < names.len; i++) {
        _cleanup_free_ char *entry = path_join(path, names.items[i]);
        struct stat st;

        if (!entry)
            return error_oom(err);
        r = lstat(entry, &st) == 0 && S_ISDIR(st.st_mode) ? dir_remove(entry, err)
                                                          : file_remove(entry, NULL, err);
    }
    return r < 0 ? r : systemd_run("daemon-reload", false, &none, err);
}

int apply_remove(const struct apply *a, struct error *err)
{
    static const char *const files[] = {APT_SOURCES_LIST, APT_SOURCES_DEB822, COMMAND_LINK,
                                        OLD_COMMAND_LINK, CHARM_LINK};
    static const char *const folders[] = {
        ETC_DIR,          STATE_DIR,       ACCOUNT_HOME, DATA_DIR "/autopkgtest",
        DATA_DIR "/work", DATA_DIR "/ssh", IMAGES_DIR};
    _cleanup_free_ char *home = NULL;
    uid_t uid;
    int r;

    if ((r = apply_stop(a, 0, err)) < 0 || (r = disable_all(a, err)) < 0 ||
        (r = remove_units(a, err)) < 0 || (r = images_remove(a->root, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++) {
        _cleanup_free_ char *path = str_format("%s%s", a->root, files[i]);

        r = path ? file_remove(path, NULL, err) : error_oom(err);
    }
    if (r >= 0 && account_user(a->root, "ubuntu", &uid, &home, NULL) >= 0) {
        _cleanup_free_ char *path = str_format("%s%s/rabbitmq.cred", a->root, home);

        r = path ? file_remove(path, NULL, err) : error_oom(err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r >= 0; i++) {
        _cleanup_free_ char *path = str_format("%s%s", a->root, folders[i]);

        r = path ? dir_remove(path, err) : error_oom(err);
    }
    return r;
}
