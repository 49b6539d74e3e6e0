// SPDX-License-Identifier: GPL-3.0-only
// A move that ends at any of its calls is completed when it is made again.
#include "charm/relocation.h"

#include "base/file.h"
#include "fault.h"
#include "test.h"

#include <spawn.h>
#include <sys/wait.h>

static const char *const names[] = {"a", "b", "not-there"};

// None of its calls counts: only the move shall fail.
static bool shell(const char *command)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)command, NULL};
    int status = -1;
    pid_t pid;

    return posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && status == 0;
}

// What a scenario uses, made before anything fails.
static struct {
    struct relocation move;
    const char *prepare, *check;
} bed;

static void make_bed(bool keep)
{
    const char *dir = test_dir();

    bed.move = (struct relocation){.from = test_path(dir, "from"),
                                   .to = test_path(dir, "to"),
                                   .staging = test_path(dir, "to"),
                                   .keep = keep};
    bed.prepare = test_keep(str_format("cd %s && rm -rf from to && mkdir -p from/a/sub to && "
                                       "echo a >from/a/sub/file && echo b >from/b && "
                                       "chmod 640 from/b && echo own >to/own",
                                       dir));
    bed.check = test_keep(str_format(
        "cd %s && [ \"$(cd to && find . | sort | xargs)\" = '. ./a ./a/sub ./a/sub/file ./b ./own' "
        "] && [ \"$(cat to/a/sub/file to/b to/own | xargs)\" = 'a b own' ] && "
        "[ \"$(stat -c %%a to/b)\" = 640 ] && [ \"$(ls from | xargs)\" = '%s' ]",
        dir, keep ? "a b" : ""));
}

// With what a caller does: what was begun, then what is there.
static int move_all(const struct relocation *move, struct error *err)
{
    _cleanup_strv_ struct strv there = STRV_INIT;
    int r = relocation_resume(move, err);

    if (r >= 0)
        r = relocation_present(move->from, names, ARRAY_SIZE(names), &there, err);
    return r < 0 ? r : relocation_run(move, &there, err);
}

static int scenario(struct error *err)
{
    _cleanup_error_ struct error again = ERROR_INIT;
    int r;

    if (!shell(bed.prepare))
        ck_abort_msg("cannot prepare");
    r = move_all(&bed.move, err);
    if (r < 0 && move_all(&bed.move, &again) < 0)
        ck_abort_msg("%s, then %s", error_message(err), error_message(&again));
    if (!shell(bed.check))
        ck_abort_msg("not moved as a whole, after %s", error_message(err));
    return r;
}

TEST(a_move_that_fails_at_any_call_is_completed)
{
    make_bed(false);
    fault_try_each(FAULT_FILE | FAULT_IO, EIO, FAULT_TOLERATED, scenario);
}

TEST(a_copy_that_fails_at_any_call_is_completed)
{
    make_bed(true);
    fault_try_each(FAULT_FILE | FAULT_IO, EIO, FAULT_TOLERATED, scenario);
}

TEST(a_move_without_memory_is_completed)
{
    make_bed(false);
    fault_try_each(FAULT_MEMORY, ENOMEM, FAULT_TOLERATED, scenario);
}
