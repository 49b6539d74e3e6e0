// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_cache.h"

#include "test.h"

#include <fcntl.h>
#include <unistd.h>

#define MIB ((off_t)1024 * 1024)

struct fixture {
    sd_event *event;
    struct stored_cache *cache;
};

static void fixture_stop(struct fixture *f)
{
    stored_cache_free(f->cache);
    (void)sd_event_unref(f->event);
}

#define FIXTURE(f)                                                                                 \
    _cleanup_(fixture_stop) struct fixture f = {0};                                                \
    ck_assert_int_ge(sd_event_new(&f.event), 0);                                                   \
    f.cache = stored_cache_new(f.event);                                                           \
    ck_assert_ptr_nonnull(f.cache)

// Keeps a file of this size, which is all holes.
static void put(struct fixture *f, const char *key, off_t size)
{
    int fd = open(test_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, size), 0);
    stored_cache_put(f->cache, key, fd, str_equal(key, "untagged") ? NULL : key);
    ck_assert_int_eq(close(fd), 0);
}

static bool has(struct fixture *f, const char *key, off_t size)
{
    _cleanup_free_ char *etag = NULL;
    int fd = stored_cache_get(f->cache, key, &etag);

    if (fd < 0)
        return false;
    ck_assert(str_equal(etag, str_equal(key, "untagged") ? NULL : key));
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), size);
    ck_assert_int_eq(close(fd), 0);
    return true;
}

TEST(what_was_put_is_there_until_all_is_forgotten)
{
    FIXTURE(f);

    ck_assert(!has(&f, "a", 0));
    put(&f, "a", 3);
    put(&f, "b", 0);
    put(&f, "untagged", 1);
    put(&f, "a", 5); // it is there already
    ck_assert(has(&f, "a", 3));
    ck_assert(has(&f, "b", 0));
    ck_assert(has(&f, "untagged", 1));
    stored_cache_forget(f.cache);
    ck_assert(!has(&f, "a", 3));
    put(&f, "a", 5);
    ck_assert(has(&f, "a", 5));
}

TEST(files_that_are_too_large_are_not_kept_and_older_ones_make_room)
{
    FIXTURE(f);

    put(&f, "large", 257 * MIB);
    ck_assert(!has(&f, "large", 257 * MIB));
    put(&f, "a", 200 * MIB);
    put(&f, "b", 200 * MIB);
    put(&f, "c", 100 * MIB);
    ck_assert(has(&f, "a", 200 * MIB));
    put(&f, "d", 150 * MIB);
    ck_assert(!has(&f, "a", 200 * MIB));
    ck_assert(has(&f, "b", 200 * MIB));
    ck_assert(has(&f, "d", 150 * MIB));
}

TEST(the_newest_are_kept_when_there_are_too_many)
{
    FIXTURE(f);

    for (int i = 0; i < STORED_CACHE_ENTRIES + 1; i++)
        put(&f, test_keep(str_format("file %d", i)), i);
    ck_assert(!has(&f, "file 0", 0));
    ck_assert(has(&f, "file 1", 1));
    ck_assert(
        has(&f, test_keep(str_format("file %d", STORED_CACHE_ENTRIES)), STORED_CACHE_ENTRIES));
}
