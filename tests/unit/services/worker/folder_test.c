// SPDX-License-Identifier: GPL-3.0-only
#include "base/file.h"
#include "test.h"
#include "worker/folder.h"

#define RUN "20261123_041500_abc12@"

static void make(const char *top, const char *below)
{
    _cleanup_free_ char *path = path_join(top, below);
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(dir_make(path, 0750, &err), &err);
}

TEST(a_run_of_another_worker_or_in_the_spool_is_elsewhere)
{
    const char *top = test_dir();
    _cleanup_free_ char *work = path_join(top, "work"), *spool = path_join(top, "spool");
    struct worker w = {.settings = {.name = (char[]){"one"}, .work_dir = work, .spool_dir = spool}};

    ck_assert(!folder_is_elsewhere(&w, RUN)); // nothing is there at all
    make(top, "work/one/" RUN);
    make(top, "work/two");
    make(top, "spool");
    ck_assert(!folder_is_elsewhere(&w, RUN));
    make(top, "work/two/" RUN);
    ck_assert(folder_is_elsewhere(&w, RUN));
    w.settings.name = (char[]){"two"};
    ck_assert(folder_is_elsewhere(&w, RUN));
    ck_assert(!folder_is_elsewhere(&w, "20261123_041500_abc13@"));
    make(top, "spool/20261123_041500_abc13@");
    ck_assert(folder_is_elsewhere(&w, "20261123_041500_abc13@"));
}
