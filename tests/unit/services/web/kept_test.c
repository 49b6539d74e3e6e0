// SPDX-License-Identifier: GPL-3.0-only
#include "web/kept.h"

#include "test.h"

#include <unistd.h>

#define LONG UINT64_C(3600000000)

static unsigned dropped;

static void count(void *value _unused_)
{
    dropped++;
}

#define KEPT(k, entries, bytes, us)                                                                \
    _cleanup_(kept_release) struct kept k = {0};                                                   \
    dropped = 0;                                                                                   \
    ck_assert_int_eq(kept_init(&k, entries, bytes, us, count), 0)

static char a, b, c;

TEST(what_was_put_is_found_until_it_is_forgotten)
{
    KEPT(k, 4, 100, LONG);

    ck_assert_ptr_null(kept_find(&k, "a"));
    ck_assert_int_eq(kept_put(&k, "a", &a, 60), 0);
    ck_assert_int_eq(kept_put(&k, "b", &b, 0), 0);
    ck_assert_int_eq(kept_put(&k, "a", &c, 1), -EEXIST);
    ck_assert_ptr_eq(kept_find(&k, "a"), &a);
    ck_assert_ptr_eq(kept_find(&k, "b"), &b);
    ck_assert(kept_drop_old(&k));
    ck_assert_uint_eq(dropped, 0);
    kept_forget(&k);
    ck_assert_uint_eq(dropped, 2);
    ck_assert_ptr_null(kept_find(&k, "a"));
    ck_assert(!kept_drop_old(&k));
}

TEST(the_oldest_make_room_for_bytes_and_for_places)
{
    KEPT(k, 2, 100, LONG);

    ck_assert_int_eq(kept_put(&k, "all", &a, 101), -E2BIG);
    ck_assert_int_eq(kept_put(&k, "a", &a, 60), 0);
    ck_assert_int_eq(kept_put(&k, "b", &b, 40), 0);
    ck_assert_int_eq(kept_put(&k, "c", &c, 1), 0); // in the place of a
    ck_assert_ptr_null(kept_find(&k, "a"));
    ck_assert_ptr_eq(kept_find(&k, "b"), &b);
    ck_assert_int_eq(kept_put(&k, "a", &a, 100), 0); // all the others' room
    ck_assert_ptr_null(kept_find(&k, "b"));
    ck_assert_ptr_null(kept_find(&k, "c"));
    ck_assert_ptr_eq(kept_find(&k, "a"), &a);
    ck_assert_uint_eq(dropped, 3);
}

TEST(what_was_there_for_long_enough_is_not_found)
{
    KEPT(k, 2, 100, 1000);

    ck_assert_int_eq(kept_put(&k, "a", &a, 100), 0);
    ck_assert_int_eq(usleep(2000), 0);
    ck_assert_ptr_null(kept_find(&k, "a"));
    ck_assert_uint_eq(dropped, 1);
    ck_assert_int_eq(kept_put(&k, "a", &b, 100), 0); // the bytes are free again
    ck_assert_int_eq(usleep(2000), 0);
    ck_assert(!kept_drop_old(&k));
    ck_assert_uint_eq(dropped, 2);
}
