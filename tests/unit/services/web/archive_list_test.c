// SPDX-License-Identifier: GPL-3.0-only
#include "web/archive_list.h"

#include "base/file.h"
#include "tarball.h"

#include <sys/mman.h>
#include <sys/stat.h>

// An archive in a file of its own.
static int file_of(const struct buf *tar, size_t len)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fd_write_all(fd, tar->data, len), 0);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void end_tar(struct buf *tar)
{
    static const char zeros[2 * TAR_BLOCK];

    ck_assert_int_eq(buf_add(tar, zeros, sizeof(zeros)), 0);
}

static void make_tar(struct buf *tar)
{
    tarball_add(tar, "./", '5', "");
    tarball_add(tar, "./summary", '0', "ok\n");
    tarball_add(tar, "logs/b/deep.txt", '0', "deep");
    tarball_add(tar, "logs/a.txt", '0', "text");
    tarball_add(tar, "logs/A.bin", '0', "\x01\x02");
    tarball_add(tar, "empty/", '5', "");
    tarball_add(tar, "../../etc/passwd", '0', "out");
    tarball_add(tar, "/etc/shadow", '0', "out");
    tarball_add(tar, "a//b", '0', "x");
    tarball_add(tar, "logs/<&\xff", '0', "bad UTF-8");
    tarball_add(tar, "null", '3', "");
}

// `name[=url] ` of each entry, folders with a slash, and the note in brackets.
static void expect_query(const struct buf *tar, const struct archive_query *query,
                         const char *expected)
{
    _cleanup_close_ int fd = file_of(tar, tar->len);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    _cleanup_json_ json_t *value = NULL;
    json_t *entry;
    size_t i;

    ASSERT_OK(archive_list(fd, "t", query, &value, &err), &err);
    json_array_foreach (json_object_get(value, "entries"), i, entry) {
        const char *url = json_string_value(json_object_get(entry, "url"));
        bool folder = json_is_true(json_object_get(entry, "folder"));

        ck_assert_int_eq(buf_addf(&text, "%s%s%s%s%s ", json_text(entry, "name"), folder ? "/" : "",
                                  url ? "=" : "", url ? url : "",
                                  *json_text(entry, "note") ? "!" : ""),
                         0);
    }
    ck_assert_str_eq(buf_str(&text), expected);
}

static void expect(const struct buf *tar, const char *folder, const char *find,
                   const char *expected)
{
    expect_query(tar, &(struct archive_query){folder, find, 0, 100}, expected);
}

TEST(a_folder_has_what_is_in_it_and_names_that_lead_out_have_no_address)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    make_tar(&tar);
    end_tar(&tar);
    expect(&tar, "", NULL,
           "empty/=empty logs/=logs ../../etc/passwd! /etc/shadow! a//b! null! summary=summary ");
    expect(&tar, "logs/", NULL, "b/=b <&\xef\xbf\xbd=%3C%26%FF A.bin=A.bin a.txt=a.txt ");
    expect(&tar, "empty/", NULL, "");
}

TEST(names_are_found_below_a_folder_whatever_their_case)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    make_tar(&tar);
    end_tar(&tar);
    expect(&tar, "", "TXT", "logs/a.txt=logs/a.txt logs/b/deep.txt=logs/b/deep.txt ");
    expect(&tar, "logs/", "a.", "A.bin=A.bin a.txt=a.txt ");
    expect(&tar, "", "nothing has it", "");
}

// An index in a file of its own.
static FILE *index_of(const struct buf *tar, size_t len)
{
    _cleanup_close_ int fd = file_of(tar, len);
    _cleanup_error_ struct error err = ERROR_INIT;
    FILE *f = tmpfile();

    ck_assert_ptr_nonnull(f);
    ASSERT_OK(archive_index(fd, "t", f, &err), &err);
    rewind(f);
    return f;
}

TEST(an_index_lists_as_the_archive_does)
{
    static const struct archive_query queries[] = {
        {"", NULL, 0, 100}, {"logs/", NULL, 1, 2}, {"", "txt", 0, 100}, {"empty/", NULL, 0, 9}};
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);
    char long_name[100];

    make_tar(&tar);
    tarball_add(&tar, "link", '2', "");
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    tarball_add(&tar, long_name, '0', "x");
    end_tar(&tar);
    for (size_t cut = 0; cut < 2; cut++)
        for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
            size_t len = cut ? 10 * TAR_BLOCK - 100 : tar.len;
            _cleanup_close_ int fd = file_of(&tar, len);
            _cleanup_fclose_ FILE *index = index_of(&tar, len);
            _cleanup_json_ json_t *one = NULL, *two = NULL;
            int r = archive_list(fd, "t", &queries[i], &one, NULL);

            ck_assert_int_eq(archive_list_index(index, "t", &queries[i], &two, NULL), r);
            ck_assert(r < 0 || json_equal(one, two));
            ck_assert(r < 0 || cut == (json_object_get(two, "damaged") != NULL));
        }
}

// What archive_follow() writes. *ret_last: the last line as JSON, the caller's; *ret_index: the
// bytes behind it; the return: the lines between the first and that one.
static char *follow(const struct buf *tar, size_t len, const struct archive_query *query,
                    size_t index_max, json_t **ret_last, struct buf *ret_index)
{
    _cleanup_close_ int fd = file_of(tar, len), out = memfd_create("out", MFD_CLOEXEC);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    const char *last, *line;
    size_t index;

    ASSERT_OK(archive_follow(fd, "t", query, index_max, out, &err), &err);
    ck_assert_int_eq((int)lseek(out, 0, SEEK_SET), 0);
    ck_assert_int_eq(file_read_fd(out, "out", &text, NULL), 0);
    ck_assert(str_starts_with(buf_str(&text), "{}\n"));
    last = line = buf_str(&text) + 3;
    while (!str_starts_with(last, "{\"all_bytes\""))
        last = strchr(last, '\n') + 1;
    index = (size_t)(strchr(last, '\n') + 1 - text.data);
    ASSERT_OK(json_parse(last, text.len - (size_t)(last - text.data) - (text.len - index), "last",
                         ret_last, &err),
              &err);
    ck_assert_int_eq(buf_add(ret_index, text.data + index, text.len - index), 0);
    return strndup(line, (size_t)(last - line));
}

TEST(an_archive_that_comes_is_told_line_by_line_with_an_index_behind)
{
    static const struct archive_query queries[] = {
        {"", NULL, 0, 100}, {"logs/", NULL, 0, 2}, {"", "txt", 0, 100}, {"empty/", NULL, 0, 9}};
    static const unsigned lines[] = {7, 2, 2, 0};
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    make_tar(&tar);
    end_tar(&tar);
    for (size_t cut = 0; cut < 2; cut++)
        for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
            size_t len = cut ? tar.len - 3 * TAR_BLOCK + 100 : tar.len;
            _cleanup_buf_ struct buf index = BUF_INIT(BUF_OWN_MAX), expected = BUF_INIT(4096);
            _cleanup_json_ json_t *last = NULL, *whole = NULL;
            _cleanup_free_ char *text = follow(&tar, len, &queries[i], 4096, &last, &index);
            _cleanup_fclose_ FILE *file = index_of(&tar, len);
            _cleanup_close_ int fd = file_of(&tar, len);
            unsigned n = 0;

            for (const char *c = text; (c = strchr(c, '\n')); c++)
                n++;
            ck_assert_uint_eq(n, lines[i] - (cut && i == 0));
            ck_assert_int_eq(file_read_fd(fileno(file), "index", &expected, NULL), 0);
            ck_assert_uint_eq(index.len, expected.len);
            ck_assert(memcmp(index.data, expected.data, index.len) == 0);
            ck_assert_uint_eq((size_t)json_integer_value(json_object_get(last, "index")),
                              index.len);
            ck_assert_int_eq(archive_list(fd, "t", &queries[i], &whole, NULL), 0);
            ck_assert_int_eq(json_object_del(last, "index"), 0);
            ck_assert_int_eq(json_object_del(whole, "entries"), 0);
            ck_assert(json_equal(last, whole));
        }
}

TEST(an_index_that_becomes_too_large_is_left_out_of_what_is_told)
{
    const struct archive_query query = {"", NULL, 0, 100};
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX), index = BUF_INIT(BUF_OWN_MAX);
    _cleanup_json_ json_t *last = NULL;
    _cleanup_free_ char *text = NULL;

    make_tar(&tar);
    end_tar(&tar);
    text = follow(&tar, tar.len, &query, 100, &last, &index);
    ck_assert_ptr_nonnull(strstr(text, "\"summary\""));
    ck_assert_int_eq(json_integer_value(json_object_get(last, "index")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(last, "total")), 7);
    ck_assert_uint_eq(index.len, 0);
}

TEST(nothing_is_told_of_a_folder_that_is_not_there_nor_of_no_archive)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX), none = BUF_INIT(BUF_OWN_MAX);
    const struct archive_query query = {"log/", NULL, 0, 10}, root = {"", NULL, 0, 10};
    _cleanup_close_ int out = memfd_create("out", MFD_CLOEXEC), fd = -1, other = -1;
    _cleanup_error_ struct error err = ERROR_INIT;

    make_tar(&tar);
    end_tar(&tar);
    fd = file_of(&tar, tar.len);
    ck_assert_int_eq(archive_follow(fd, "t", &query, 4096, out, &err), -ENOENT);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_add_str(&none, "this is no archive\n"), 0);
    other = file_of(&none, none.len);
    ck_assert_int_eq(archive_follow(other, "t", &root, 4096, out, &err), -EBADMSG);
    ck_assert_int_eq((int)lseek(out, 0, SEEK_END), 0);
}

TEST(an_index_that_is_cut_off_is_refused)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);
    _cleanup_fclose_ FILE *index = NULL;
    const struct archive_query query = {"", NULL, 0, 10};
    json_t *value = NULL;
    struct stat st;

    make_tar(&tar);
    end_tar(&tar);
    index = index_of(&tar, tar.len);
    ck_assert_int_eq(fstat(fileno(index), &st), 0);
    ck_assert_int_eq(ftruncate(fileno(index), st.st_size - 1), 0);
    ck_assert_int_eq(archive_list_index(index, "t", &query, &value, NULL), -EBADMSG);
    ck_assert_ptr_null(value);
}

TEST(a_long_listing_comes_in_pages)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);

    for (int i = 0; i < 25; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "f%02d", 24 - i);
        tarball_add(&tar, name, '0', "");
    }
    end_tar(&tar);
    expect_query(&tar, &(struct archive_query){"", NULL, 20, 3}, "f20=f20 f21=f21 f22=f22 ");
    expect_query(&tar, &(struct archive_query){"", NULL, 24, 3}, "f24=f24 ");
    expect_query(&tar, &(struct archive_query){"", NULL, 25, 3}, "");
}

TEST(a_folder_that_is_not_there_is_told_from_an_empty_one)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;
    const struct archive_query query = {"log/", NULL, 0, 10};
    json_t *value = NULL;
    int fd;

    make_tar(&tar);
    end_tar(&tar);
    fd = file_of(&tar, tar.len);
    ck_assert_int_eq(archive_list(fd, "t", &query, &value, &err), -ENOENT);
    ck_assert_ptr_null(value);
    close_fd(&fd);
}

TEST(what_could_be_read_of_a_damaged_archive_is_shown_and_nothing_of_no_archive)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX), text = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;
    const struct archive_query query = {"", NULL, 0, 10};
    _cleanup_json_ json_t *value = NULL;
    _cleanup_close_ int cut = -1, none = -1;

    make_tar(&tar);
    cut = file_of(&tar, 5 * TAR_BLOCK - 100);
    ASSERT_OK(archive_list(cut, "t", &query, &value, &err), &err);
    ck_assert_uint_eq(json_array_size(json_object_get(value, "entries")), 2);
    ck_assert(*json_text(value, "damaged"));
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buf_add_str(&text, "this is no archive\n"), 0);
    none = file_of(&text, text.len);
    json_decref(TAKE_PTR(value));
    ck_assert_int_eq(archive_list(none, "t", &query, &value, &err), -EBADMSG);
}

// What archive_member() gives, as text.
static char *member(const struct buf *tar, const char *name, const char *range, int expected)
{
    _cleanup_close_ int fd = file_of(tar, tar->len), out = memfd_create("out", MFD_CLOEXEC);
    _cleanup_error_ struct error err = ERROR_INIT;
    struct buf text = BUF_INIT(BUF_OWN_MAX);

    ck_assert_int_eq(archive_member(fd, "t", name, range, out, &err), expected);
    ck_assert_int_eq((int)lseek(out, 0, SEEK_SET), 0);
    ck_assert_int_eq(file_read_fd(out, "out", &text, NULL), 0);
    return buf_take(&text);
}

TEST(a_member_comes_after_what_it_is)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);
    static const struct {
        const char *name, *text;
        int r;
    } cases[] = {
        {"summary", "{\"size\":3,\"text\":true}\nok\n", 0},
        {"logs/A.bin", "{\"size\":2,\"text\":false}\n\x01\x02", 0},
        {"logs/<&\xff", "{\"size\":9,\"text\":true}\nbad UTF-8", 0},
        {"hard", "{\"size\":3,\"text\":true}\nok\n", 0},
        {"logs", "", -EISDIR},
        {"empty", "", -EISDIR},
        {"null", "", -ENOENT},
        {"soft", "", -ENOENT},
        {"to-nothing", "", -ENOENT},
        {"to-hard", "", -ENOENT},
        {"nothing", "", -ENOENT},
    };

    make_tar(&tar);
    tarball_add(&tar, "hard", '1', "");
    tarball_add(&tar, "soft", '2', "");
    tarball_add(&tar, "to-nothing", '1', "");
    tarball_add(&tar, "to-hard", '1', "");
    for (size_t i = 0; i < 4; i++) {
        static const char *const targets[] = {"./summary", "summary", "gone", "hard"};
        char *header = tar.data + tar.len - (4 - i) * TAR_BLOCK;

        memcpy(header + 157, targets[i], strlen(targets[i]));
        tarball_seal(header);
    }
    end_tar(&tar);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = member(&tar, cases[i].name, "", cases[i].r);

        ck_assert_msg(strcmp(text, cases[i].text) == 0, "%s: %s", cases[i].name, text);
    }
}

// As member(), of an archive that comes through a pipe.
static char *member_of_pipe(const struct buf *tar, const char *name, int expected)
{
    _cleanup_close_ int out = memfd_create("out", MFD_CLOEXEC), from = -1, to = -1;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct buf text = BUF_INIT(BUF_OWN_MAX);
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    from = fds[0];
    to = fds[1];
    ck_assert_uint_lt(tar->len, 65536); // what a pipe holds
    ck_assert_int_eq(fd_write_all(to, tar->data, tar->len), 0);
    close_fd(&to);
    to = -1;
    ck_assert_int_eq(archive_member(from, "t", name, "", out, &err), expected);
    ck_assert_int_eq((int)lseek(out, 0, SEEK_SET), 0);
    ck_assert_int_eq(file_read_fd(out, "out", &text, NULL), 0);
    return buf_take(&text);
}

TEST(a_member_comes_through_a_pipe_but_for_one_that_stood_before)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX);
    _cleanup_free_ char *one = NULL, *hard = NULL;
    char *header;

    make_tar(&tar);
    tarball_add(&tar, "hard", '1', "");
    header = tar.data + tar.len - TAR_BLOCK;
    memcpy(header + 157, "summary", strlen("summary"));
    tarball_seal(header);
    end_tar(&tar);
    one = member_of_pipe(&tar, "logs/a.txt", 0);
    ck_assert_str_eq(one, "{\"size\":4,\"text\":true}\ntext");
    hard = member_of_pipe(&tar, "hard", -ESPIPE);
    ck_assert_str_eq(hard, "");
}

TEST(a_part_of_a_member_is_what_its_range_says)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(BUF_OWN_MAX), content = BUF_INIT(BUF_OWN_MAX);
    static const struct {
        const char *range;
        size_t first, len;
    } cases[] = {{"bytes=0-0", 0, 1},
                 {"bytes=4095-4096", 4095, 2},
                 {"bytes=4096-69631", 4096, 65536},
                 {"bytes=69632-", 69632, 130368},
                 {"bytes=-5", 199995, 5},
                 {"bytes=0-199999", 0, 200000},
                 {"bytes=200000-", 0, 0}};

    for (int i = 0; i < 200000; i++)
        ck_assert_int_eq(buf_add_char(&content, (char)('a' + i % 23)), 0);
    tarball_add(&tar, "first", '0', "x");
    tarball_add(&tar, "large", '0', buf_str(&content));
    end_tar(&tar);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = member(&tar, "large", cases[i].range, 0);
        const char *head =
            test_keep(str_format("{\"size\":200000,\"text\":true,\"first\":%zu,\"length\":%zu}\n",
                                 cases[i].first, cases[i].len));

        ck_assert_msg(str_starts_with(text, head), "%s: %.80s", cases[i].range, text);
        ck_assert_uint_eq(strlen(text), strlen(head) + cases[i].len);
        ck_assert(memcmp(text + strlen(head), content.data + cases[i].first, cases[i].len) == 0);
    }
}

TEST(good_names_stay_inside)
{
    static const char *const good[] = {"a", "a/b", "a/", "...", "a..b", "%2e%2e"};
    static const char *const bad[] = {"", "/", "/a", "..", "../a", "a/../b", "a//b", "./a", "a/."};
    char long_name[ARCHIVE_NAME_MAX + 2];

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        ck_assert_msg(archive_name_is_good(good[i]), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(!archive_name_is_good(bad[i]), "%s", bad[i]);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    ck_assert(!archive_name_is_good(long_name));
    ck_assert(archive_name_is_good(long_name + 1));
}
