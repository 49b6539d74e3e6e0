// SPDX-License-Identifier: GPL-3.0-only
// fill_results DATABASE: adds the completion messages on standard input, one to a line, as the
// indexer would, in one transaction. For tests and benchmarks of what reads the database.
//
// fill_results DATABASE N: adds N made-up results instead, up to today, else the same at every
// call: 8 releases, 8 architectures and a package for each 400 results; of every thousand results
// one is of pkg0 on noble amd64, which has a long history therefore. Fast, and not safe against a
// power cut.
#include "adt/database.h"
#include "base/clock.h"
#include "base/parse.h"

#include <stdio.h>

#define RESULTS_PER_PACKAGE 400
#define RESULTS_PER_COMMIT 50000
#define DAY_S 86400
#define RUN_EVERY_S 60
#define MANY_RESULTS UINT64_C(100000000)

static int fill(struct database *db, struct error *err)
{
    _cleanup_free_ char *line = NULL;
    size_t alloc = 0;
    ssize_t len;
    int r = database_begin(db, err);

    while (r == 0 && (len = getline(&line, &alloc, stdin)) > 0) {
        struct test_complete done = {0};

        r = test_complete_parse(line, (size_t)len, &done, err);
        if (r == 0)
            r = database_add_result(db, &done, err);
        test_complete_release(&done);
    }
    return r < 0 ? r : database_commit(db, err);
}

// The beginning of today.
static int64_t last_run_s(void)
{
    int64_t now = (int64_t)(clock_realtime_us() / USEC_PER_SEC);

    return now - now % DAY_S;
}

// Result number `i` of `n`.
static int add_made_up(struct database *db, uint64_t i, uint64_t n, struct error *err)
{
    static const char *const releases[] = {"noble",  "jammy",    "focal",    "bionic",
                                           "plucky", "questing", "oracular", "xenial"};
    static const char *const archs[] = {"amd64",   "arm64",   "armhf", "i386",
                                        "ppc64el", "riscv64", "s390x", "armel"};
    static const int exitcodes[] = {0, 0, 0, 2, 0, 4, 0, 0, 8, 0, 0, 16, 0, 6, 0, 20};
    uint64_t packages = 1 + n / RESULTS_PER_PACKAGE;
    uint64_t test = i % 1000 == 0 ? 0 : i % (packages * 64), number = test / 64;
    const char *release = releases[test / 8 % 8], *arch = archs[test % 8];
    _cleanup_free_ char *package = str_format("pkg%llu", (unsigned long long)number);
    _cleanup_free_ char *when =
        clock_format_utc(last_run_s() - (int64_t)(n - i) * RUN_EVERY_S, "%Y%m%d_%H%M%S");
    _cleanup_free_ char *container = str_format("autopkgtest-%s", release);
    _cleanup_free_ char *version =
        str_format("1.%llu-%llu", (unsigned long long)(i / 1000), (unsigned long long)(i % 7));
    _cleanup_free_ char *dir =
        str_format("%s/%s/p/%s/%s_%05llx@", release, arch, package ? package : "", when ? when : "",
                   (unsigned long long)(i % 0x100000));
    _cleanup_free_ char *triggers = str_format("glibc/2.%llu-1%s", (unsigned long long)(i / 5000),
                                               i % 3 ? "" : " openssl/3.0-2 systemd/255.4-1");
    _cleanup_free_ char *requester =
        i % 10 ? strdup("") : str_format("person%llu", (unsigned long long)(i / 10 % 200));
    struct test_complete done = {.arch = (char *)arch,
                                 .container = container,
                                 .package = package,
                                 .testpkg_version = version,
                                 .release = (char *)release,
                                 .requester = requester,
                                 .swift_dir = dir,
                                 .triggers = triggers,
                                 .env = (char *)(i % 50 ? "" : "all-proposed=1"),
                                 .duration_s = 30 + i * 7919 % 3000,
                                 .exitcode = exitcodes[i * 7919 / 11 % ARRAY_SIZE(exitcodes)]};

    if (!package || !when || !container || !version || !dir || !triggers || !requester)
        return error_oom(err);
    return database_add_result(db, &done, err);
}

static int make_up(struct database *db, uint64_t n, struct error *err)
{
    int r = 0;

    if (sqlite3_exec(database_handle(db), "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144",
                     NULL, NULL, NULL) != SQLITE_OK)
        return error_set(err, -EIO, "cannot set up the database for speed");
    for (uint64_t i = 0; i < n && r == 0; i++) {
        if (i % RESULTS_PER_COMMIT == 0) {
            r = i > 0 ? database_commit(db, err) : 0;
            if (r == 0)
                r = database_begin(db, err);
        }
        if (r == 0)
            r = add_made_up(db, i, n, err);
    }
    return r < 0 ? r : database_commit(db, err);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(database_closep) struct database *db = NULL;
    uint64_t n = 0;
    int r = 0;

    if (argc != 2 && argc != 3) {
        (void)fprintf(stderr, "usage: fill_results DATABASE <MESSAGES\n"
                              "       fill_results DATABASE N\n");
        return 2;
    }
    if (argc == 3)
        r = parse_uint(argv[2], 1, MANY_RESULTS, &n, &err);
    if (r == 0)
        r = database_open(argv[1], &db, &err);
    if (r == 0)
        r = argc == 3 ? make_up(db, n, &err) : fill(db, &err);
    if (r < 0)
        (void)fprintf(stderr, "fill_results: %s\n", error_message(&err));
    return r < 0 ? 1 : 0;
}
