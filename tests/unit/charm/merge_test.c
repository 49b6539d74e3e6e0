// SPDX-License-Identifier: GPL-3.0-only
// A merge that ends at any of its calls is completed when it is made again.
#include "charm/merge.h"

#include "base/file.h"
#include "fault.h"
#include "test.h"

#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

// Done by hand between the parts of a test; none of its calls counts.
static bool shell(const char *command)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-ec"}, (char *)command, NULL};
    int status = -1;
    pid_t pid;

    return posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && status == 0;
}

// What a scenario uses, made before anything fails.
static struct {
    struct merge merge;
    const char *prepare, *check;
} bed;

static void make_bed(void)
{
    const char *dir = test_dir();

    bed.merge = (struct merge){.from = test_path(dir, "from"),
                               .to = test_path(dir, "to"),
                               .name = "s",
                               .without = {".part"}};
    bed.prepare = test_keep(str_format(
        "cd %s && rm -rf from to && mkdir -p from/s/c/run from/s/.part from/s/d to/s/c to/s/e && "
        "echo log >from/s/c/run/log && chmod 640 from/s/c/run/log && chmod 750 from/s/c/run && "
        "touch -d @1000000000 from/s/c/run/log && echo part >from/s/.part/x && "
        "echo ours >from/s/c/both && echo theirs >to/s/c/both && echo own >to/s/e/own && "
        "echo d >from/s/d/d && echo file >from/s/e && ln -s / from/s/c/link && mkfifo from/s/fifo",
        dir));
    bed.check = test_keep(str_format(
        "cd %s && [ \"$(find to ! -type d | sort | xargs)\" = "
        "'to/s/c/both to/s/c/run/log to/s/d/d to/s/e/own' ] && "
        "[ \"$(cat to/s/c/both to/s/c/run/log to/s/d/d to/s/e/own | xargs)\" = "
        "'theirs log d own' ] && [ \"$(stat -c %%a.%%Y to/s/c/run/log)\" = 640.1000000000 ] && "
        "[ \"$(stat -c %%a to/s/c/run)\" = 750 ] && [ \"$(ls -A to)\" = s ] && [ -f "
        "from/s/c/run/log ]",
        dir));
}

static int scenario(struct error *err)
{
    _cleanup_error_ struct error again = ERROR_INIT;
    size_t files = 0;
    int r;

    if (!shell(bed.prepare))
        ck_abort_msg("cannot prepare");
    r = merge_run(&bed.merge, &files, err);
    if (r < 0 && merge_run(&bed.merge, &files, &again) < 0)
        ck_abort_msg("%s, then %s", error_message(err), error_message(&again));
    if (!shell(bed.check))
        ck_abort_msg("not merged as a whole, after %s", error_message(err));
    return r;
}

TEST(a_merge_that_fails_at_any_call_is_completed)
{
    make_bed();
    fault_try_each(FAULT_FILE | FAULT_IO, EIO, FAULT_TOLERATED, scenario);
}

TEST(a_merge_without_memory_is_completed)
{
    make_bed();
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, scenario);
}

TEST(what_has_changed_before_is_left_out)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t files = 7;

    make_bed();
    ck_assert(shell(bed.prepare));
    bed.merge.since = time(NULL) + 3600;
    ASSERT_OK(merge_run(&bed.merge, &files, &err), &err);
    ck_assert_uint_eq(files, 0);
    ck_assert(access(test_keep(path_join(bed.merge.to, "s/c/run")), F_OK) < 0);
}

// Its owner may have put one there: what root copies shall not go elsewhere, nor come from there.
TEST(links_in_the_trees_lead_nowhere)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    const char *prepare = test_keep(
        str_format("cd %s && mkdir -p from/s/c to/s elsewhere other && echo x >from/s/c/x && "
                   "ln -s ../../elsewhere to/s/c && echo y >other/y && ln -s ../../other from/s/d",
                   dir));
    struct merge merge = {.from = test_path(dir, "from"), .to = test_path(dir, "to"), .name = "s"};
    size_t files = 7;

    ck_assert(shell(prepare));
    ASSERT_OK(merge_run(&merge, &files, &err), &err);
    ck_assert_uint_eq(files, 0);
    ck_assert(shell(
        test_keep(str_format("cd %s && [ -z \"$(ls elsewhere)\" ] && [ ! -e to/s/d ]", dir))));
}

TEST(a_tree_that_is_not_there_is_empty)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    const char *dir = test_dir();
    struct merge merge = {.from = test_path(dir, "from"), .to = dir, .name = "s"};
    size_t files = 7;

    ASSERT_OK(merge_run(&merge, &files, &err), &err);
    ck_assert_uint_eq(files, 0);
}
