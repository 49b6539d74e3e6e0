// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "base/log.h"
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

// Turns our standard error into a file for the time of a test; what was written is asserted.
static int divert(const char *path)
{
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
    close(fd);
    return saved;
}

static void assert_written(int saved, const char *path, const char *expected)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 16);

    dup2(saved, STDERR_FILENO);
    close(saved);
    ASSERT_OK(file_read(path, &text, &err), &err);
    ck_assert_str_eq(buf_str(&text), expected);
}

static void set_journal_stream(int fd)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    text = str_format("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    ck_assert_int_eq(setenv("JOURNAL_STREAM", text, 1), 0);
}

TEST(lines_go_to_standard_error_with_the_name_of_the_program)
{
    const char *path = test_path(test_dir(), "log");
    int saved;

    unsetenv("JOURNAL_STREAM");
    saved = divert(path);
    log_open("prog", LOG_LEVEL_INFO);
    errno = EPERM;
    log_error("bad %d", 1);
    ck_assert_int_eq(errno, EPERM);
    log_warning("worse");
    log_info("known");
    log_debug("too much");
    assert_written(saved, path, "prog: bad 1\nprog: worse\nprog: known\n");
}

TEST(a_message_cannot_pretend_to_be_several_lines)
{
    const char *path = test_path(test_dir(), "log");
    int saved;

    unsetenv("JOURNAL_STREAM");
    saved = divert(path);
    log_open("prog", LOG_LEVEL_DEBUG);
    log_debug("one\nprog: two\r\x1b[31m\x7f");
    assert_written(saved, path, "prog: one prog: two  [31m \n");
}

TEST(a_journal_stream_that_is_not_ours_is_not_believed)
{
    const char *dir = test_dir(), *path = test_path(dir, "log");
    int saved, other = open(test_path(dir, "other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    saved = divert(path);
    set_journal_stream(other);
    log_open("prog", LOG_LEVEL_INFO);
    log_info("plain");
    assert_written(saved, path, "prog: plain\n");
    close(other);
}

TEST(without_a_journal_to_take_it_an_entry_is_still_written)
{
    const char *path = test_path(test_dir(), "log");
    int saved;

    if (access("/run/systemd/journal/socket", F_OK) == 0)
        return; // it would be taken, and end in the journal of this machine
    saved = divert(path);
    set_journal_stream(STDERR_FILENO);
    log_open("prog", LOG_LEVEL_INFO);
    ck_assert_int_eq(log_set_field("ADT_PACKAGE", "hello"), 0);
    log_info("kept");
    // libsystemd says "sent" when there is no socket at all (the journal may come later).
    dup2(saved, STDERR_FILENO);
    close(saved);
    log_clear_fields();
}

TEST(field_names_are_checked)
{
    static const char *const bad[] = {"", "_TRUSTED", "lower", "WITH-DASH", "A=B", "A B"};
    _cleanup_free_ char *longest = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_int_eq(log_set_field(bad[i], "x"), -EINVAL);
    longest = str_format("%065d", 0);
    ck_assert_int_eq(log_set_field(longest, "x"), -EINVAL);
    ck_assert_int_eq(log_set_field(longest + 1, "x"), 0);
    log_clear_fields();
}

TEST(fields_are_set_changed_and_removed)
{
    ck_assert_int_eq(log_set_field("A", "1"), 0);
    ck_assert_int_eq(log_set_field("AB", "2"), 0);
    ck_assert_int_eq(log_set_field("C", "3"), 0);
    ck_assert_int_eq(log_set_field("AB", "new"), 0);
    ck_assert_int_eq(log_set_field("A", NULL), 0);
    ck_assert_int_eq(log_set_field("ABSENT", NULL), 0);
    ck_assert_int_eq(log_set_field("C", NULL), 0);
    log_clear_fields();
}
