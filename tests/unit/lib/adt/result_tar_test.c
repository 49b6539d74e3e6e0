// SPDX-License-Identifier: GPL-3.0-only
#include "adt/result_tar.h"

#include "base/file.h"
#include "data/archive.h"
#include "test.h"

#define RUN "noble/amd64/g/gzip/20261123_101112_0a1b2@"

// A tar file of these members: name, content, name, content, … NULL.
static void make(struct buf *ret, const char *const *members)
{
    const char *path = test_path(test_dir(), "result.tar");
    _cleanup_error_ struct error err = ERROR_INIT;
    struct tar_writer *w = NULL;

    ASSERT_OK(tar_writer_open(path, false, 1, &w, &err), &err);
    for (; *members; members += 2)
        ASSERT_OK(tar_writer_add(w, members[0], members[1], strlen(members[1]), &err), &err);
    ASSERT_OK(tar_writer_close(w, &err), &err);
    buf_truncate(ret, 0);
    ASSERT_OK(file_read(path, ret, &err), &err);
}

static int parse(const char *const *members, const char *container, struct test_complete *ret,
                 struct error *err)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    make(&tar, members);
    return result_tar_read(buf_str(&tar), tar.len, container, RUN, ret, err);
}

TEST(a_result_says_what_its_message_said)
{
    static const char *const members[] = {
        "exitcode",
        "4\n",
        "testpkg-version",
        "gzip 1.12-1\n",
        "duration",
        "42\n",
        "testinfo.json",
        "{\"custom_environment\": [\"ADT_TEST_TRIGGERS=zlib/1.2 dpkg/1.22\", \"A=b\"]}",
        "env",
        "all-proposed=1,A=b\n",
        "testbed-packages",
        "dpkg\t1.22\n",
        "requester",
        "bob\n",
        NULL};
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse(members, "autopkgtest-noble", &done, &err), &err);
    ck_assert_int_eq(done.exitcode, 4);
    ck_assert_uint_eq(done.duration_s, 42);
    ck_assert_str_eq(done.testpkg_version, "1.12-1");
    ck_assert_str_eq(done.triggers, "zlib/1.2 dpkg/1.22");
    ck_assert_str_eq(done.env, "all-proposed=1,A=b");
    ck_assert_str_eq(done.requester, "bob");
    ck_assert_str_eq(done.swift_dir, RUN);
    ck_assert_str_eq(done.container, "autopkgtest-noble");
    ck_assert_str_eq(done.release, "noble");
    ck_assert_str_eq(done.arch, "amd64");
    ck_assert_str_eq(done.package, "gzip");
}

TEST(a_result_of_before_has_its_env_in_testinfo_unless_it_is_private)
{
    static const char *const members[] = {
        "exitcode",
        "0\n",
        "duration",
        "1\n",
        "testinfo.json",
        "{\"custom_environment\": [\"A=b\", \"ADT_TEST_TRIGGERS=a/1\", 7, \"C=d\"]}",
        NULL};
    _cleanup_(test_complete_release) struct test_complete done = {0}, hidden = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse(members, "autopkgtest-noble", &done, &err), &err);
    ck_assert_str_eq(done.env, "A=b,C=d");
    ck_assert_str_eq(done.triggers, "a/1");
    ck_assert_str_eq(done.testpkg_version, "unknown");
    ck_assert_str_eq(done.requester, "");
    ASSERT_OK(parse(members, "private-autopkgtest-noble", &hidden, &err), &err);
    ck_assert_str_eq(hidden.env, "");
}

static void expect_failure(const char *const *members, const char *message)
{
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_FAILS(parse(members, "autopkgtest-noble", &done, &err), -EBADMSG, &err, message);
}

TEST(a_result_that_does_not_tell_how_the_run_ended_is_none)
{
    expect_failure((const char *const[]){"duration", "1\n", NULL}, "result.tar: has no exitcode");
    expect_failure((const char *const[]){"exitcode", "0", NULL}, "result.tar: has no duration");
    expect_failure((const char *const[]){"exitcode", "256\n", "duration", "1", NULL},
                   "result.tar: exitcode: expected a whole number from 0 to 255, got \"256\"");
    expect_failure((const char *const[]){"exitcode", "", "duration", "1", NULL},
                   "result.tar: exitcode: expected a whole number, got \"\"");
}

TEST(damaged_bytes_and_other_paths_are_refused)
{
    static const char *const members[] = {"exitcode",  "0",  "duration", "1",
                                          "requester", "me", NULL};
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);
    struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    make(&tar, members);
    ck_assert_int_eq(result_tar_read(tar.data, tar.len, "c", "noble/amd64", &done, &err), -EBADMSG);
    ck_assert_int_eq(result_tar_read("no tar at all", 13, "c", RUN, &done, &err), -EBADMSG);
    ck_assert_int_eq(result_tar_read("", 0, "c", RUN, &done, &err), -EBADMSG);
    ck_assert_int_eq(result_tar_read(tar.data, 700, "c", RUN, &done, &err), -EBADMSG);
}

TEST(text_that_is_no_text_becomes_some)
{
    static const char *const members[] = {"exitcode",
                                          "0",
                                          "duration",
                                          "1",
                                          "requester",
                                          "b\xff"
                                          "b\n",
                                          "testpkg-version",
                                          "gzip 1'2",
                                          NULL};
    _cleanup_(test_complete_release) struct test_complete done = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(parse(members, "autopkgtest-noble", &done, &err), &err);
    ck_assert_str_eq(done.requester, "b\xef\xbf\xbd"
                                     "b");
    ck_assert_str_eq(done.testpkg_version, "unknown");
}
