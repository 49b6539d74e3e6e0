// SPDX-License-Identifier: GPL-3.0-only
// Files and programs when a call in them fails.
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "fault.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

static const char *dir, *file, *link_path, *tree;

static void set_up(void)
{
    dir = test_dir();
    file = test_path(dir, "f");
    link_path = test_path(dir, "l");
    tree = test_path(dir, "tree");
}

static int replace_and_read(struct error *err)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1000);
    _cleanup_free_ char *line = NULL;
    static unsigned number;
    char text[16];
    int n = snprintf(text, sizeof(text), "%u\n", number++);
    int r = file_replace(file, text, (size_t)n, &FILE_ATTRIBUTES(0600), NULL, err);

    if (r == 0)
        r = file_replace(file, text, (size_t)n, &FILE_ATTRIBUTES(0600), NULL, err);
    if (r == 0)
        r = file_read(file, &b, err);
    if (r == 0)
        r = file_read_line(file, &line, err);
    if (r == 0)
        r = dir_sync(dir, err);
    return r;
}

// Only the files that belong there: no temporary one is left.
static void assert_tidy(void)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;

    while ((entry = readdir(d)))
        ck_assert_msg(entry->d_name[0] != '.' || strlen(entry->d_name) <= 2, "left: %s",
                      entry->d_name);
    closedir(d);
}

TEST(replacing_survives_failures_and_leaves_nothing_behind)
{
    set_up();
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, replace_and_read);
    assert_tidy();
    fault_try_each(FAULT_IO | FAULT_FILE, EIO, FAULT_TOLERATED, replace_and_read);
    assert_tidy();
}

TEST(reads_and_writes_go_on_after_a_signal)
{
    set_up();
    ck_assert_int_eq(replace_and_read(NULL), 0);
    fault_try_each(FAULT_IO, EINTR, FAULT_TOLERATED, replace_and_read);
}

static int replace_link(struct error *err)
{
    bool changed;
    int r = file_remove(link_path, &changed, err);

    if (r == 0)
        r = file_replace_link(link_path, "one", &changed, err);
    return r == 0 ? file_replace_link(link_path, "two", &changed, err) : r;
}

TEST(links_survive_failures)
{
    set_up();
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, replace_link);
    assert_tidy();
    fault_try_each(FAULT_FILE, EIO, FAULT_FAILS, replace_link);
    assert_tidy();
    fault_try_each(FAULT_FILE, EEXIST, FAULT_TOLERATED, replace_link);
}

static int make_and_remove_tree(struct error *err)
{
    static const char *const parts[] = {"a/b/c", "a/b/d/e", "f"};
    struct file_attributes own = {.mode = 0700, .uid = getuid(), .gid = getgid()};
    int r = dir_ensure(tree, &own, NULL, err);

    if (r == 0) {
        own.mode = 0750;
        r = dir_ensure(tree, &own, NULL, err);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
        _cleanup_free_ char *path = path_join(tree, parts[i]);

        r = path ? dir_make(path, 0755, err) : error_oom(err);
    }
    return r == 0 ? dir_remove(tree, err) : r;
}

TEST(trees_survive_failures)
{
    set_up();
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, make_and_remove_tree);
    fault_try_each(FAULT_FILE, EIO, FAULT_FAILS, make_and_remove_tree);
    fault_try_each(FAULT_FILE, EACCES, FAULT_TOLERATED, make_and_remove_tree);
}

static int run_cat(struct error *err)
{
    _cleanup_process_result_ struct process_result result = PROCESS_RESULT_INIT(1000);
    static const char *const argv[] = {"cat", NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;
    int r;

    spec.argv = argv;
    r = process_run(&spec, "text", 4, 30 * USEC_PER_SEC, &result, err);
    if (r == 0 && strcmp(buf_str(&result.out), "text") != 0)
        return error_set(err, -EPROTO, "wrong output");
    return r;
}

TEST(programs_survive_failures)
{
    fault_try_each(FAULT_FILE, EMFILE, FAULT_TOLERATED, run_cat);
    fault_try_each(FAULT_IO, EIO, FAULT_TOLERATED, run_cat);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

// What start_cat() has to say when its program cannot be started.
static const char *refusal;

// Leaves neither a descriptor nor a held-back signal behind, whatever fails. (Check's assertions
// would ask for memory.)
static int start_cat(struct error *err)
{
    static const char *const argv[] = {"cat", NULL};
    struct process_spec spec = PROCESS_SPEC_INIT;
    struct process p = PROCESS_INIT;
    unsigned before = open_descriptors();
    sigset_t held_back;
    int r;

    spec.argv = argv;
    r = process_start(&spec, &p, err);
    process_release(&p);
    if (r < 0 && strcmp(error_message(err), refusal) != 0)
        return -EPROTO;
    if (open_descriptors() != before || sigprocmask(SIG_BLOCK, NULL, &held_back) < 0 ||
        sigismember(&held_back, SIGTERM))
        return -EBADF;
    return r;
}

TEST(a_program_for_which_there_is_no_process_is_named_with_the_reason)
{
    refusal = "cannot start cat: Resource temporarily unavailable";
    fault_try_each(FAULT_CLONE, EAGAIN, FAULT_FAILS, start_cat);
    refusal = "cannot start cat: Cannot allocate memory";
    fault_try_each(FAULT_CLONE, ENOMEM, FAULT_FAILS, start_cat);
    // Of the stack that it begins on as well.
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_FAILS, start_cat);
}

TEST(programs_go_on_after_a_signal)
{
    fault_try_each(FAULT_IO, EINTR, FAULT_TOLERATED, run_cat);
}
