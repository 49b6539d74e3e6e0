// SPDX-License-Identifier: GPL-3.0-only
#include "upload/upload.h"

#include "base/file.h"
#include "data/archive.h"
#include "test.h"

#include <sys/resource.h>

#define BODY                                                                                       \
    "gzip\n{\"triggers\": [\"zlib/1.2\", \"dpkg/1.22\"], \"requester\": \"bob\", "                 \
    "\"readable-by\": [\"alice\"]}"

static void put(const char *dir, const char *name, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = path_join(dir, name);

    ASSERT_OK(file_replace(path, text, strlen(text), &FILE_ATTRIBUTES(0644), NULL, &err), &err);
}

static void make_dir(const char *dir, const char *name)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = path_join(dir, name);

    ASSERT_OK(dir_make(path, 0755, &err), &err);
}

static const char *make_folder(const char *body, int exitcode)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    struct spool_run run = {
        .run_id = (char[]){"20261123_101112_0a1b2@"},
        .release = (char[]){"noble"},
        .arch = (char[]){"amd64"},
        .container = (char[]){"autopkgtest-noble"},
        .read_acl = (char[]){".r:*,.rlistings"},
        .exitcode = exitcode,
        .duration_s = 42,
        .uuid = (char[]){"1234"},
        .worker = (char[]){"local-amd64-1"},
        .origin_queue = (char[]){"debci-noble-amd64"},
    };

    ASSERT_OK(spool_run_write(dir, &run, &err), &err);
    put(dir, "request", body);
    put(dir, "log", "all of it\n");
    make_dir(dir, "output");
    return dir;
}

static void expect_member(const char *dir, const char *archive, const char *member,
                          const char *wanted)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = str_format("%s/packed/%s", dir, archive);
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    int r = tar_read_member(path, member, &text, &err);

    if (!wanted) {
        ck_assert_int_eq(r, -ENOENT);
        return;
    }
    ASSERT_OK(r, &err);
    ck_assert_str_eq(buf_str(&text), wanted);
}

static void pack_folder(const char *dir)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct parcel parcel;

    ASSERT_OK(parcel_read(dir, &parcel, &err), &err);
    ck_assert_str_eq(parcel.prefix, "noble/amd64/g/gzip/20261123_101112_0a1b2@");
    ASSERT_OK(parcel_pack(&parcel, &err), &err);
    parcel_release(&parcel);
}

TEST(a_whole_result_is_packed)
{
    const char *dir = make_folder(BODY, 4);
    _cleanup_free_ char *log = str_format("%s/packed/log.gz", dir);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(4096);

    put(dir, "output/testpkg-version", "gzip 1.12-1\n");
    put(dir, "output/testbed-packages", "dpkg\t1.22\n");
    put(dir, "output/summary", "smoke FAIL\n");
    put(dir, "output/testinfo.json",
        "{\"custom_environment\": [\"ADT_TEST_TRIGGERS=zlib/1.2 dpkg/1.22\"], \"nproc\": \"2\"}");
    make_dir(dir, "output/artifacts");
    put(dir, "output/artifacts/core", "dump");
    put(dir, "output/smoke-stdout", "hello\n");
    pack_folder(dir);
    pack_folder(dir); // and once more, as after a crash
    expect_member(dir, "result.tar", "exitcode", "4\n");
    expect_member(dir, "result.tar", "duration", "42\n");
    expect_member(dir, "result.tar", "testpkg-version", "gzip 1.12-1\n");
    expect_member(dir, "result.tar", "testbed-packages", "dpkg\t1.22\n");
    expect_member(dir, "result.tar", "summary", "smoke FAIL\n");
    expect_member(dir, "result.tar", "requester", "bob\n");
    expect_member(dir, "result.tar", "uuid", "1234\n");
    expect_member(dir, "result.tar", "env", "\n");
    expect_member(dir, "result.tar", "testinfo.json",
                  "{\"custom_environment\":[\"ADT_TEST_TRIGGERS=zlib/1.2 dpkg/1.22\"],"
                  "\"nproc\":\"2\"}");
    expect_member(dir, "artifacts.tar.gz", "artifacts/core", "dump");
    expect_member(dir, "artifacts.tar.gz", "smoke-stdout", "hello\n");
    expect_member(dir, "artifacts.tar.gz", "testinfo.json", NULL);
    expect_member(dir, "artifacts.tar.gz", "summary", NULL);
    ASSERT_OK(gunzip_file(log, &text, &err), &err);
    ck_assert_str_eq(buf_str(&text), "all of it\n");
}

TEST(an_autopkgtest_that_died_early_still_gives_a_result)
{
    const char *dir = make_folder(BODY, 20);

    put(dir, "output/testinfo.json", "{\"half\": ");
    put(dir, "output/testpkg-version", "");
    pack_folder(dir);
    expect_member(dir, "result.tar", "exitcode", "20\n");
    expect_member(dir, "result.tar", "testpkg-version", "gzip unknown\n");
    expect_member(dir, "result.tar", "testinfo.json",
                  "{\"custom_environment\":[\"ADT_TEST_TRIGGERS=zlib/1.2 dpkg/1.22\"]}");
    expect_member(dir, "result.tar", "testbed-packages", NULL);
}

TEST(what_made_the_run_special_is_kept)
{
    const char *dir = make_folder("gzip\n{\"triggers\": [\"gzip/1\"], \"all-proposed\": 1, "
                                  "\"testname\": \"smoke\", \"env\": [\"A=b\"]}",
                                  0);

    pack_folder(dir);
    expect_member(dir, "result.tar", "env", "all-proposed=1,testname=smoke,A=b\n");
}

TEST(an_unreadable_request_still_gives_a_result)
{
    const char *dir = make_folder("gzip\n{\"triggers\": 7}", 20);

    pack_folder(dir);
    expect_member(dir, "result.tar", "testinfo.json",
                  "{\"custom_environment\":[\"ADT_TEST_TRIGGERS=\"]}");
    expect_member(dir, "result.tar", "requester", NULL);
}

TEST(triggers_are_added_to_the_environment_that_is_there)
{
    static const char text[] = "{\"custom_environment\": [\"A=b\"]}";
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(4096);

    ASSERT_OK(request_parse(BODY, strlen(BODY), &request, &err), &err);
    ASSERT_OK(parcel_testinfo(text, strlen(text), &request, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), "{\"custom_environment\":[\"A=b\","
                                  "\"ADT_TEST_TRIGGERS=zlib/1.2 dpkg/1.22\"]}");
}

TEST(testinfo_that_is_no_object_is_replaced)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(4096);

    ASSERT_OK(request_parse("gzip", 4, &request, &err), &err);
    ASSERT_OK(parcel_testinfo("[1]", 3, &request, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), "{\"custom_environment\":[\"ADT_TEST_TRIGGERS=\"]}");
}

TEST(a_folder_that_is_not_complete_is_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = make_folder(BODY, 0);
    _cleanup_free_ char *run_json = path_join(dir, "run.json");
    struct parcel parcel;

    put(dir, "request", "../x\n");
    ck_assert_int_eq(parcel_read(dir, &parcel, &err), -EBADMSG);
    error_clear(&err);
    put(dir, "request", BODY);
    ASSERT_OK(file_remove(run_json, NULL, &err), &err);
    ck_assert_int_eq(parcel_read(dir, &parcel, &err), -EBADMSG);
    ck_assert_int_eq(parcel_read("/nowhere", &parcel, &err), -EBADMSG);
}

TEST(a_machine_without_a_free_descriptor_is_not_a_broken_folder)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = make_folder(BODY, 0);
    struct rlimit before, none = {0};
    struct parcel parcel;
    int r;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    r = parcel_read(dir, &parcel, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(r, -EMFILE); // is tried again, where -EBADMSG puts the result aside
}
