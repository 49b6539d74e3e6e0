// SPDX-License-Identifier: GPL-3.0-only
// Runs a fuzz target over the files of its corpus, as a unit test: NAME_replay reads
// tests/fuzz/corpus/NAME below the current folder, or the folder that is given as its argument.
// Each file is also cut at several places. Ends with a line as Check's, for tests/run-unit. A
// target that finds something wrong aborts.
#include "base/file.h"
#include "base/strv.h"

#include <dirent.h>
#include <stdint.h>

#define INPUT_MAX ((size_t)4 * 1024 * 1024)
#define CUTS 8

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

DEFINE_CLEANUP(DIR *, closedir)

// tests/fuzz/corpus/NAME for a program …/NAME_replay.
static char *default_dir(const char *program)
{
    const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
    size_t n = strlen(name);

    if (str_ends_with(name, "_replay"))
        n -= strlen("_replay");
    return str_format("tests/fuzz/corpus/%.*s", (int)n, name);
}

// A copy of exactly this length, so that a read past its end is seen.
static int run_one(const char *bytes, size_t len)
{
    _cleanup_free_ uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        return -ENOMEM;
    if (len > 0)
        memcpy(copy, bytes, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    return 0;
}

static int run_file(const char *path, struct error *err)
{
    _cleanup_buf_ struct buf input = BUF_INIT(INPUT_MAX);
    int r = file_read(path, &input, err);

    for (size_t i = 0; r == 0 && i <= CUTS; i++)
        r = run_one(input.data, input.len * i / CUTS);
    return r;
}

static int list(const char *dir, struct strv *ret, struct error *err)
{
    _cleanup_(closedirp) DIR *folder = opendir(dir);
    const struct dirent *entry;

    if (!folder)
        return error_errno(err, -errno, "cannot read the folder %s", dir);
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.' && strv_addf(ret, "%s/%s", dir, entry->d_name) < 0)
            return error_oom(err);
    strv_sort(ret);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv files = STRV_INIT;
    _cleanup_free_ char *standard = default_dir(argv[0]);
    const char *dir = argc > 1 ? argv[1] : standard;
    int r = dir ? list(dir, &files, &err) : -ENOMEM;

    for (size_t i = 0; r == 0 && i < files.len; i++)
        r = run_file(files.items[i], &err);
    if (r == 0 && files.len == 0)
        r = error_set(&err, -ENOENT, "%s: no file to replay", dir);
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", error_message(&err));
        return 1;
    }
    printf("100%%: Checks: %zu, Failures: 0, Errors: 0\n", files.len);
    return 0;
}
