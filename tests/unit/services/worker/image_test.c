// SPDX-License-Identifier: GPL-3.0-only
#include "worker/image.h"

#include "base/file.h"
#include "test.h"

#include <sys/stat.h>

static void touch(const char *dir, const char *name)
{
    const struct file_attributes attributes = FILE_ATTRIBUTES(0644);
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *path = path_join(dir, name);

    ASSERT_OK(file_replace(path, "", 0, &attributes, NULL, &err), &err);
}

static struct worker worker_new(const char *dir, const char *arch)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct worker w = {0};

    w.settings.arch = strdup(arch);
    w.settings.image = str_format("%s/$RELEASE-$HOSTARCH.tar", dir);
    ck_assert_int_eq(strv_add(&w.settings.releases, "noble"), 0);
    ck_assert_int_eq(strv_add(&w.settings.releases, "trixie"), 0);
    ASSERT_OK(pick_init(&w.pick, &w.settings.releases, arch, 0, &err), &err);
    return w;
}

static void release(struct worker *w)
{
    pick_release(&w->pick);
    worker_settings_release(&w->settings);
}

TEST(only_queues_of_releases_with_an_image_are_usable)
{
    const char *dir = test_dir(), *first = NULL;
    struct worker w = worker_new(dir, "amd64");

    touch(dir, "trixie-amd64.tar");
    ck_assert_uint_eq(image_missing(&w, &first), 1);
    ck_assert_str_eq(first, "noble");
    image_choose(&w);
    for (size_t i = 0; i < w.pick.len; i++)
        ck_assert_int_eq(w.pick.queues[i].usable, str_equal(w.pick.queues[i].release, "trixie"));
    ck_assert_uint_ne(w.image_at_us, USEC_INFINITY);
    touch(dir, "noble-amd64.tar");
    image_choose(&w);
    for (size_t i = 0; i < w.pick.len; i++)
        ck_assert(w.pick.queues[i].usable);
    ck_assert_uint_eq(w.image_at_us, USEC_INFINITY);
    ck_assert_uint_eq(image_missing(&w, &first), 0);
    release(&w);
}

TEST(i386_runs_in_the_image_of_its_host)
{
    const char *dir = test_dir();
    struct worker w = worker_new(dir, "i386");

    touch(dir, "noble-amd64.tar");
    ck_assert(image_is_there(&w.settings, "noble"));
    ck_assert(!image_is_there(&w.settings, "trixie"));
    release(&w);
}

TEST(without_an_image_in_the_settings_nothing_is_missing)
{
    const char *first = NULL;
    struct worker w = worker_new(test_dir(), "amd64");

    free(TAKE_PTR(w.settings.image));
    ck_assert(image_is_there(&w.settings, "noble"));
    ck_assert_uint_eq(image_missing(&w, &first), 0);
    image_choose(&w);
    ck_assert(w.pick.queues[0].usable);
    release(&w);
}

TEST(an_image_that_has_come_is_seen_when_a_look_is_due)
{
    const char *dir = test_dir();
    struct worker w = worker_new(dir, "amd64");

    image_choose(&w);
    ck_assert(!image_has_changed(&w)); // not due
    w.image_at_us = 0;
    ck_assert(!image_has_changed(&w)); // nothing has come
    ck_assert_uint_gt(w.image_at_us, 0);
    touch(dir, "noble-amd64.tar");
    ck_assert(!image_has_changed(&w));
    w.image_at_us = 0;
    ck_assert(image_has_changed(&w));
    release(&w);
}
