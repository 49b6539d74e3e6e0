// SPDX-License-Identifier: GPL-3.0-only
#include "adt/sources.h"
#include "test.h"

static int note(const char *package, const char *version, void *userdata)
{
    return buf_addf(userdata, "%s=%s ", package, version);
}

// What is found in the text, read in pieces of `piece` bytes.
static size_t found_in(const char *text, size_t len, size_t piece, struct buf *ret)
{
    struct sources s = SOURCES_INIT(note, ret);
    size_t refused;

    for (size_t at = 0; at < len; at += piece)
        ck_assert_int_eq(sources_feed(&s, text + at, len - at < piece ? len - at : piece), 0);
    ck_assert_int_eq(sources_end(&s), 0);
    refused = s.refused;
    sources_release(&s);
    return refused;
}

static void expect(const char *text, const char *wanted, size_t refused)
{
    for (size_t piece = 1; piece < 70; piece += 17) {
        _cleanup_buf_ struct buf found = BUF_INIT(4096);

        ck_assert_uint_eq(found_in(text, strlen(text), piece, &found), refused);
        ck_assert_str_eq(buf_str(&found), wanted);
    }
}

TEST(packages_and_versions_are_found)
{
    expect("Package: gzip\nBinary: gzip, gzip-win32\nVersion: 1.12-1ubuntu3\n"
           "Package-List:\n gzip deb utils required arch=any\n Version: no\nFiles:\n d41d8 1 x\n"
           "\n"
           "Package: zlib\nversion:1:1.3.dfsg-3.1ubuntu2\n",
           "gzip=1.12-1ubuntu3 zlib=1:1.3.dfsg-3.1ubuntu2 ", 0);
}

TEST(sources_that_only_binaries_refer_to_are_left_out)
{
    expect("Package: a\nVersion: 1\nExtra-Source-Only: yes\n\n"
           "Package: a\nVersion: 2\n\nPackage: b\nVersion: 1\nExtra-Source-Only: no\n",
           "a=2 b=1 ", 0);
}

TEST(blank_lines_and_carriage_returns_are_no_stanzas)
{
    expect("\n\n \t\r\nPackage: a\r\nVersion: 1\r\n\r\n\n\n", "a=1 ", 0);
    expect("", "", 0);
    expect("\n", "", 0);
}

TEST(a_stanza_without_a_name_or_a_version_is_refused)
{
    expect("Package: a\n\nVersion: 1\n\nPackage: a b\nVersion: 1\n\n"
           "Package: ../x\nVersion: 1\n\nPackage: c\nVersion: 1'2\n\nPackage: d\nVersion: 1\n",
           "d=1 ", 5);
    expect("no field\n", "", 1);
}

TEST(a_line_of_any_length_is_no_harm)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20), found = BUF_INIT(4096);

    ck_assert_int_eq(buf_add_str(&text, "Package: a\nBinary: "), 0);
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(buf_add_str(&text, "binary, "), 0);
    ck_assert_int_eq(buf_add_str(&text, "\nVersion: 1\nVersion-of: "), 0);
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(buf_add_str(&text, "x"), 0);
    ck_assert_uint_eq(found_in(buf_str(&text), text.len, 4096, &found), 0);
    ck_assert_str_eq(buf_str(&found), "a=1 ");
}

TEST(bytes_that_are_no_text_are_no_harm)
{
    static const char text[] = "Package: a\0b\nVersion: 1\n\n\0\nPackage: \xff\nVersion: 1\n\n"
                               "Package: c\nVersion: 1\n";
    _cleanup_buf_ struct buf found = BUF_INIT(4096);

    ck_assert_uint_eq(found_in(text, sizeof(text) - 1, 7, &found), 2);
    ck_assert_str_eq(buf_str(&found), "c=1 ");
}

static int stop(const char *package _unused_, const char *version _unused_, void *userdata _unused_)
{
    return -ECANCELED;
}

TEST(who_takes_the_packages_can_end_it)
{
    static const char text[] = "Package: a\nVersion: 1\n\nPackage: b\nVersion: 1\n";
    struct sources s = SOURCES_INIT(stop, NULL);

    ck_assert_int_eq(sources_feed(&s, text, strlen(text)), -ECANCELED);
    sources_release(&s);
}
