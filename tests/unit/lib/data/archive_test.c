// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "data/archive.h"
#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void put(const char *path, const char *text, mode_t mode)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_replace(path, text, strlen(text), &FILE_ATTRIBUTES(mode), NULL, &err), &err);
}

// What GNU tar says is in an archive.
static void assert_listing(const char *path, const char *expected)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(1 << 16);
    const char *const argv[] = {"tar", "--numeric-owner", "--utc", "-tvf", path, NULL};
    const struct process_spec spec = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};

    ASSERT_OK(process_run(&spec, NULL, 0, 60 * USEC_PER_SEC, &result, &err), &err);
    ck_assert_str_eq(buf_str(&result.errors), "");
    ck_assert_str_eq(buf_str(&result.out), expected);
}

static void assert_member(const char *path, const char *name, const char *expected)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);

    ASSERT_OK(tar_read_member(path, name, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), expected);
}

static struct tar_writer *writer(const char *path, bool gzip)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct tar_writer *w = NULL;

    ASSERT_OK(tar_writer_open(path, gzip, 86400, &w, &err), &err);
    return w;
}

static void make_tree(const char *tree)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(dir_make(test_path(tree, "sub/deep"), 0700, &err), &err);
    ASSERT_OK(dir_make(test_path(tree, "left-out"), 0755, &err), &err);
    put(test_path(tree, "left-out/x"), "x", 0644);
    put(test_path(tree, "b"), "bb", 0600);
    put(test_path(tree, "a.sh"), "#!", 0750);
    put(test_path(tree, "sub/deep/c"), "ccc", 0644);
    ck_assert_int_eq(mkfifo(test_path(tree, "fifo"), 0644), 0);
    ASSERT_OK(file_replace_link(test_path(tree, "link"), "/etc/passwd", NULL, &err), &err);
}

static bool leave_out(const char *name)
{
    return strcmp(name, "left-out") == 0 || strcmp(name, "sub/skipped") == 0;
}

TEST(members_are_written_and_read_back)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *path = test_path(dir, "x.tar"), *file = test_path(dir, "file");
    struct tar_writer *w = writer(path, false);

    put(file, "from a file", 0755);
    ASSERT_OK(tar_writer_add(w, "exitcode", "0\n", 2, &err), &err);
    ASSERT_OK(tar_writer_add(w, "empty", NULL, 0, &err), &err);
    ASSERT_OK(tar_writer_add_file(w, "copy", file, &err), &err);
    ASSERT_OK(tar_writer_close(w, &err), &err);
    assert_member(path, "exitcode", "0\n");
    assert_member(path, "empty", "");
    assert_member(path, "copy", "from a file");
    assert_listing(path, "-rw-r--r-- 0/0               2 1970-01-02 00:00 exitcode\n"
                         "-rw-r--r-- 0/0               0 1970-01-02 00:00 empty\n"
                         "-rwxr-xr-x 0/0              11 1970-01-02 00:00 copy\n");
}

TEST(a_tree_is_packed_in_order_without_what_is_left_out)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *path = test_path(dir, "x.tar.gz");
    const char *tree = test_path(dir, "tree");
    struct tar_writer *w = writer(path, true);

    make_tree(tree);
    ASSERT_OK(tar_writer_add_tree(w, tree, leave_out, &err), &err);
    ASSERT_OK(tar_writer_close(w, &err), &err);
    assert_listing(path, "-rwxr-xr-x 0/0               2 1970-01-02 00:00 a.sh\n"
                         "-rw-r--r-- 0/0               2 1970-01-02 00:00 b\n"
                         "lrwxrwxrwx 0/0               0 1970-01-02 00:00 link -> /etc/passwd\n"
                         "drwxr-xr-x 0/0               0 1970-01-02 00:00 sub/\n"
                         "drwxr-xr-x 0/0               0 1970-01-02 00:00 sub/deep/\n"
                         "-rw-r--r-- 0/0               3 1970-01-02 00:00 sub/deep/c\n");
    assert_member(path, "sub/deep/c", "ccc");
}

TEST(equal_content_gives_equal_archives)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf one = BUF_INIT(1 << 16), two = BUF_INIT(1 << 16);
    const char *dir = test_dir();

    for (int i = 0; i < 2; i++) {
        const char *tree = test_path(dir, i ? "second" : "first");
        const char *path = test_path(dir, i ? "2.tar.gz" : "1.tar.gz");
        struct tar_writer *w = writer(path, true);

        make_tree(tree);
        ASSERT_OK(tar_writer_add_tree(w, tree, NULL, &err), &err);
        ASSERT_OK(tar_writer_close(w, &err), &err);
        ASSERT_OK(file_read(path, i ? &two : &one, &err), &err);
    }
    ck_assert_uint_eq(one.len, two.len);
    ck_assert_mem_eq(one.data, two.data, one.len);
}

TEST(long_names_and_names_of_any_bytes_are_kept)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "x.tar");
    const char *name = test_keep(str_format("d/%0200d/%0200d", 1, 2));
    struct tar_writer *w = writer(path, false);

    ASSERT_OK(tar_writer_add(w, name, "long", 4, &err), &err);
    ASSERT_OK(tar_writer_add(w, "gr\xc3\xbc\xc3\x9f", "utf8", 4, &err), &err);
    ASSERT_OK(tar_writer_add(w, "latin\xff", "bytes", 5, &err), &err);
    ASSERT_OK(tar_writer_close(w, &err), &err);
    assert_member(path, name, "long");
    assert_member(path, "gr\xc3\xbc\xc3\x9f", "utf8");
    assert_member(path, "latin\xff", "bytes");
}

TEST(a_tree_nested_beyond_the_limit_is_packed_up_to_it)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf name = BUF_INIT(4096), content = BUF_INIT(10);
    const char *dir = test_dir(), *path = test_path(dir, "x.tar");
    const char *tree = test_path(dir, "tree");
    struct tar_writer *w = writer(path, false);

    ASSERT_OK(dir_make(tree, 0755, &err), &err);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(buf_add_str(&name, i ? "/d" : "d"), 0);
        ASSERT_OK(dir_make(test_path(tree, name.data), 0755, &err), &err);
    }
    put(test_path(tree, "d/f"), "shallow", 0644);
    ck_assert_int_eq(buf_add_str(&name, "/f"), 0);
    put(test_path(tree, name.data), "deep", 0644);
    ASSERT_OK(tar_writer_add_tree(w, tree, NULL, &err), &err);
    ASSERT_OK(tar_writer_close(w, &err), &err);
    assert_member(path, "d/f", "shallow");
    ck_assert_int_eq(tar_read_member(path, name.data, &content, &err), -ENOENT);
    ASSERT_OK(dir_remove(tree, &err), &err);
}

TEST(a_writer_that_is_dropped_leaves_no_file)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "x.tar");
    struct tar_writer *w = writer(path, false);

    ASSERT_OK(tar_writer_add(w, "a", "b", 1, &err), &err);
    tar_writer_free(w);
    ck_assert_int_lt(access(path, F_OK), 0);
}

TEST(what_cannot_be_packed_is_an_error_that_names_it)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "x.tar");
    _cleanup_(tar_writer_freep) struct tar_writer *w = writer(path, false);
    struct tar_writer *none = NULL;

    ASSERT_FAILS(tar_writer_add_file(w, "x", "/nonexistent/x", &err), -ENOENT, &err,
                 "cannot read /nonexistent/x: No such file or directory");
    ASSERT_FAILS(tar_writer_add_file(w, "x", "/dev/null", &err), -EINVAL, &err,
                 "/dev/null: not a regular file");
    ASSERT_FAILS(tar_writer_add_tree(w, "/nonexistent", NULL, &err), -ENOENT, &err,
                 "cannot read the folder /nonexistent: No such file or directory");
    ASSERT_FAILS(tar_writer_open("/nonexistent/x", false, 0, &none, &err), -ENOENT, &err,
                 "cannot write /nonexistent/x: No such file or directory");
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST(a_write_that_fails_is_told_and_leaves_no_file)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *much = calloc(1, 1 << 20);
    const char *dir = test_dir(), *path = test_path(dir, "x.tar"), *source = test_path(dir, "s");
    struct tar_writer *w = writer(path, false);
    int r;

    for (uint32_t i = 0, x = 1; i < 1 << 20; i++, x = x * 1664525 + 1013904223)
        much[i] = (char)(x >> 24); // not to be compressed
    ASSERT_OK(file_replace(source, much, 1 << 20, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_file_size(20000);
    r = tar_writer_add(w, "x", much, 1 << 20, &err);
    if (r == 0)
        r = tar_writer_close(w, &err);
    else
        tar_writer_free(w);
    ck_assert_int_lt(r, 0);
    ck_assert(str_starts_with(error_message(&err), path));
    ck_assert_int_lt(access(path, F_OK), 0);
    r = gzip_file(source, path, &err);
    limit_file_size(RLIM_INFINITY); // what counts coverage writes at the end
    ck_assert_int_lt(r, 0);
    ck_assert_int_lt(access(path, F_OK), 0);
}

TEST(reading_tells_absent_damaged_and_too_long)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf small = BUF_INIT(3), text = BUF_INIT(1 << 16);
    const char *dir = test_dir(), *path = test_path(dir, "x.tar.gz");
    const char *cut = test_path(dir, "cut"), *not = test_path(dir, "not");
    struct tar_writer *w = writer(path, true);

    ASSERT_OK(tar_writer_add(w, "a", "1234", 4, &err), &err);
    ASSERT_OK(tar_writer_close(w, &err), &err);
    ck_assert_int_eq(tar_read_member(path, "b", &small, &err), -ENOENT);
    ck_assert(str_ends_with(error_message(&err), "has no member b"));
    ck_assert_int_eq(tar_read_member(path, "a", &small, &err), -E2BIG);
    ck_assert_uint_eq(small.len, 0);
    ASSERT_OK(file_read(path, &text, &err), &err);
    ASSERT_OK(file_replace(cut, text.data, 20, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ck_assert_int_eq(tar_read_member(cut, "a", &small, &err), -EBADMSG);
    put(not, "this is no archive, whatever its name says", 0600);
    ck_assert_int_eq(tar_read_member(not, "a", &small, &err), -EBADMSG);
    ck_assert_int_eq(tar_read_member("/nonexistent", "a", &small, &err), -ENOENT);
}

TEST(gzip_round_trip_and_an_absent_source_is_empty)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
    const char *dir = test_dir(), *source = test_path(dir, "log"), *gz = test_path(dir, "log.gz");

    for (int i = 0; i < 50000; i++)
        ck_assert_int_eq(buf_addf(&text, "line %d\n", i), 0);
    ASSERT_OK(file_replace(source, text.data, text.len, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(gzip_file(source, gz, &err), &err);
    ASSERT_OK(gunzip_file(gz, &back, &err), &err);
    ck_assert_uint_eq(back.len, text.len);
    ck_assert_mem_eq(back.data, text.data, text.len);
    ASSERT_OK(gzip_file("/nonexistent", gz, &err), &err);
    buf_truncate(&back, 0);
    ASSERT_OK(gunzip_file(gz, &back, &err), &err);
    ck_assert_uint_eq(back.len, 0);
}

TEST(gunzip_refuses_what_is_cut_damaged_plain_or_too_long)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf gz = BUF_INIT(1 << 16), back = BUF_INIT(1 << 16), small = BUF_INIT(5);
    const char *dir = test_dir(), *source = test_path(dir, "s"), *path = test_path(dir, "s.gz");

    put(source, "0123456789abcdef0123456789abcdef", 0600);
    ck_assert_int_eq(gunzip_file(source, &back, &err), -EBADMSG);
    ck_assert(str_ends_with(error_message(&err), "not compressed by gzip"));
    ASSERT_OK(gzip_file(source, path, &err), &err);
    ck_assert_int_eq(gunzip_file(path, &small, &err), -E2BIG);
    ck_assert_uint_eq(small.len, 0);
    ASSERT_OK(file_read(path, &gz, &err), &err);
    ASSERT_OK(file_replace(path, gz.data, gz.len - 9, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ck_assert_int_eq(gunzip_file(path, &back, &err), -EBADMSG);
    ck_assert(str_ends_with(error_message(&err), "ends too early"));
    gz.data[gz.len - 6] ^= 1; // in the check sum
    ASSERT_OK(file_replace(path, gz.data, gz.len, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ck_assert_int_eq(gunzip_file(path, &back, &err), -EBADMSG);
    ck_assert_uint_eq(back.len, 0);
    ck_assert_int_eq(gunzip_file("/nonexistent", &back, &err), -ENOENT);
}

TEST(gzip_tells_what_it_cannot_read_or_write)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *target = test_path(dir, "t");

    ck_assert_int_eq(gzip_file("/", target, &err), -EISDIR);
    ck_assert_int_lt(access(target, F_OK), 0);
    ASSERT_FAILS(gzip_file("/etc/passwd", "/nonexistent/t", &err), -ENOENT, &err,
                 "cannot write /nonexistent/t: No such file or directory");
}
