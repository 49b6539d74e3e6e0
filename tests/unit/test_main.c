// SPDX-License-Identifier: GPL-3.0-only
#include "test.h"

#include "base/file.h"
#include "base/strv.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static struct test_case *first;
static char *scratch;
static struct strv kept;

void test_register(struct test_case *test)
{
    struct test_case **at = &first;

    while (*at)
        at = &(*at)->next;
    *at = test;
}

const char *test_keep(char *s)
{
    ck_assert_int_eq(strv_take(&kept, s), 0);
    return s;
}

const char *test_dir(void)
{
    static int number;
    const char *dir = test_keep(str_format("%s/%d-%d", scratch, (int)getpid(), number++));

    ck_assert_int_eq(mkdir(dir, 0700), 0);
    return dir;
}

const char *test_path(const char *dir, const char *name)
{
    return test_keep(path_join(dir, name));
}

static int remove_entry(const char *path, const struct stat *st _unused_, int type _unused_,
                        struct FTW *ftw _unused_)
{
    return remove(path);
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    const char *only = argc > 1 ? argv[1] : NULL;
    Suite *suite = suite_create(argv[0]);
    SRunner *runner;
    int failed;

    scratch = str_format("%s/unit-XXXXXX", tmp ? tmp : "/tmp");
    if (!scratch || !mkdtemp(scratch)) {
        perror("mkdtemp");
        return 1;
    }
    for (struct test_case *t = first; t; t = t->next) {
        TCase *group;

        if (only && !strstr(t->name, only))
            continue;
        group = tcase_create(t->name);
        tcase_set_timeout(group, 600);
        tcase_add_test(group, t->function);
        suite_add_tcase(suite, group);
    }
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    (void)nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(scratch);
    return failed ? 1 : 0;
}
