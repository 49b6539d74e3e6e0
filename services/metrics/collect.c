// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/collect.h"

#include "adt/settings.h"
#include "adt/spool.h"
#include "adt/unit_state.h"
#include "base/clock.h"
#include "base/file.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

// Workers of one cloud and architecture.
struct group {
    const char *cloud, *arch; // of the settings
    unsigned configured, by[WORKER_ACTIVITY_COUNT];
    unsigned failures; // most in a row of one worker
};

struct groups {
    struct group *items;
    size_t len;
};

static int add_head(struct buf *b, const char *name, const char *type, const char *help)
{
    return buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int add_value(struct buf *b, const char *name, const char *help, uint64_t value)
{
    int r = add_head(b, name, "gauge", help);

    return r < 0 ? r : buf_addf(b, "%s %" PRIu64 "\n", name, value);
}

// ---- workers

static struct group *find_group(struct groups *groups, const char *cloud, const char *arch)
{
    struct group *grown;

    for (size_t i = 0; i < groups->len; i++)
        if (strcmp(groups->items[i].cloud, cloud) == 0 && strcmp(groups->items[i].arch, arch) == 0)
            return &groups->items[i];
    grown = reallocarray(groups->items, groups->len + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    groups->items = grown;
    grown[groups->len] = (struct group){.cloud = cloud, .arch = arch};
    return &grown[groups->len++];
}

static int count_worker(struct groups *groups, const struct ini *ini, const char *name,
                        const char *run_dir)
{
    const char *cloud = ini_get(ini, name, "cloud"), *arch = ini_get(ini, name, "arch");
    _cleanup_free_ char *dir = str_format("%s/worker-%s", run_dir, name);
    struct worker_state state;
    struct group *group;

    if (!dir)
        return -ENOMEM;
    if (!cloud || !arch)
        return 0;
    group = find_group(groups, cloud, arch);
    if (!group)
        return -ENOMEM;
    group->configured++;
    if (worker_state_read(dir, &state, NULL) < 0) // does not run
        return 0;
    group->by[state.activity]++;
    if (state.testbed_failures > group->failures)
        group->failures = state.testbed_failures;
    return 0;
}

static int count_workers(struct groups *groups, const struct ini *ini, const char *run_dir)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    int r = ini_sections(ini, &names);

    STRV_FOREACH (name, &names)
        if (r >= 0 && strcmp(name, "worker") != 0)
            r = count_worker(groups, ini, name, run_dir);
    return r;
}

static int add_groups(struct buf *b, const struct groups *groups)
{
    int r = add_head(b, "autopkgtest_workers_configured", "gauge", "Workers that should run.");

    for (size_t i = 0; r >= 0 && i < groups->len; i++)
        r = buf_addf(b, "autopkgtest_workers_configured{cloud=\"%s\",arch=\"%s\"} %u\n",
                     groups->items[i].cloud, groups->items[i].arch, groups->items[i].configured);
    if (r >= 0)
        r = add_head(b, "autopkgtest_workers", "gauge", "Workers that run, by what they do.");
    for (size_t i = 0; r >= 0 && i < groups->len; i++)
        for (unsigned a = 0; r >= 0 && a < WORKER_ACTIVITY_COUNT; a++)
            r = buf_addf(b, "autopkgtest_workers{cloud=\"%s\",arch=\"%s\",state=\"%s\"} %u\n",
                         groups->items[i].cloud, groups->items[i].arch,
                         worker_activity_name((enum worker_activity)a), groups->items[i].by[a]);
    if (r >= 0)
        r = add_head(b, "autopkgtest_worker_testbed_failures", "gauge",
                     "Testbed failures in a row of the worker that has most.");
    for (size_t i = 0; r >= 0 && i < groups->len; i++)
        r = buf_addf(b, "autopkgtest_worker_testbed_failures{cloud=\"%s\",arch=\"%s\"} %u\n",
                     groups->items[i].cloud, groups->items[i].arch, groups->items[i].failures);
    return r;
}

// ---- spool and disks

static int add_spool(struct buf *b, const char *spool)
{
    _cleanup_strv_ struct strv names = STRV_INIT;
    uint64_t now = clock_realtime_us() / USEC_PER_SEC, oldest = 0, count = 0;

    if (spool_list(spool, &names, NULL) < 0)
        names.len = 0; // nothing was ever spooled
    STRV_FOREACH (name, &names) {
        _cleanup_free_ char *path = path_join(spool, name);
        struct stat st;

        if (!path)
            return -ENOMEM;
        if (stat(path, &st) < 0) // it was stored meanwhile
            continue;
        count++;
        if ((uint64_t)st.st_mtim.tv_sec < now && now - (uint64_t)st.st_mtim.tv_sec > oldest)
            oldest = now - (uint64_t)st.st_mtim.tv_sec;
    }
    if (add_value(b, "autopkgtest_spool_results", "Results that wait to be stored and announced.",
                  count) < 0)
        return -ENOMEM;
    return add_value(b, "autopkgtest_spool_oldest_seconds", "How long the oldest of them waits.",
                     oldest);
}

struct place {
    const char *name, *dir; // dir NULL: the unit has none
};

static int add_disk_family(struct buf *b, const struct place *places, size_t len, bool available)
{
    const char *name = available ? "autopkgtest_disk_free_bytes" : "autopkgtest_disk_size_bytes";
    int r =
        add_head(b, name, "gauge",
                 available ? "Room for services on the file system." : "Size of the file system.");

    for (size_t i = 0; r >= 0 && i < len; i++) {
        struct statvfs fs;

        if (places[i].dir && statvfs(places[i].dir, &fs) == 0)
            r = buf_addf(b, "%s{place=\"%s\"} %" PRIu64 "\n", name, places[i].name,
                         (uint64_t)(available ? fs.f_bavail : fs.f_blocks) * fs.f_frsize);
    }
    return r;
}

static int add_disks(struct buf *b, const struct ini *worker, const struct ini *web)
{
    const char *database = web ? ini_get(web, "web", "database") : NULL;
    _cleanup_free_ char *data = database ? path_parent(database) : NULL;
    const struct place places[] = {
        {"data", data},
        {"spool", worker ? ini_get(worker, "worker", "spool-dir") : NULL},
        {"work", worker ? ini_get(worker, "worker", "work-dir") : NULL},
    };

    if (database && !data)
        return -ENOMEM;
    return add_disk_family(b, places, ARRAY_SIZE(places), true) < 0
               ? -ENOMEM
               : add_disk_family(b, places, ARRAY_SIZE(places), false);
}

// ---- indexer

static int add_indexer(struct buf *b, const char *run_dir)
{
    _cleanup_free_ char *dir = path_join(run_dir, "indexer");
    struct indexer_state state = {0}; // one that does not run is not connected

    if (!dir)
        return -ENOMEM;
    (void)indexer_state_read(dir, &state, NULL);
    if (add_value(b, "autopkgtest_indexer_connected",
                  "Whether the indexer runs and hears of results.", state.connected) < 0 ||
        add_value(b, "autopkgtest_indexer_unwritten_messages",
                  "Messages the indexer has and cannot write into the database.",
                  state.unwritten) < 0 ||
        add_head(b, "autopkgtest_indexer_messages_total", "counter",
                 "Messages the indexer is done with since its start.") < 0)
        return -ENOMEM;
    return buf_addf(b,
                    "autopkgtest_indexer_messages_total{outcome=\"written\"} %" PRIu64
                    "\nautopkgtest_indexer_messages_total{outcome=\"rejected\"} %" PRIu64 "\n",
                    state.results, state.rejected);
}

// ---- all

static int load(const char *dir, const char *name, struct ini **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, name);
    int r = path ? ini_load(path, ret, err) : error_oom(err);

    if (r != -ENOENT)
        return r;
    error_clear(err); // the unit does not have that role
    return 0;
}

static int add_worker_role(struct buf *b, const struct ini *worker, const char *run_dir)
{
    const char *spool = ini_get(worker, "worker", "spool-dir");
    struct groups groups = {0};
    int r = count_workers(&groups, worker, run_dir);

    if (r >= 0)
        r = add_groups(b, &groups);
    free(groups.items);
    return r < 0 || !spool ? r : add_spool(b, spool);
}

int metrics_collect(const char *config_dir, const char *run_dir, struct buf *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *worker = NULL;
    _cleanup_(ini_freep) struct ini *web = NULL;
    int r;

    if ((r = load(config_dir, "worker.conf", &worker, err)) < 0 ||
        (r = load(config_dir, "web.conf", &web, err)) < 0)
        return r;
    if (!worker && !web)
        return error_set(err, -ENOENT, "neither worker.conf nor web.conf is in %s", config_dir);
    if ((worker && add_worker_role(ret, worker, run_dir) < 0) ||
        (web && add_indexer(ret, run_dir) < 0) || add_disks(ret, worker, web) < 0)
        return error_oom(err);
    return 0;
}
