// SPDX-License-Identifier: GPL-3.0-only
#include "adt/spool.h"
#include "base/file.h"
#include "test.h"

static const struct spool_run run = {.run_id = (char[]){"20261123_041500_abc12@"},
                                     .release = (char[]){"noble"},
                                     .arch = (char[]){"amd64"},
                                     .container = (char[]){"autopkgtest-noble"},
                                     .read_acl = (char[]){".r:*"},
                                     .exitcode = 4,
                                     .duration_s = 9,
                                     .uuid = (char[]){"u"},
                                     .worker = (char[]){"w"},
                                     .origin_queue = (char[]){"debci-noble-amd64"}};

static void put(const char *dir, const char *name, const char *text)
{
    struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    _cleanup_free_ char *path = path_join(dir, name);

    ck_assert_int_eq(file_replace(path, text, strlen(text), &attributes, NULL, NULL), 0);
}

TEST(a_run_is_read_back)
{
    const char *dir = test_dir();
    _cleanup_(spool_run_release) struct spool_run back = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(spool_run_write(dir, &run, &err), &err);
    ASSERT_OK(spool_run_read(dir, &back, &err), &err);
    ck_assert_str_eq(back.run_id, run.run_id);
    ck_assert_int_eq(back.exitcode, 4);
    ck_assert_uint_eq(back.duration_s, 9);
    ck_assert_str_eq(back.origin_queue, "debci-noble-amd64");
}

TEST(a_damaged_run_is_refused)
{
    const char *dir = test_dir();
    _cleanup_(spool_run_release) struct spool_run back = {0};

    ck_assert_int_eq(spool_run_read(dir, &back, NULL), -ENOENT);
    put(dir, "run.json", "{\"run-id\":\"x\"}");
    ck_assert_int_lt(spool_run_read(dir, &back, NULL), 0);
    put(dir, "run.json", "{");
    ck_assert_int_lt(spool_run_read(dir, &back, NULL), 0);
}

// Names become parts of paths and of addresses.
TEST(a_run_with_names_that_are_none_is_refused)
{
    const struct spool_run wrong[] = {
        {.run_id = (char[]){"../20261123_041500_abc12@"}},
        {.release = (char[]){"../x"}},
        {.arch = (char[]){"amd64/x"}},
        {.container = (char[]){"a/b"}},
        {.container = (char[]){""}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        const char *dir = test_dir();
        struct spool_run bad = run;
        _cleanup_(spool_run_release) struct spool_run back = {0};
        _cleanup_error_ struct error err = ERROR_INIT;

        bad.run_id = wrong[i].run_id ? wrong[i].run_id : bad.run_id;
        bad.release = wrong[i].release ? wrong[i].release : bad.release;
        bad.arch = wrong[i].arch ? wrong[i].arch : bad.arch;
        bad.container = wrong[i].container ? wrong[i].container : bad.container;
        ASSERT_OK(spool_run_write(dir, &bad, &err), &err);
        ck_assert_int_eq(spool_run_read(dir, &back, &err), -EBADMSG);
        ck_assert(str_ends_with(error_message(&err), "run-id, release, arch or container is none"));
    }
}

TEST(stored_is_a_mark)
{
    const char *dir = test_dir();
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert(!spool_is_stored(dir));
    ASSERT_OK(spool_mark_stored(dir, &err), &err);
    ck_assert(spool_is_stored(dir));
}

TEST(the_list_has_complete_folders_oldest_first)
{
    const char *dir = test_dir();
    static const char *const names[] = {"20261123_041501_abc12@", "20261123_041500_abc12@",
                                        ".20261123_041502_abc12@", "other"};
    _cleanup_strv_ struct strv list = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = path_join(dir, names[i]);

        ASSERT_OK(dir_make(path, 0700, &err), &err);
    }
    ASSERT_OK(spool_list(dir, &list, &err), &err);
    ck_assert_uint_eq(list.len, 2);
    ck_assert_str_eq(list.items[0], names[1]);
}

TEST(no_spool_is_an_empty_list)
{
    _cleanup_free_ char *path = path_join(test_dir(), "none");
    _cleanup_strv_ struct strv list = STRV_INIT;

    ck_assert_int_eq(spool_list(path, &list, NULL), 0);
    ck_assert_uint_eq(list.len, 0);
}

static void completes(const char *request, const char *version_file, const char *version,
                      const char *triggers)
{
    const char *dir = test_dir();
    _cleanup_free_ char *output = path_join(dir, "output");
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(spool_run_write(dir, &run, &err), &err);
    ASSERT_OK(dir_make(output, 0700, &err), &err);
    put(dir, "request", request);
    if (version_file)
        put(output, "testpkg-version", version_file);
    ASSERT_OK(spool_complete_message(dir, &done, &err), &err);
    ck_assert_str_eq(done.swift_dir, "noble/amd64/g/gzip/20261123_041500_abc12@");
    ck_assert_str_eq(done.testpkg_version, version);
    ck_assert_str_eq(done.triggers, triggers);
    ck_assert_int_eq(done.exitcode, 4);
}

TEST(a_spooled_run_makes_its_completion_message)
{
    completes("gzip\n{\"triggers\":[\"a/1\",\"b/2\"]}", "gzip 1.12-1\n", "1.12-1", "a/1 b/2");
}

TEST(an_unknown_version_is_told_so)
{
    completes("gzip", NULL, "unknown", "");
    completes("gzip", "", "unknown", "");
    completes("gzip", "blacklisted\n", "unknown", "");
    completes("gzip", "gzip 1.\xff\n", "unknown", "");
    completes("gzip", "gzip 1 2\n", "unknown", "");
}

TEST(an_unreadable_request_that_names_its_package_completes_too)
{
    completes("gzip\n{", NULL, "unknown", "");
    completes("gzip\n{\"triggers\":[\"a/1\"],\"env\":7}", NULL, "unknown", "a/1");
}
