// SPDX-License-Identifier: GPL-3.0-only
#include "base/cleanup.h"
#include "test.h"
#include "worker/gate.h"

TEST(only_so_many_are_inside)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    int places[GATE_PLACES], none = 0, next = -1;

    for (size_t i = 0; i < GATE_PLACES; i++) {
        ASSERT_OK(gate_enter(dir, &places[i], &err), &err);
        ck_assert_int_ge(places[i], 0);
    }
    ASSERT_OK(gate_enter(dir, &none, &err), &err);
    ck_assert_int_eq(none, -1);
    (void)close(places[3]);
    ASSERT_OK(gate_enter(dir, &next, &err), &err);
    ck_assert_int_ge(next, 0);
    (void)close(next);
    for (size_t i = 0; i < GATE_PLACES; i++)
        if (i != 3)
            (void)close(places[i]);
}

TEST(a_folder_that_is_not_there_is_an_error)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int fd = 0;

    ck_assert_int_eq(gate_enter("/nowhere", &fd, &err), -ENOENT);
    ck_assert_int_eq(fd, -1);
}

TEST(pauses_are_short)
{
    for (unsigned i = 0; i < 100; i++) {
        uint64_t us = gate_pause_us();

        ck_assert(us >= 50000 && us <= 150000);
    }
}
