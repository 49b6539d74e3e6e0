// SPDX-License-Identifier: GPL-3.0-only
#include "adt/unit_state.h"

#include "base/file.h"
#include "test.h"

TEST(a_worker_tells_what_it_does)
{
    const char *dir = test_dir();
    _cleanup_error_ struct error err = ERROR_INIT;

    for (unsigned i = 0; i < WORKER_ACTIVITY_COUNT; i++) {
        const struct worker_state state = {.activity = (enum worker_activity)i,
                                           .testbed_failures = i};
        struct worker_state back = {0};

        ASSERT_OK(worker_state_write(dir, &state, &err), &err);
        ASSERT_OK(worker_state_read(dir, &back, &err), &err);
        ck_assert_int_eq(back.activity, i);
        ck_assert_uint_eq(back.testbed_failures, i);
    }
    ck_assert_str_eq(worker_activity_name(WORKER_NO_BROKER), "no-broker");
}

TEST(an_indexer_tells_how_far_it_is)
{
    const char *dir = test_dir();
    const struct indexer_state state = {
        .connected = true, .unwritten = 3, .results = UINT64_C(1) << 40, .rejected = 2};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct indexer_state back = {0};

    ASSERT_OK(indexer_state_write(dir, &state, &err), &err);
    ASSERT_OK(indexer_state_read(dir, &back, &err), &err);
    ck_assert(back.connected);
    ck_assert_uint_eq(back.unwritten, 3);
    ck_assert_uint_eq(back.results, UINT64_C(1) << 40);
    ck_assert_uint_eq(back.rejected, 2);
}

TEST(what_is_not_there_or_no_state_is_an_error)
{
    const char *dir = test_dir();
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_free_ char *path = path_join(dir, "state");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct worker_state worker;
    struct indexer_state indexer;

    ck_assert_int_eq(worker_state_read(dir, &worker, NULL), -ENOENT);
    ASSERT_OK(file_replace(path, "activity = dance\n", 17, &attributes, NULL, &err), &err);
    ck_assert_int_eq(worker_state_read(dir, &worker, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "unknown activity \"dance\""));
    ASSERT_OK(file_replace(path, "unwritten = many\n", 17, &attributes, NULL, NULL), &err);
    ck_assert_int_eq(indexer_state_read(dir, &indexer, NULL), -EINVAL);
}

TEST(folders_come_from_the_environment)
{
    unsetenv("RUNTIME_DIRECTORY");
    unsetenv("AUTOPKGTEST_CLOUD_RUN");
    ck_assert_ptr_null(unit_state_own_dir());
    ck_assert_str_eq(unit_state_run_dir(), "/run/autopkgtest-cloud");
    setenv("RUNTIME_DIRECTORY", "/run/x", 1);
    setenv("AUTOPKGTEST_CLOUD_RUN", "/run/y", 1);
    ck_assert_str_eq(unit_state_own_dir(), "/run/x");
    ck_assert_str_eq(unit_state_run_dir(), "/run/y");
    unsetenv("RUNTIME_DIRECTORY");
    unsetenv("AUTOPKGTEST_CLOUD_RUN");
}
