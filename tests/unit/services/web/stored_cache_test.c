// SPDX-License-Identifier: GPL-3.0-only
#include "web/stored_cache.h"

#include "test.h"

#include <fcntl.h>
#include <sys/statvfs.h>
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
    _cleanup_params_ struct params headers = {0};

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, size), 0);
    ck_assert_int_eq(params_add(&headers, "Content-Type", key), 0);
    stored_cache_put(f->cache, key, fd, str_equal(key, "untagged") ? NULL : key, &headers);
    ck_assert_int_eq(close(fd), 0);
}

static bool has(struct fixture *f, const char *key, off_t size)
{
    _cleanup_free_ char *etag = NULL;
    _cleanup_params_ struct params headers = {0};
    int fd = stored_cache_get(f->cache, key, &etag, &headers);

    if (fd < 0)
        return false;
    ck_assert_str_eq(params_get(&headers, "Content-Type"), key);
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

// Others use the disk meanwhile: what is asked of its free room is asked with so much to spare.
#define SPARE (32 * MIB)

static off_t part_of_free(unsigned part, off_t least)
{
    struct statvfs fs;
    off_t bytes;

    ck_assert_int_eq(statvfs(test_dir(), &fs), 0);
    bytes = (off_t)(fs.f_bavail * fs.f_frsize / part);
    return bytes > least ? bytes : least;
}

TEST(files_that_are_too_large_are_not_kept_and_older_ones_make_room)
{
    off_t large = part_of_free(4, 256 * MIB), all = part_of_free(2, 512 * MIB);
    off_t most = large > 256 * MIB + SPARE ? large - SPARE : 256 * MIB;
    off_t rest = all > 2 * most ? all - 2 * most : 0;
    FIXTURE(f);

    put(&f, "large", large + SPARE);
    ck_assert(!has(&f, "large", large + SPARE));
    put(&f, "a", most);
    put(&f, "b", most);
    ck_assert(has(&f, "a", most));
    ck_assert(has(&f, "b", most));
    put(&f, "d", rest + SPARE);
    ck_assert(!has(&f, "a", most));
    ck_assert(has(&f, "b", most));
    ck_assert(has(&f, "d", rest + SPARE));
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
