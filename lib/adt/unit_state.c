// SPDX-License-Identifier: GPL-3.0-only
#include "adt/unit_state.h"

#include "base/buf.h"
#include "base/file.h"
#include "data/ini.h"

#include <inttypes.h>

#define RUN_DIR "/run/autopkgtest-cloud"

const char *unit_state_run_dir(void)
{
    const char *dir = secure_getenv("AUTOPKGTEST_CLOUD_RUN");

    return dir ? dir : RUN_DIR;
}

const char *unit_state_own_dir(void)
{
    const char *dir = secure_getenv("RUNTIME_DIRECTORY");

    return str_empty(dir) ? NULL : dir;
}

static const char *const activities[WORKER_ACTIVITY_COUNT] = {
    "idle", "busy", "image", "store", "paused", "drained", "no-broker"};

const char *worker_activity_name(enum worker_activity activity)
{
    return activities[activity];
}

static int write_state(const char *dir, const char *text, struct error *err)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_free_ char *path = path_join(dir, "state");

    return path && text ? file_replace(path, text, strlen(text), &attributes, NULL, err)
                        : error_oom(err);
}

static int read_state(const char *dir, struct ini **ret, struct error *err)
{
    _cleanup_free_ char *path = path_join(dir, "state");

    return path ? ini_load(path, ret, err) : error_oom(err);
}

int worker_state_write(const char *dir, const struct worker_state *state, struct error *err)
{
    _cleanup_free_ char *text = str_format("activity = %s\ntestbed-failures = %u\n",
                                           activities[state->activity], state->testbed_failures);

    return write_state(dir, text, err);
}

int worker_state_read(const char *dir, struct worker_state *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    const char *name = NULL;
    uint64_t failures = 0;
    int r = read_state(dir, &ini, err);

    if (r < 0 || (r = ini_require(ini, "", "activity", &name, err)) < 0 ||
        (r = ini_get_uint(ini, "", "testbed-failures", 0, UINT32_MAX, 0, &failures, err)) < 0)
        return r;
    for (unsigned i = 0; i < WORKER_ACTIVITY_COUNT; i++)
        if (strcmp(name, activities[i]) == 0) {
            *ret = (struct worker_state){.activity = (enum worker_activity)i,
                                         .testbed_failures = (unsigned)failures};
            return 0;
        }
    return error_set(err, -EINVAL, "%s/state: unknown activity \"%s\"", dir, name);
}

int indexer_state_write(const char *dir, const struct indexer_state *state, struct error *err)
{
    _cleanup_free_ char *text = str_format(
        "connected = %d\nunwritten = %" PRIu64 "\nresults = %" PRIu64 "\nrejected = %" PRIu64 "\n",
        state->connected, state->unwritten, state->results, state->rejected);

    return write_state(dir, text, err);
}

int indexer_state_read(const char *dir, struct indexer_state *ret, struct error *err)
{
    _cleanup_(ini_freep) struct ini *ini = NULL;
    struct indexer_state state = {0};
    int r = read_state(dir, &ini, err);

    if (r < 0 || (r = ini_get_bool(ini, "", "connected", false, &state.connected, err)) < 0 ||
        (r = ini_get_uint(ini, "", "unwritten", 0, UINT64_MAX, 0, &state.unwritten, err)) < 0 ||
        (r = ini_get_uint(ini, "", "results", 0, UINT64_MAX, 0, &state.results, err)) < 0 ||
        (r = ini_get_uint(ini, "", "rejected", 0, UINT64_MAX, 0, &state.rejected, err)) < 0)
        return r;
    *ret = state;
    return 0;
}
