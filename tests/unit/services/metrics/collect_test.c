// SPDX-License-Identifier: GPL-3.0-only
#include "metrics/collect.h"

#include "adt/unit_state.h"
#include "base/file.h"
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

struct unit {
    char *config, *run;
};

static void put(const char *dir, const char *name, const char *text)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_free_ char *path = path_join(dir, name);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(dir_make_parent(path, 0755, &err), &err);
    ASSERT_OK(file_replace(path, text, strlen(text), &attributes, NULL, &err), &err);
}

// Three workers of two architectures, of which one runs.
static struct unit unit_new(void)
{
    struct unit unit = {.config = strdup(test_dir()), .run = strdup(test_dir())};
    _cleanup_free_ char *worker = str_format("[worker]\nunit = a/0\nspool-dir = %s/spool\n"
                                             "work-dir = %s\n"
                                             "[local-amd64-1]\ncloud = local\narch = amd64\n"
                                             "[local-amd64-2]\ncloud = local\narch = amd64\n"
                                             "[local-i386-1]\ncloud = local\narch = i386\n",
                                             unit.config, unit.config);

    put(unit.config, "worker.conf", worker);
    put(unit.run, "worker-local-amd64-2/state", "activity = paused\ntestbed-failures = 4\n");
    put(unit.run, "worker-local-amd64-3/state", "activity = busy\n"); // no worker of this unit
    return unit;
}

static void unit_release(struct unit *unit)
{
    free(unit->config);
    free(unit->run);
}

static char *collect(const struct unit *unit)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct buf text = BUF_INIT(BUF_OWN_MAX);

    ASSERT_OK(metrics_collect(unit->config, unit->run, &text, &err), &err);
    return buf_take(&text);
}

static void has(const char *text, const char *line)
{
    _cleanup_free_ char *wanted = str_format("\n%s\n", line);

    ck_assert_msg(strstr(text, wanted) != NULL, "no line \"%s\" in:\n%s", line, text);
}

#define AMD64 "cloud=\"local\",arch=\"amd64\""
TEST(workers_are_counted_by_what_they_do)
{
    _cleanup_(unit_release) struct unit unit = unit_new();
    _cleanup_free_ char *text = collect(&unit);

    has(text, "autopkgtest_workers_configured{" AMD64 "} 2");
    has(text, "autopkgtest_workers_configured{cloud=\"local\",arch=\"i386\"} 1");
    has(text, "autopkgtest_workers{" AMD64 ",state=\"paused\"} 1");
    has(text, "autopkgtest_workers{" AMD64 ",state=\"busy\"} 0");
    has(text, "autopkgtest_workers{cloud=\"local\",arch=\"i386\",state=\"idle\"} 0");
    has(text, "autopkgtest_worker_testbed_failures{" AMD64 "} 4");
    ck_assert_ptr_null(strstr(text, "indexer"));
}

TEST(results_that_wait_are_counted_and_the_oldest_has_an_age)
{
    _cleanup_(unit_release) struct unit unit = unit_new();
    _cleanup_free_ char *old = str_format("%s/spool/20261123_041500_abc12@", unit.config);
    _cleanup_free_ char *fresh = str_format("%s/spool/20261123_051500_abc12@", unit.config);
    const struct timespec hour_ago[2] = {{.tv_sec = time(NULL) - 3600},
                                         {.tv_sec = time(NULL) - 3600}};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *text = NULL, *none = collect(&unit);
    unsigned long long age = 0;
    const char *line;

    has(none, "autopkgtest_spool_results 0");
    has(none, "autopkgtest_spool_oldest_seconds 0");
    ASSERT_OK(dir_make(old, 0755, &err), &err);
    ASSERT_OK(dir_make(fresh, 0755, &err), &err);
    ck_assert_int_eq(utimensat(AT_FDCWD, old, hour_ago, 0), 0);
    text = collect(&unit);
    has(text, "autopkgtest_spool_results 2");
    line = strstr(text, "\nautopkgtest_spool_oldest_seconds ");
    ck_assert_ptr_nonnull(line);
    age = strtoull(strrchr(strndupa(line, strcspn(line + 1, "\n") + 1), ' ') + 1, NULL, 10);
    ck_assert_uint_ge(age, 3600);
    ck_assert_uint_lt(age, 3700);
}

TEST(the_indexer_is_known_where_there_is_a_web_service)
{
    _cleanup_(unit_release) struct unit unit = unit_new();
    _cleanup_free_ char *web = str_format("[web]\ndatabase = %s/results.db\n", unit.config);
    _cleanup_free_ char *dir = str_format("%s/indexer", unit.run);
    const struct indexer_state state = {
        .connected = true, .unwritten = 5, .results = 70, .rejected = 1};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *down = NULL, *text = NULL;

    put(unit.config, "web.conf", web);
    down = collect(&unit);
    has(down, "autopkgtest_indexer_connected 0");
    ASSERT_OK(dir_make(dir, 0755, &err), &err);
    ASSERT_OK(indexer_state_write(dir, &state, &err), &err);
    text = collect(&unit);
    has(text, "autopkgtest_indexer_connected 1");
    has(text, "autopkgtest_indexer_unwritten_messages 5");
    has(text, "autopkgtest_indexer_messages_total{outcome=\"written\"} 70");
    has(text, "autopkgtest_indexer_messages_total{outcome=\"rejected\"} 1");
    ck_assert_ptr_nonnull(strstr(text, "\nautopkgtest_disk_free_bytes{place=\"data\"} "));
    ck_assert_ptr_nonnull(strstr(text, "\nautopkgtest_disk_size_bytes{place=\"work\"} "));
    // A folder that is not there is not a full disk.
    ck_assert_ptr_null(strstr(text, "place=\"spool\""));
}

TEST(a_unit_without_a_role_has_no_figures)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(metrics_collect(test_dir(), "/nowhere", &text, &err), -ENOENT);
}
