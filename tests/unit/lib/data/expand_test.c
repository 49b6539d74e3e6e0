// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "data/expand.h"
#include "test.h"

#include <fcntl.h>

#define LINES 40000

static int add(const void *bytes, size_t len, void *userdata)
{
    return buf_add(userdata, bytes, len);
}

static void put(const char *path, const char *bytes, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_replace(path, bytes, len, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
}

// Compresses the text with the program; gives the path.
static const char *compressed(const char *program, const struct buf *text)
{
    const char *path = test_path(test_dir(), program);
    const char *const argv[] = {program, "-c", NULL};
    const struct process_spec spec = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(process_run(&spec, buf_str(text), text->len, 30 * USEC_PER_SEC, &result, &err), &err);
    ck_assert_int_eq(result.status, 0);
    put(path, buf_str(&result.out), result.out.len);
    return path;
}

static int expand(const char *path, uint64_t max, struct buf *ret, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return expand_fd(fd, "it", max, add, ret, err);
}

static void make_text(struct buf *text)
{
    for (int i = 0; i < LINES; i++)
        ck_assert_int_eq(buf_addf(text, "line %d, and more of it\n", i), 0);
}

TEST(xz_gzip_and_plain_come_out_as_they_went_in)
{
    static const char *const programs[] = {"xz", "gzip", NULL};
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    make_text(&text);
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(BUF_OWN_MAX);

        if (!programs[i]) {
            const char *path = test_path(test_dir(), "plain");

            put(path, buf_str(&text), text.len);
            ASSERT_OK(expand(path, BUF_OWN_MAX, &out, &err), &err);
        } else {
            ASSERT_OK(expand(compressed(programs[i], &text), BUF_OWN_MAX, &out, &err), &err);
        }
        ck_assert_uint_eq(out.len, text.len);
        ck_assert_int_eq(memcmp(out.data, text.data, text.len), 0);
    }
}

TEST(nothing_expands_to_nothing)
{
    _cleanup_buf_ struct buf none = BUF_INIT(16), out = BUF_INIT(16);
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *empty = test_path(test_dir(), "empty");

    put(empty, "", 0);
    ASSERT_OK(expand(empty, 16, &out, &err), &err);
    ASSERT_OK(expand(compressed("gzip", &none), 16, &out, &err), &err);
    ASSERT_OK(expand(compressed("xz", &none), 16, &out, &err), &err);
    ck_assert_uint_eq(out.len, 0);
}

TEST(what_is_cut_or_damaged_is_refused)
{
    static const char *const programs[] = {"xz", "gzip"};
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);

    make_text(&text);
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        _cleanup_buf_ struct buf file = BUF_INIT(BUF_OWN_MAX), out = BUF_INIT(BUF_OWN_MAX);
        const char *path = compressed(programs[i], &text);

        ck_assert_int_eq(file_read(path, &file, NULL), 0);
        put(path, file.data, file.len / 2);
        ck_assert_int_eq(expand(path, BUF_OWN_MAX, &out, NULL), -EBADMSG);
        file.data[file.len / 2] = (char)~file.data[file.len / 2];
        put(path, file.data, file.len);
        ck_assert_int_eq(expand(path, BUF_OWN_MAX, &out, NULL), -EBADMSG);
    }
}

TEST(more_than_is_allowed_is_refused)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX), out = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    make_text(&text);
    ASSERT_FAILS(expand(compressed("xz", &text), text.len - 1, &out, &err), -E2BIG, &err,
                 "it: expands to more than is allowed");
}

TEST(who_takes_the_pieces_can_end_it)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX), out = BUF_INIT(10);

    make_text(&text);
    ck_assert_int_eq(expand(compressed("gzip", &text), BUF_OWN_MAX, &out, NULL), -E2BIG);
}
