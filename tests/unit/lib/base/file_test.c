// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

static void put(const char *path, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_replace(path, text, strlen(text), &FILE_ATTRIBUTES(0644), NULL, &err), &err);
}

static void assert_content(const char *path, const char *text)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);

    ASSERT_OK(file_read(path, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), text);
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    ck_assert_int_eq(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void assert_join(const char *dir, const char *name, const char *expected)
{
    _cleanup_free_ char *joined = path_join(dir, name);

    ck_assert_str_eq(joined, expected);
}

TEST(join_puts_exactly_one_slash)
{
    assert_join("/a", "b", "/a/b");
    assert_join("/a//", "//b", "/a/b");
    assert_join("/", "b", "/b");
    assert_join("", "b", "b");
    assert_join("a", "b/c", "a/b/c");
}

TEST(only_plain_relative_paths_stay_inside)
{
    ck_assert(path_is_inside("a"));
    ck_assert(path_is_inside("a/b..c/...d"));
    ck_assert(!path_is_inside(""));
    ck_assert(!path_is_inside("/a"));
    ck_assert(!path_is_inside("a//b"));
    ck_assert(!path_is_inside("a/"));
    ck_assert(!path_is_inside("./a"));
    ck_assert(!path_is_inside("a/../b"));
    ck_assert(!path_is_inside(".."));
}

TEST(reading_an_absent_file_names_it)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(10);

    ASSERT_FAILS(file_read("/nonexistent/x", &b, &err), -ENOENT, &err,
                 "cannot read /nonexistent/x: No such file or directory");
    ck_assert_int_eq(file_read("/", &b, &err), -EISDIR);
}

TEST(a_file_as_long_as_the_maximum_is_read_and_a_longer_one_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf b = BUF_INIT(6), small = BUF_INIT(5);
    const char *path = test_path(test_dir(), "f");

    put(path, "abcd");
    ck_assert_int_eq(buf_add_str(&b, "--"), 0);
    ASSERT_OK(file_read(path, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), "--abcd");
    ck_assert_int_eq(buf_add_str(&small, "--"), 0);
    ck_assert_int_eq(file_read(path, &small, &err), -E2BIG);
    ck_assert(str_ends_with(error_message(&err), "/f: larger than 3 bytes"));
    ck_assert_str_eq(buf_str(&small), "--");
}

TEST(large_files_are_read_whole)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
    const char *path = test_path(test_dir(), "f");

    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(buf_addf(&out, "%d", i), 0);
    ASSERT_OK(file_replace(path, out.data, out.len, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    ASSERT_OK(file_read(path, &back, &err), &err);
    ck_assert_uint_eq(back.len, out.len);
    ck_assert_mem_eq(back.data, out.data, out.len);
}

TEST(a_line_is_read_without_its_newline)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *first = NULL, *only = NULL, *none = NULL;
    const char *path = test_path(test_dir(), "f");

    put(path, "one\ntwo\n");
    ASSERT_OK(file_read_line(path, &first, &err), &err);
    ck_assert_str_eq(first, "one");
    put(path, "no newline");
    ASSERT_OK(file_read_line(path, &only, &err), &err);
    ck_assert_str_eq(only, "no newline");
    put(path, "");
    ASSERT_OK(file_read_line(path, &none, &err), &err);
    ck_assert_str_eq(none, "");
}

TEST(a_line_without_end_is_refused)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char *line = NULL;

    ASSERT_FAILS(file_read_line("/dev/zero", &line, &err), -E2BIG, &err,
                 "/dev/zero: line longer than 65536 bytes");
    ck_assert_int_eq(file_read_line("/", &line, &err), -EISDIR);
    ck_assert_int_eq(file_read_line("/nonexistent", &line, &err), -ENOENT);
}

TEST(replace_touches_nothing_when_content_and_mode_are_as_wanted)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "f");
    struct stat before, after;
    bool changed = false;

    ASSERT_OK(file_replace(path, "x", 1, &FILE_ATTRIBUTES(0640), &changed, &err), &err);
    ck_assert(changed);
    ck_assert_uint_eq(mode_of(path), 0640);
    ck_assert_int_eq(stat(path, &before), 0);
    ASSERT_OK(file_replace(path, "x", 1, &FILE_ATTRIBUTES(0640), &changed, &err), &err);
    ck_assert(!changed);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
}

TEST(replace_rewrites_for_other_content_length_or_mode)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "f");
    bool changed = false;

    put(path, "aaa");
    ASSERT_OK(file_replace(path, "aab", 3, &FILE_ATTRIBUTES(0644), &changed, &err), &err);
    ck_assert(changed);
    ASSERT_OK(file_replace(path, "aa", 2, &FILE_ATTRIBUTES(0644), &changed, &err), &err);
    ck_assert(changed);
    ASSERT_OK(file_replace(path, "aa", 2, &FILE_ATTRIBUTES(0600), &changed, &err), &err);
    ck_assert(changed);
    ck_assert_uint_eq(mode_of(path), 0600);
    assert_content(path, "aa");
}

TEST(replace_sets_the_owner)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "f");
    struct file_attributes own = {.mode = 0600, .uid = getuid(), .gid = getgid()};
    bool changed = true;
    struct stat st;

    ASSERT_OK(file_replace(path, "x", 1, &own, &changed, &err), &err);
    ASSERT_OK(file_replace(path, "x", 1, &own, &changed, &err), &err);
    ck_assert(!changed);
    if (geteuid() != 0)
        return;
    own.uid = own.gid = 65534;
    ASSERT_OK(file_replace(path, "x", 1, &own, &changed, &err), &err);
    ck_assert(changed);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_uid, 65534);
    ck_assert_uint_eq(st.st_gid, 65534);
}

TEST(replace_puts_a_file_where_a_link_was_and_spares_its_target)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *target = test_path(dir, "target"),
               *link = test_path(dir, "link");
    struct stat st;

    put(target, "same");
    ASSERT_OK(file_replace_link(link, "target", NULL, &err), &err);
    put(link, "same");
    ck_assert_int_eq(lstat(link, &st), 0);
    ck_assert(S_ISREG(st.st_mode));
    assert_content(target, "same");
}

TEST(replace_is_not_stopped_by_a_fifo)
{
    const char *path = test_path(test_dir(), "f");

    ck_assert_int_eq(mkfifo(path, 0644), 0);
    put(path, "x");
    assert_content(path, "x");
}

TEST(replace_into_an_absent_folder_or_over_a_folder_fails_and_leaves_nothing)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *sub = test_path(dir, "sub");
    bool changed = false;

    ASSERT_FAILS(file_replace("/nonexistent/f", "x", 1, &FILE_ATTRIBUTES(0644), &changed, &err),
                 -ENOENT, &err, "cannot write /nonexistent/f: No such file or directory");
    ASSERT_OK(dir_make(sub, 0755, &err), &err);
    ck_assert_int_eq(file_replace(sub, "x", 1, &FILE_ATTRIBUTES(0644), &changed, &err), -EISDIR);
    ck_assert(!changed);
    ck_assert_int_eq(rmdir(sub), 0);
    ck_assert_int_eq(rmdir(dir), 0); // no temporary file was left
}

TEST(replace_alone_takes_away_what_a_killed_one_left)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *path = test_path(dir, "f"), *link = test_path(dir, "l");
    const char *left = test_path(dir, ".f.new"), *left_link = test_path(dir, ".l.new");
    bool changed = false;

    put(left, "half of a sec");
    ck_assert_int_eq(symlink("elsewhere", left_link), 0);
    ASSERT_OK(file_replace_alone(path, "x", 1, &FILE_ATTRIBUTES(0640), &changed, &err), &err);
    ASSERT_OK(file_replace_link(link, "f", NULL, &err), &err);
    ck_assert(changed);
    assert_content(path, "x");
    assert_content(link, "x");
    ck_assert_int_lt(access(left, F_OK), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

TEST(replace_alone_does_not_write_through_a_link_put_in_its_way)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *path = test_path(dir, "f"), *victim = test_path(dir, "victim");

    put(victim, "precious");
    ck_assert_int_eq(symlink(victim, test_path(dir, ".f.new")), 0);
    ASSERT_OK(file_replace_alone(path, "x", 1, &FILE_ATTRIBUTES(0600), NULL, &err), &err);
    assert_content(victim, "precious");
    assert_content(path, "x");
}

TEST(paths_without_a_folder_are_relative_to_the_current_one)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(chdir(test_dir()), 0);
    put("f", "x");
    assert_content("f", "x");
    ASSERT_OK(file_replace_link("l", "f", NULL, &err), &err);
    assert_content("l", "x");
    ASSERT_OK(dir_make("a/b", 0755, &err), &err);
    ASSERT_OK(dir_remove("a", &err), &err);
}

TEST(a_link_is_made_once_and_changed_when_it_points_elsewhere)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "l");
    char target[16] = {0};
    bool changed = false;

    ASSERT_OK(file_replace_link(path, "one", &changed, &err), &err);
    ck_assert(changed);
    ASSERT_OK(file_replace_link(path, "one", &changed, &err), &err);
    ck_assert(!changed);
    ASSERT_OK(file_replace_link(path, "on", &changed, &err), &err);
    ck_assert(changed);
    ASSERT_OK(file_replace_link(path, "one1", &changed, &err), &err);
    ck_assert(changed);
    ck_assert_int_eq(readlink(path, target, sizeof(target) - 1), 4);
    ck_assert_str_eq(target, "one1");
    put(path, "a file");
    ASSERT_OK(file_replace_link(path, "one", &changed, &err), &err);
    ck_assert(changed);
    ck_assert_int_eq(file_replace_link("/nonexistent/l", "x", NULL, &err), -ENOENT);
}

TEST(folders_are_made_with_their_parents_whatever_the_umask)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *path = test_path(dir, "a/b/c");
    bool changed = false;

    umask(077);
    ASSERT_OK(dir_ensure(path, &FILE_ATTRIBUTES(0775), &changed, &err), &err);
    ck_assert(changed);
    ck_assert_uint_eq(mode_of(path), 0775);
    ck_assert_uint_eq(mode_of(test_path(dir, "a/b")), 0755);
    ASSERT_OK(dir_ensure(path, &FILE_ATTRIBUTES(0775), &changed, &err), &err);
    ck_assert(!changed);
    ASSERT_OK(dir_ensure(path, &FILE_ATTRIBUTES(0700), &changed, &err), &err);
    ck_assert(changed);
    ck_assert_uint_eq(mode_of(path), 0700);
    ASSERT_OK(dir_make(path, 0755, &err), &err);
    ck_assert_uint_eq(mode_of(path), 0700);
}

TEST(a_file_or_link_where_a_folder_should_be_is_an_error)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();

    put(test_path(dir, "f"), "x");
    ck_assert_int_eq(dir_make(test_path(dir, "f"), 0755, &err), -ENOTDIR);
    ck_assert_int_eq(dir_make(test_path(dir, "f/g"), 0755, &err), -ENOTDIR);
    ASSERT_OK(dir_make(test_path(dir, "d"), 0755, &err), &err);
    ASSERT_OK(file_replace_link(test_path(dir, "l"), "d", NULL, &err), &err);
    ck_assert_int_lt(dir_ensure(test_path(dir, "l"), &FILE_ATTRIBUTES(0700), NULL, &err), 0);
    ck_assert_uint_eq(mode_of(test_path(dir, "d")), 0755);
    ASSERT_OK(file_replace_link(test_path(dir, "dangling"), "nowhere", NULL, &err), &err);
    ck_assert_int_eq(dir_make(test_path(dir, "dangling"), 0755, &err), -ENOENT);
}

TEST(removing_what_is_absent_succeeds)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    bool changed = true;

    ASSERT_OK(dir_remove("/nonexistent/d", &err), &err);
    ASSERT_OK(file_remove("/nonexistent/f", &changed, &err), &err);
    ck_assert(!changed);
    ck_assert_int_lt(file_remove("/", &changed, &err), 0);
}

TEST(a_file_is_removed)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *path = test_path(test_dir(), "f");
    bool changed = false;

    put(path, "x");
    ASSERT_OK(file_remove(path, &changed, &err), &err);
    ck_assert(changed);
    ck_assert(!exists(path));
}

TEST(a_tree_is_removed_without_following_links)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *keep = test_path(dir, "keep"), *tree = test_path(dir, "tree");

    ASSERT_OK(dir_make(keep, 0755, &err), &err);
    put(test_path(keep, "f"), "x");
    ASSERT_OK(dir_make(test_path(tree, "a/b/c"), 0755, &err), &err);
    ASSERT_OK(dir_make(test_path(tree, "a/d/c"), 0755, &err), &err);
    ASSERT_OK(dir_make(test_path(tree, ".removed-0/e/f/g"), 0755, &err), &err);
    put(test_path(tree, "a/b/c/f"), "x");
    put(test_path(tree, "a/d/c/f"), "x");
    put(test_path(tree, ".removed-1"), "x");
    ASSERT_OK(file_replace_link(test_path(tree, "a/b/link"), keep, NULL, &err), &err);
    ASSERT_OK(file_replace_link(test_path(tree, "link"), keep, NULL, &err), &err);
    ASSERT_OK(dir_remove(tree, &err), &err);
    ck_assert(!exists(tree));
    assert_content(test_path(keep, "f"), "x");
    ASSERT_OK(file_replace_link(tree, keep, NULL, &err), &err);
    ck_assert_int_eq(dir_remove(tree, &err), -ENOTDIR);
    assert_content(test_path(keep, "f"), "x");
}

TEST(a_tree_deeper_than_the_descriptors_we_may_have_is_removed)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *tree = test_path(test_dir(), "tree");

    ASSERT_OK(dir_make(tree, 0755, &err), &err);
    ck_assert_int_eq(chdir(tree), 0);
    for (int i = 0; i < 1500; i++) {
        ck_assert_int_eq(mkdir("deep", 0755), 0);
        put("file", "x");
        ck_assert_int_eq(chdir("deep"), 0);
    }
    ck_assert_int_eq(chdir("/"), 0);
    ASSERT_OK(dir_remove(tree, &err), &err);
    ck_assert(!exists(tree));
}

TEST(folders_nobody_may_read_are_removed_by_their_owner)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir(), *tree = "tree";

    ck_assert_int_eq(chdir(dir), 0); // the folders above are root's alone
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(dir, 65534, 65534), 0);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    ASSERT_OK(dir_make(test_path(tree, "a/b"), 0755, &err), &err);
    put(test_path(tree, "a/b/f"), "x");
    ck_assert_int_eq(chmod(test_path(tree, "a/b"), 0), 0);
    ck_assert_int_eq(chmod(test_path(tree, "a"), 0500), 0);
    ASSERT_OK(dir_remove(tree, &err), &err);
    ck_assert(!exists(tree));
    ck_assert_int_eq(seteuid(getuid()), 0); // what checks for leaks at the end needs it
}

TEST(writes_wait_for_a_full_pipe)
{
    enum { SIZE = 300000 };
    _cleanup_free_ char *bytes = calloc(1, SIZE);
    int fds[2];
    pid_t child;

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        char sink[1000];
        ssize_t n;

        close(fds[1]);
        do
            n = read(fds[0], sink, sizeof(sink));
        while (n > 0);
        _exit(0);
    }
    close(fds[0]);
    ck_assert_int_eq(fd_write_all(fds[1], bytes, SIZE), 0);
    close(fds[1]);
    ck_assert_int_eq(fd_write_all(-1, "x", 1), -EBADF);
}

TEST(a_folder_is_synced)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(dir_sync(test_dir(), &err), &err);
    ASSERT_FAILS(dir_sync("/nonexistent", &err), -ENOENT, &err,
                 "cannot sync the folder /nonexistent: No such file or directory");
}

static void expect_parent(const char *path, const char *expected)
{
    _cleanup_free_ char *parent = path_parent(path);

    ck_assert_str_eq(parent, expected);
}

TEST(parent_of_a_path_ends_before_its_last_slash)
{
    expect_parent("/a/b", "/a");
    expect_parent("/a", "/");
    expect_parent("a/b/c", "a/b");
    expect_parent("a", ".");
}

TEST(names_in_a_folder_are_listed_sorted)
{
    const char *dir = test_path(test_dir(), "listed");
    const struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv names = STRV_INIT;
    _cleanup_free_ char *joined = NULL;

    ck_assert_int_eq(dir_list(dir, &names, &err), -ENOENT);
    ck_assert(str_ends_with(error_message(&err), "/listed: No such file or directory"));
    ASSERT_OK(dir_make_parent(test_path(dir, "sub/file"), 0755, &err), &err);
    ASSERT_OK(file_replace(test_path(dir, "b"), "", 0, &attributes, NULL, &err), &err);
    ASSERT_OK(file_replace(test_path(dir, ".a"), "", 0, &attributes, NULL, &err), &err);
    ASSERT_OK(dir_list(dir, &names, &err), &err);
    joined = strv_join(&names, " ");
    ck_assert_str_eq(joined, ".a b sub");
}

TEST(links_in_a_folder_are_told_from_all_else)
{
    const char *dir = test_path(test_dir(), "listed");
    const struct file_attributes attributes = FILE_ATTRIBUTES(0600);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv links = STRV_INIT, others = STRV_INIT;
    _cleanup_free_ char *linked = NULL, *rest = NULL;

    ck_assert_int_eq(dir_list_links(dir, &links, &others, &err), -ENOENT);
    ASSERT_OK(dir_make_parent(test_path(dir, "sub/file"), 0755, &err), &err);
    ASSERT_OK(file_replace(test_path(dir, "b"), "", 0, &attributes, NULL, &err), &err);
    ck_assert_int_eq(symlink("nowhere", test_path(dir, "z")), 0);
    ck_assert_int_eq(symlink("sub", test_path(dir, "a")), 0);
    ASSERT_OK(dir_list_links(dir, &links, &others, &err), &err);
    linked = strv_join(&links, " ");
    rest = strv_join(&others, " ");
    ck_assert_str_eq(linked, "a z");
    ck_assert_str_eq(rest, "b sub");
}
