// SPDX-License-Identifier: GPL-3.0-only
#include "base/clock.h"
#include "base/process.h"
#include "data/ustar.h"
#include "tarball.h"

static int list(const struct ustar_member *member, void *userdata, struct error *err)
{
    int r = buf_addf(userdata, "%s%s=%.*s;", member->name, member->folder ? " (folder)" : "",
                     (int)member->size, member->content);

    return r < 0 ? error_oom(err) : 0;
}

// What is in the archive, or what is wrong with it; the caller frees.
static char *walk(const struct buf *tar, int *ret_r)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct buf out = BUF_INIT(10000);

    *ret_r = ustar_walk(buf_str(tar), tar->len, list, &out, &err);
    if (*ret_r == 0)
        return buf_take(&out);
    buf_release(&out);
    return strdup(error_message(&err));
}

static void assert_walk(const struct buf *tar, int r, const char *text)
{
    int got;
    _cleanup_free_ char *said = walk(tar, &got);

    ck_assert_str_eq(said, text);
    ck_assert_int_eq(got, r);
}

TEST(files_and_folders_come_in_order)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(100000);

    tarball_add(&tar, "./", '5', "");
    tarball_add(&tar, "pax", 'x', "30 mtime=1700000000.123456789\n");
    tarball_add(&tar, "./a.rc", '0', "text");
    tarball_add(&tar, "b", '\0', "");
    tarball_end(&tar);
    ck_assert(ustar_is_archive(tar.data, tar.len));
    assert_walk(&tar, 0, "./ (folder)=;./a.rc=text;b=;");
}

TEST(a_prefix_belongs_to_the_name)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(100000);

    tarball_add(&tar, "a.rc", '0', "x");
    memcpy(tar.data + 345, "../etc", 6);
    tarball_seal(tar.data);
    tarball_end(&tar);
    assert_walk(&tar, 0, "../etc/a.rc=x;");
}

TEST(other_kinds_are_refused_by_name)
{
    static const struct {
        char type;
        const char *text, *message;
    } cases[] = {
        {'1', "", "a: expected a plain file, found a hard link"},
        {'2', "", "a: expected a plain file, found a symbolic link"},
        {'3', "", "a: expected a plain file, found a device"},
        {'6', "", "a: expected a plain file, found a pipe"},
        {'L', "long", "a: expected a plain file, found a name of over 100 bytes"},
        {'S', "", "a: expected a plain file, found something unknown"},
        {'x', "20 path=/etc/passwd\n",
         "expected plain files with short names, found the extended header path="},
        {'g', "11 size=99\n",
         "expected plain files with short names, found the extended header size="},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf tar = BUF_INIT(100000);

        tarball_add(&tar, "a", cases[i].type, cases[i].text);
        tarball_end(&tar);
        assert_walk(&tar, -ENOTSUP, cases[i].message);
    }
}

TEST(damage_is_found)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(100000), text = BUF_INIT(2000), pax = BUF_INIT(10000);
    _cleanup_buf_ struct buf nameless = BUF_INIT(10000), none = BUF_INIT(10);

    tarball_add(&tar, "a", '0', "content");
    tarball_add(&tar, "b", '0', "more");
    assert_walk(&tar, -EBADMSG, "the archive is cut"); // no end
    tarball_end(&tar);
    for (size_t len = 0; len < (size_t)3 * TAR_BLOCK; len += 100) {
        struct buf part = {.data = tar.data, .len = len, .max = tar.max};
        _cleanup_free_ char *said = NULL;
        int r;

        said = walk(&part, &r);
        ck_assert_int_eq(r, -EBADMSG);
    }
    tar.data[2 * TAR_BLOCK + 3] ^= 1;
    assert_walk(&tar, -EBADMSG, "the archive is damaged");
    while (text.len < 1024)
        ck_assert_int_eq(buf_add_str(&text, "no archive "), 0);
    assert_walk(&text, -EBADMSG, "expected a tar archive");
    assert_walk(&none, -EBADMSG, "expected a tar archive");
    tarball_add(&pax, "p", 'x', "99 path=a\n");
    tarball_end(&pax);
    assert_walk(&pax, -EBADMSG, "the archive is damaged: an extended header");
    tarball_add(&nameless, "", '0', "x");
    tarball_end(&nameless);
    assert_walk(&nameless, -EBADMSG, "expected a name, found none or control characters in it");
}

TEST(a_size_beyond_the_archive_is_refused)
{
    _cleanup_buf_ struct buf tar = BUF_INIT(100000);

    tarball_add(&tar, "a", '0', "x");
    memcpy(tar.data + 124, "77777777777", 11);
    tarball_seal(tar.data);
    tarball_end(&tar);
    assert_walk(&tar, -EBADMSG, "the archive is cut");
    memcpy(tar.data + 124, "\x80\0\0\0\0\0\0\0\0\0\0\x01", 12); // GNU's binary numbers
    tarball_seal(tar.data);
    assert_walk(&tar, -EBADMSG, "the archive is damaged");
}

TEST(what_tar_makes_is_read)
{
    static const char *const formats[] = {"gnu", "ustar", "posix", "oldgnu", "v7"};
    const char *dir = test_dir();
    _cleanup_free_ char *script = NULL;
    struct process_spec spec = PROCESS_SPEC_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(100000);
        _cleanup_error_ struct error err = ERROR_INIT;

        free(script);
        script = str_format("cd '%s' && printf one >a.rc && printf two >b-arm64.rc && "
                            "tar --format=%s -c a.rc b-arm64.rc",
                            dir, formats[i]);
        spec.argv = (const char *const[]){"sh", "-ec", script, NULL};
        ASSERT_OK(process_run(&spec, NULL, 0, USEC_INFINITY, &result, &err), &err);
        ck_assert_int_eq(result.status, 0);
        assert_walk(&result.out, 0, "a.rc=one;b-arm64.rc=two;");
    }
}
