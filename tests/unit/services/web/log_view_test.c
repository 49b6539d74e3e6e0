// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "base/file.h"
#include "data/archive.h"
#include "web/log_view.h"

#include <fcntl.h>

TEST(sections_begin_at_their_lines)
{
    static const struct {
        const char *line, *title, *test;
    } cases[] = {
        {"autopkgtest [12:00:00]: @@@@@@@@@@@@@@@@@@@@ summary", "summary", NULL},
        {" 12s autopkgtest [12:00:00]: @@@@@@@@@@@@@@@@@@@@ test bed setup", "test bed setup",
         NULL},
        {"autopkgtest [12:00:00]: test a-b: [-----------------------", "test a-b: output", "a-b"},
        {"autopkgtest [12:00:00]: test a: preparing testbed", "test a: preparing the testbed", "a"},
        {"autopkgtest [1]: test a:  - - - - - - - - - - results - - - - - - - - - -",
         "test a: results", "a"},
        {"autopkgtest [1]: test a:  - - - - - - - - - - stderr - - - - - - - - - -",
         "test a: standard error", "a"},
        {"autopkgtest [12:00:00]: test a: -----------------------]", NULL, NULL},
        {"autopkgtest [12:00:00]: starting date", NULL, NULL},
        {"autopkgtest [12:00:00", NULL, NULL},
        {"@@@@@@@@@@@@@@@@@@@@ summary", NULL, NULL},
        {"", NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct log_section section = {0};
        int r = log_section_parse(cases[i].line, strlen(cases[i].line), &section);

        ck_assert_msg(r == (cases[i].title != NULL), "%s: %d", cases[i].line, r);
        if (r == 0)
            continue;
        ck_assert_str_eq(section.title, cases[i].title);
        ck_assert(str_equal(section.test, cases[i].test));
        log_section_release(&section);
    }
}

TEST(lines_are_escaped_and_freed_of_controls)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1000);
    const char line[] = "<a&b>\"\t\x1b[1;31mred\x1b[0m\x07\r\x1b[";

    ck_assert_int_eq(log_line_escape(line, sizeof(line) - 1, &b), 0);
    ck_assert_str_eq(buf_str(&b), "&lt;a&amp;b&gt;&quot;\tred");
}

// The whole HTML of a log, read in small pieces.
static char *view(const char *text, size_t cut)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *plain = test_path(dir, "log"),
               *packed = test_path(dir, "log.gz");
    struct strv open_tests = STRV_INIT;
    struct log_view *v = NULL;
    struct buf html = BUF_INIT(BUF_OWN_MAX);
    char piece[100];
    ssize_t n;
    int fd;

    ASSERT_OK(file_replace(plain, text, strlen(text), &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(gzip_file(plain, packed, &err), &err);
    fd = open(packed, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    if (cut)
        ck_assert_int_eq(ftruncate(fd, (off_t)cut), 0);
    ck_assert_int_eq(strv_add(&open_tests, "b"), 0);
    ck_assert_int_eq(log_view_new(fd, &open_tests, NULL, &v), 0);
    while ((n = log_view_read(v, piece, sizeof(piece))) > 0)
        ck_assert_int_eq(buf_add(&html, piece, (size_t)n), 0);
    ck_assert_int_eq((int)n, 0);
    log_view_free(v);
    return buf_take(&html);
}

TEST(a_log_becomes_sections)
{
    _cleanup_free_ char *html = view("first\n"
                                     "autopkgtest [1]: test a: [---------------\nx\n"
                                     "autopkgtest [1]: test b: [---------------\n"
                                     "autopkgtest [1]: @@@@@@@@@@@@@@@@@@@@ summary\nlast",
                                     0);

    ck_assert_ptr_nonnull(strstr(html, "id=\"s1\"><summary>start</summary>"));
    ck_assert_ptr_nonnull(strstr(html, "id=\"s2\"><summary>test a: output</summary>"));
    ck_assert_ptr_nonnull(strstr(html, "id=\"s3\" open><summary>test b: output</summary>"));
    ck_assert_ptr_nonnull(strstr(html, "id=\"s4\" open><summary>summary</summary>"));
    ck_assert_ptr_nonnull(strstr(html, "<span id=\"L6\"><a href=\"#L6\" data-n=\"6\"></a>last\n"));
    ck_assert(str_ends_with(html, "</pre></details>\n"));
}

TEST(an_empty_log_is_a_section_too)
{
    _cleanup_free_ char *html = view("", 0);

    ck_assert(str_starts_with(html, "<details"));
    ck_assert(str_ends_with(html, "</pre></details>\n"));
}

TEST(a_log_that_is_cut_off_says_so)
{
    _cleanup_free_ char *html = view("one\ntwo\nthree\n", 12);

    ck_assert_ptr_nonnull(strstr(html, "(the log is cut off here)"));
}

TEST(a_long_line_comes_in_pieces)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *html = NULL;

    for (size_t i = 0; i < LOG_LINE_MAX * 2 + 10; i++)
        ck_assert_int_eq(buf_add_char(&text, 'x'), 0);
    html = view(buf_str(&text), 0);
    ck_assert_ptr_nonnull(strstr(html, "id=\"L3\""));
    ck_assert_ptr_null(strstr(html, "id=\"L4\""));
}
