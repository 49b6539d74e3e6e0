// SPDX-License-Identifier: GPL-3.0-only
#include "adt/names.h"
#include "test.h"

TEST(queues_are_named_by_context_release_and_arch)
{
    static const struct {
        enum queue_context context;
        const char *name;
    } cases[] = {{CONTEXT_NORMAL, "debci-noble-amd64"},
                 {CONTEXT_HUGE, "debci-huge-noble-amd64"},
                 {CONTEXT_PPA, "debci-ppa-noble-amd64"},
                 {CONTEXT_UPSTREAM, "debci-upstream-noble-amd64"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *name = queue_name(cases[i].context, "noble", "amd64");

        ck_assert_str_eq(name, cases[i].name);
    }
    ck_assert_str_eq(queue_context_name(CONTEXT_NORMAL), "ubuntu");
}

TEST(names_are_checked)
{
    ck_assert(name_is_package("libc++1-14.0") && !name_is_package("") && !name_is_package("a b"));
    ck_assert(!name_is_package("..") && !name_is_package("-x") && !name_is_package("a/b"));
    ck_assert(name_is_package("0ad") && !name_is_package("+x"));
    ck_assert(name_is_package_len("gzip/x", 4) && !name_is_package_len("gzip", 0));
    ck_assert(!name_is_package_len("gz\0ip", 5));
    ck_assert(name_is_version("1:2.3+b~rc1-4_x") && !name_is_version("") &&
              !name_is_version("1 2") && !name_is_version("1\xff"));
    ck_assert(name_is_release("bookworm") && !name_is_release("Noble") && !name_is_release("9"));
    ck_assert(name_is_arch("ppc64el") && !name_is_arch("x86_64") && !name_is_arch(""));
    ck_assert(name_is_run_id("20261123_041500_abc12@"));
    ck_assert(!name_is_run_id("20261123_041500_abc12"));
    ck_assert(!name_is_run_id("20261323_041500_abc12@"));
    ck_assert(!name_is_run_id("20261123_041500_ABC12@"));
}

TEST(run_ids_carry_date_and_digest)
{
    _cleanup_free_ char *id = run_id_new(1700000000, "gzip\n{}", 7, "amd64", "noble");

    ck_assert(name_is_run_id(id));
    ck_assert(str_starts_with(id, "20231114_221320_"));
    // printf 'gzip\n{}amd64noble' | sha1sum
    ck_assert_str_eq(id + 16, "63fc2@");
}

TEST(paths_of_runs)
{
    _cleanup_free_ char *path = run_path("noble", "amd64", "libpng", "20261123_041500_abc12@");
    _cleanup_free_ char *release = NULL, *arch = NULL, *package = NULL, *run = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_str_eq(path, "noble/amd64/libp/libpng/20261123_041500_abc12@");
    ASSERT_OK(run_path_parse("noble/amd64/libp/libpng/20261123_041500_abc12@/log.gz", &release,
                             &arch, &package, &run, &err),
              &err);
    ck_assert_str_eq(package, "libpng");
    ck_assert_str_eq(run, "20261123_041500_abc12@");
}

TEST(paths_that_fit_nothing_are_refused)
{
    static const char *const bad[] = {"", "noble/amd64/g/gzip", "/noble/amd64/g/gzip/x",
                                      "noble/amd64/g/gzip/../x",
                                      "noble/amd64/x/gzip/20261123_041500_abc12@"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *release = NULL, *arch = NULL, *package = NULL, *run = NULL;

        ck_assert_int_eq(run_path_parse(bad[i], &release, &arch, &package, &run, NULL), -EINVAL);
    }
}
