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

static int packed(const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *plain = test_path(dir, "log"),
               *packed = test_path(dir, "log.gz");
    int fd;

    ASSERT_OK(file_replace(plain, text, strlen(text), &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(gzip_file(plain, packed, &err), &err);
    fd = open(packed, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

// The rest of the HTML, read in small pieces.
static char *read_html(struct log_view *v)
{
    struct buf html = BUF_INIT(BUF_OWN_MAX);
    char piece[100];
    ssize_t n;

    while ((n = log_view_read(v, piece, sizeof(piece))) > 0)
        ck_assert_int_eq(buf_add(&html, piece, (size_t)n), 0);
    ck_assert_int_eq((int)n, 0);
    return buf_take(&html);
}

// The whole HTML of a log.
static char *view(const char *text, size_t cut)
{
    struct strv open_tests = STRV_INIT;
    struct log_view *v = NULL;
    int fd = packed(text);
    char *html;

    if (cut)
        ck_assert_int_eq(ftruncate(fd, (off_t)cut), 0);
    ck_assert_int_eq(strv_add(&open_tests, "b"), 0);
    ck_assert_int_eq(log_view_new(fd, &open_tests, NULL, &v), 0);
    html = read_html(v);
    log_view_free(v);
    return html;
}

// What growth() finds: the rest of a file that has come by half.
struct rest {
    int fd;
    const char *bytes;
    size_t len;
    int end; // what its end means then
    bool told;
};

static int growth(void *userdata)
{
    struct rest *rest = userdata;

    if (rest->told)
        return rest->end;
    rest->told = true;
    ck_assert_int_eq(write(rest->fd, rest->bytes, rest->len), (ssize_t)rest->len);
    return -EAGAIN;
}

// A log of one line in a gzip file that is stored, not compressed: all but its last `missing` bytes
// come when its end was met.
static char *view_growing(size_t at, size_t missing, int end, unsigned *ret_waits)
{
    static const char packed[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff" // RFC 1952 §2.3
                                 "\x01\x06\0\xf9\xff"           // RFC 1951 §3.2.4
                                 "hello\n"
                                 "\x20\x30\x3a\x36\x06\0\0\0"; // CRC-32 and length
    struct rest rest = {.fd = -1, .bytes = packed + at, .end = end};
    int fd = open(test_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    const char *path = test_keep(str_format("/proc/self/fd/%d", fd));
    struct strv none = STRV_INIT;
    struct buf html = BUF_INIT(BUF_OWN_MAX);
    struct log_view *v = NULL;
    char piece[100];
    ssize_t n;

    rest.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    rest.len = sizeof(packed) - 1 - at - missing;
    ck_assert_int_eq(write(rest.fd, packed, at), (ssize_t)at);
    ck_assert_int_eq(log_view_new(fd, &none, NULL, &v), 0);
    log_view_follow(v, growth, &rest);
    for (*ret_waits = 0; (n = log_view_read(v, piece, sizeof(piece))) != 0;) {
        ck_assert(n > 0 || n == -EAGAIN);
        *ret_waits += n < 0;
        ck_assert_int_eq(buf_add(&html, piece, n > 0 ? (size_t)n : 0), 0);
    }
    log_view_free(v);
    ck_assert_int_eq(close(rest.fd), 0);
    return buf_take(&html);
}

TEST(a_log_that_grows_is_followed_to_its_end)
{
    for (size_t at = 0; at < 29; at++) {
        unsigned waits = 0;
        _cleanup_free_ char *html = view_growing(at, 0, 0, &waits);

        ck_assert_uint_eq(waits, 1);
        ck_assert_ptr_nonnull(strstr(html, "</a>hello\n</span></pre></details>\n"));
    }
}

TEST(a_log_that_does_not_grow_to_its_end_says_so)
{
    unsigned waits = 0;
    _cleanup_free_ char *lost = view_growing(12, 4, -EIO, &waits);
    _cleanup_free_ char *cut = view_growing(12, 4, 0, &waits);

    ck_assert_ptr_nonnull(strstr(lost, "</a>hello\n"));
    ck_assert_ptr_nonnull(strstr(lost, "(the rest of the log cannot be read)"));
    ck_assert_ptr_nonnull(strstr(cut, "(the log is cut off here)"));
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
    ck_assert_ptr_nonnull(strstr(html, "<span id=\"L6\"><a href=\"#L6\">6</a>last\n"));
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

// The HTML of a part; `held`: when its lines were read before.
static char *view_part(const char *text, uint64_t first, uint64_t count, bool held)
{
    const struct log_part part = {.first = first, .count = count};
    struct strv none = STRV_INIT;
    struct log_view *v = NULL;
    bool more = false, more_held = false;
    uint64_t last = 0;
    char *html;

    ck_assert_int_eq(log_view_new(packed(text), &none, &part, &v), 0);
    if (held) {
        ck_assert_int_eq(log_view_read_part(v), 0);
        last = log_view_last_line(v, &more_held);
    }
    html = read_html(v);
    ck_assert(!held || last == log_view_last_line(v, &more));
    ck_assert(!held || more == more_held);
    ck_assert_uint_eq(log_view_last_line(v, &more), first + count > 9 ? 8 : first + count - 1);
    ck_assert(more == (first + count - 1 < 8));
    log_view_free(v);
    return html;
}

TEST(a_part_is_the_same_when_its_end_was_looked_for_before)
{
    static const char text[] = "first\n"
                               "autopkgtest [1]: test a: [---------------\n<x>\n\n"
                               "autopkgtest [1]: test b: [---------------\n"
                               "y\n"
                               "autopkgtest [1]: @@@@@@@@@@@@@@@@@@@@ summary\nlast";

    for (uint64_t first = 1; first < 11; first++)
        for (uint64_t count = 1; count < 11; count++) {
            _cleanup_free_ char *html = view_part(text, first, count, true);
            _cleanup_free_ char *as_read = view_part(text, first, count, false);

            ck_assert_str_eq(html, as_read);
            ck_assert_int_eq(*html == '\0', first > 8);
        }
}

TEST(a_part_may_be_as_large_as_it_can_get)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *html = NULL;
    struct strv none = STRV_INIT;
    struct log_view *v = NULL;
    bool more = true;
    char line[LOG_LINE_MAX];

    memset(line, 'x', sizeof(line));
    for (size_t i = 0; i < 2000; i++)
        ck_assert_int_eq(buf_add(&text, line, sizeof(line)), 0);
    ck_assert_int_eq(log_view_new(packed(buf_str(&text)), &none,
                                  &(struct log_part){.first = 1, .count = 2000}, &v),
                     0);
    ck_assert_int_eq(log_view_read_part(v), 0);
    ck_assert_uint_eq(log_view_last_line(v, &more), 2000);
    ck_assert(!more);
    html = read_html(v);
    ck_assert_ptr_nonnull(strstr(html, "id=\"L2000\""));
    log_view_free(v);
}
