// SPDX-License-Identifier: GPL-3.0-only
#include "web/log_search.h"

#include "base/file.h"
#include "data/archive.h"
#include "test.h"
#include "web/log_view.h"

#include <fcntl.h>

static int packed(const char *text, size_t len)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *plain = test_path(dir, "log"), *path = test_path(dir, "log.gz");
    int fd;

    ASSERT_OK(file_replace(plain, text, len, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(gzip_file(plain, path, &err), &err);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static json_t *search(const char *text, size_t len, const struct log_search *what)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    json_t *value = NULL;

    ASSERT_OK(log_search(packed(text, len), what, &value, &err), &err);
    return value;
}

// `line/section:before[match]after|` of each, then how many there are of how many.
static void expect(const char *text, const struct log_search *what, const char *expected)
{
    _cleanup_json_ json_t *value = search(text, strlen(text), what);
    _cleanup_buf_ struct buf got = BUF_INIT(BUF_OWN_MAX);
    json_t *hit;
    size_t i;

    json_array_foreach (json_object_get(value, "hits"), i, hit) {
        ck_assert_int_eq(
            buf_addf(&got, "%lld/%lld:%s[%s]%s|", json_integer_value(json_object_get(hit, "line")),
                     json_integer_value(json_object_get(hit, "section")), json_text(hit, "before"),
                     json_text(hit, "match"), json_text(hit, "after")),
            0);
    }
    ck_assert_int_eq(buf_addf(&got, "%lld of %lld",
                              json_integer_value(json_object_get(value, "total")),
                              json_integer_value(json_object_get(value, "lines"))),
                     0);
    ck_assert_str_eq(buf_str(&got), expected);
}

static const char sample[] = "An error\n"
                             "autopkgtest [1]: test a: [---------------\n"
                             "no \x1b[31mER\x1b[0mROR, really\n"
                             "autopkgtest [1]: @@@@@@@@@@@@@@@@@@@@ summary\n"
                             "last error";

TEST(text_is_found_with_its_line_and_section)
{
    expect(sample, &(struct log_search){"error", false, 0, 10},
           "1/1:An [error]|3/2:no [ERROR], really|5/3:last [error]|3 of 5");
    expect(sample, &(struct log_search){"error", true, 0, 10},
           "1/1:An [error]|5/3:last [error]|2 of 5");
    expect(sample, &(struct log_search){"[31", false, 0, 10}, "0 of 5");
    expect("", &(struct log_search){"x", false, 0, 10}, "0 of 1");
}

TEST(hits_come_in_pages_and_all_are_counted)
{
    expect(sample, &(struct log_search){"error", false, 1, 1}, "3/2:no [ERROR], really|3 of 5");
    expect(sample, &(struct log_search){"error", false, 3, 1}, "3 of 5");
}

TEST(a_long_line_is_cut_around_what_was_found_at_whole_characters)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *value = NULL;
    const json_t *hit;

    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_add_str(&text, "ü"), 0);
    ck_assert_int_eq(buf_add_str(&text, "aNeedle"), 0);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_add_str(&text, "ß"), 0);
    value = search(text.data, text.len, &(struct log_search){"needle", false, 0, 10});
    hit = json_array_get(json_object_get(value, "hits"), 0);
    ck_assert(str_starts_with(json_text(hit, "before"), "…ü"));
    ck_assert(str_ends_with(json_text(hit, "before"), "üa"));
    ck_assert(str_starts_with(json_text(hit, "after"), "ß"));
    ck_assert(str_ends_with(json_text(hit, "after"), "ß…"));
    ck_assert_uint_lt(strlen(json_text(hit, "after")), 300);
}

TEST(what_is_no_text_stops_no_search)
{
    static const char text[] = "a\0b needle\n\xff\xfe needle\xff\n";
    _cleanup_json_ json_t *value =
        search(text, sizeof(text) - 1, &(struct log_search){"needle", false, 0, 10});

    ck_assert_uint_eq(json_array_size(json_object_get(value, "hits")), 2);
}

TEST(lines_and_sections_are_those_of_the_page)
{
    static const struct {
        struct log_part part;
        const char *expected;
    } cases[] = {
        {{.first = 2, .count = 2},
         "<details class=\"section\" id=\"s2\" open><summary>test a: output</summary><pre>"
         "<span id=\"L2\"><a href=\"#L2\">2</a>autopkgtest [1]: test a: "
         "[---------------\n</span>"
         "<span id=\"L3\"><a href=\"#L3\">3</a>no ERROR, really\n</span>"
         "</pre></details>\n"},
        {{.first = 5, .count = 10},
         "<details class=\"section\" id=\"s3\" open><summary>summary</summary><pre>"
         "<span id=\"L5\"><a href=\"#L5\">5</a>last error\n</span></pre></details>\n"},
        {{.first = 6, .count = 10}, ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct strv none = STRV_INIT;
        struct log_view *view = NULL;
        char html[4096];
        size_t len = 0;
        ssize_t n;

        ck_assert_int_eq(log_view_new(packed(sample, strlen(sample)), &none, &cases[i].part, &view),
                         0);
        while ((n = log_view_read(view, html + len, sizeof(html) - 1 - len)) > 0)
            len += (size_t)n;
        html[len] = '\0';
        ck_assert_str_eq(html, cases[i].expected);
        log_view_free(view);
    }
}

TEST(a_section_can_be_unfolded_by_its_number)
{
    struct strv none = STRV_INIT;
    struct log_view *view = NULL;
    char html[4096] = "";

    ck_assert_int_eq(log_view_new(packed(sample, strlen(sample)), &none,
                                  &(struct log_part){.open_section = 2}, &view),
                     0);
    ck_assert_int_gt((int)log_view_read(view, html, sizeof(html) - 1), 0);
    ck_assert_ptr_nonnull(strstr(html, "id=\"s1\"><summary>"));
    ck_assert_ptr_nonnull(strstr(html, "id=\"s2\" open><summary>"));
    log_view_free(view);
}
