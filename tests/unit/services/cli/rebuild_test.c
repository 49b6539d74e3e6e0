// SPDX-License-Identifier: GPL-3.0-only
#include "cli/rebuild.h"

#include "test.h"

TEST(containers_are_those_of_the_releases)
{
    _cleanup_strv_ struct strv noble = STRV_INIT, all = STRV_INIT;

    ck_assert_int_eq(strv_add(&noble, "noble"), 0);
    ck_assert(rebuild_wants_container("autopkgtest-noble", &noble));
    ck_assert(rebuild_wants_container("autopkgtest-noble-me-ppa", &noble));
    ck_assert(rebuild_wants_container("private-autopkgtest-noble", &noble));
    ck_assert(rebuild_wants_container("autopkgtest-jammy", &all));
    ck_assert(!rebuild_wants_container("autopkgtest-jammy", &noble));
    ck_assert(!rebuild_wants_container("autopkgtest-noblesse", &noble));
    ck_assert(!rebuild_wants_container("autopkgtest-noble_segments", &all));
    ck_assert(!rebuild_wants_container("private-other", &all));
    ck_assert(!rebuild_wants_container("backups", &all));
}
