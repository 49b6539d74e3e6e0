// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "base/watch.h"
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_told(struct watch *watch)
{
    struct pollfd fd = {.fd = watch->fd, .events = POLLIN};
    bool readable = poll(&fd, 1, 0) == 1;

    ck_assert(watch_changed(watch) == readable);
    return readable;
}

static void put(const char *dir, const char *name)
{
    _cleanup_free_ char *path = path_join(dir, name);
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(file_replace(path, name, strlen(name), &attributes, NULL, &err), &err);
}

static void append(const char *dir, const char *name)
{
    _cleanup_free_ char *path = path_join(dir, name);
    FILE *file = fopen(path, "ae");

    ck_assert(file && fputs("more", file) >= 0 && fclose(file) == 0);
}

static void watch(struct watch *watch, const char *dir)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(watch_add(watch, dir, &err), &err);
    ck_assert(!is_told(watch) && watch_deadline(watch) == USEC_INFINITY);
}

TEST(what_changes_in_a_folder_is_told_once)
{
    struct watch w = WATCH_INIT;
    const char *home = test_dir();
    _cleanup_free_ char *file = path_join(home, "a");

    watch(&w, home);
    put(home, "a");
    ck_assert(is_told(&w) && !is_told(&w));
    append(home, "a");
    ck_assert(is_told(&w) && !is_told(&w));
    ck_assert_int_eq(unlink(file), 0);
    ck_assert(is_told(&w) && !is_told(&w));
    watch_release(&w);
    ck_assert(w.fd < 0 && !watch_changed(&w));
}

TEST(a_folder_that_comes_later_or_again_is_watched)
{
    struct watch w = WATCH_INIT;
    _cleanup_free_ char *upper = path_join(test_dir(), "upper");
    _cleanup_free_ char *dir = path_join(upper, "dir");
    _cleanup_error_ struct error err = ERROR_INIT;

    watch(&w, dir);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(mkdir(upper, 0755), 0);
        ck_assert(is_told(&w));
        ck_assert_int_eq(mkdir(dir, 0755), 0);
        ck_assert(is_told(&w));
        put(dir, "a");
        ck_assert(is_told(&w) && !is_told(&w));
        ASSERT_OK(dir_remove(upper, &err), &err);
        ck_assert(is_told(&w));
    }
    watch_release(&w);
}

TEST(a_link_that_is_switched_is_told)
{
    struct watch w = WATCH_INIT;
    const char *home = test_dir();
    _cleanup_free_ char *one = path_join(home, "one"), *two = path_join(home, "two");
    _cleanup_free_ char *link = path_join(home, "link");
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert(mkdir(one, 0755) == 0 && mkdir(two, 0755) == 0);
    ASSERT_OK(file_replace_link(link, "one", NULL, &err), &err);
    watch(&w, link);
    put(one, "a");
    ck_assert(is_told(&w));
    ASSERT_OK(file_replace_link(link, "two", NULL, &err), &err);
    ck_assert(is_told(&w));
    put(two, "a");
    ck_assert(is_told(&w) && !is_told(&w));
    watch_release(&w);
}

// As when the user has no inotify instance left: the same errno.
static void watch_without_inotify(struct watch *watch, const char *dir)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(watch_add(watch, dir, &err), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_lt(watch->fd, 0);
    (void)watch_changed(watch); // the folder could not be opened then either
}

TEST(without_inotify_the_folders_are_looked_into)
{
    struct watch w = WATCH_INIT;
    _cleanup_free_ char *dir = path_join(test_dir(), "dir"), *file = path_join(dir, "a");
    uint64_t before = clock_monotonic_us();

    ck_assert(watch_deadline(&w) == USEC_INFINITY && !watch_changed(&w));
    watch_without_inotify(&w, dir);
    ck_assert_uint_ge(watch_deadline(&w), before + WATCH_LOOK_US);
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    ck_assert(watch_changed(&w) && !watch_changed(&w));
    put(dir, "a");
    ck_assert(watch_changed(&w) && !watch_changed(&w));
    append(dir, "a");
    ck_assert(watch_changed(&w) && !watch_changed(&w));
    ck_assert_int_eq(unlink(file), 0);
    ck_assert(watch_changed(&w) && !watch_changed(&w));
    ck_assert_int_eq(rmdir(dir), 0);
    ck_assert(watch_changed(&w) && !watch_changed(&w));
    watch_release(&w);
    ck_assert(watch_deadline(&w) == USEC_INFINITY);
}

TEST(a_relative_path_is_refused)
{
    struct watch w = WATCH_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(watch_add(&w, "lists", &err), -EINVAL);
    watch_release(&w);
}
