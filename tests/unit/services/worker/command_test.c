// SPDX-License-Identifier: GPL-3.0-only
#include "worker/command.h"

#include "test.h"

struct line {
    struct request request;
    struct strv backend_args, setup_commands, argv, secrets;
    struct command_context context;
    struct error err;
};

static void setup(struct line *l, const char *body)
{
    *l = (struct line){0};
    ASSERT_OK(request_parse(body, strlen(body), &l->request, &l->err), &l->err);
    l->context = (struct command_context){
        .request = &l->request,
        .release = "noble",
        .arch = "amd64",
        .program = "autopkgtest",
        .backend = "unshare",
        .backend_args = &l->backend_args,
        .setup_commands = &l->setup_commands,
        .output_dir = "/w/out",
        .secrets_file = "/w/arguments",
        .name = "local-amd64-1",
        .unit = "autopkgtest-cloud/0",
        .timestamp = 1700000000,
    };
}

static int build(struct line *l)
{
    return command_build(&l->context, &l->argv, &l->secrets, &l->err);
}

static void teardown(struct line *l)
{
    request_release(&l->request);
    strv_release(&l->backend_args);
    strv_release(&l->setup_commands);
    strv_release(&l->argv);
    strv_release(&l->secrets);
    error_clear(&l->err);
}

// The whole line, arguments between vertical bars; then everything is freed.
static void expect(struct line *l, const char *wanted)
{
    _cleanup_free_ char *got = NULL;

    ASSERT_OK(build(l), &l->err);
    got = strv_join(&l->argv, "|");
    ck_assert_str_eq(got, wanted);
    teardown(l);
}

static void expect_refused(const char *body, const char *message)
{
    struct line l;

    setup(&l, body);
    ASSERT_FAILS(build(&l), -EINVAL, &l.err, message);
    teardown(&l);
}

#define TIMEOUTS                                                                                   \
    "--timeout-short=300|--timeout-install=3000|--timeout-test=10000|--timeout-copy=900|"          \
    "--timeout-build=20000"
#define UNSHARE "--|unshare|--release|noble|--arch|amd64"

TEST(a_migration_test_takes_its_triggers_from_proposed)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"zlib/1:1.2\", \"dpkg/1.22\"]}");
    expect(&l,
           "autopkgtest|--output-dir|/w/out|--apt-pocket=proposed=src:zlib,src:dpkg|"
           "--apt-upgrade|gzip|" TIMEOUTS "|--env=ADT_TEST_TRIGGERS=zlib/1:1.2 dpkg/1.22|" UNSHARE);
}

TEST(a_bare_package_has_no_pocket_and_no_environment)
{
    struct line l;

    setup(&l, "gzip");
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|gzip|" TIMEOUTS "|" UNSHARE);
}

TEST(all_of_proposed)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"zlib/1\"], \"all-proposed\": \"1\"}");
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-pocket=proposed|--apt-upgrade|gzip|" TIMEOUTS
               "|--env=ADT_TEST_TRIGGERS=zlib/1|" UNSHARE);
}

TEST(debians_releases_have_pockets_of_other_names)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"zlib/1\"]}");
    l.context.release = "bookworm";
    ASSERT_OK(build(&l), &l.err);
    ck_assert(strv_contains(&l.argv, "--apt-pocket=proposed-updates=src:zlib"));
    teardown(&l);
    setup(&l, "gzip\n{\"triggers\": [\"zlib/1\"], \"all-proposed\": \"1\"}");
    l.context.release = "sid";
    ASSERT_OK(build(&l), &l.err);
    STRV_FOREACH (argument, &l.argv)
        ck_assert(!str_starts_with(argument, "--apt-pocket"));
    teardown(&l);
}

TEST(the_reference_trigger_is_not_a_package)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"migration-reference/0\"]}");
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|gzip|" TIMEOUTS
               "|--env=ADT_TEST_TRIGGERS=migration-reference/0|" UNSHARE);
    setup(&l, "gzip\n{\"triggers\": [\"migration-reference/0\", \"a/1\"]}");
    ASSERT_OK(build(&l), &l.err);
    ck_assert(strv_contains(&l.argv, "--apt-pocket=proposed=src:a"));
    teardown(&l);
}

TEST(ppas_come_before_the_upgrade_and_without_a_pocket)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"a/1\"], \"ppas\": [\"bob/one\", \"bob/two\"]}");
    expect(&l, "autopkgtest|--output-dir|/w/out|--add-apt-source=ppa:bob/one|"
               "--add-apt-source=ppa:bob/two|--apt-upgrade|gzip|" TIMEOUTS
               "|--env=ADT_TEST_TRIGGERS=a/1|" UNSHARE);
}

// The whole line of a private request, and of its argument file.
static void expect_private(const char *body, const char *wanted, const char *wanted_lines)
{
    struct line l;
    _cleanup_free_ char *lines = NULL;

    setup(&l, body);
    ASSERT_OK(build(&l), &l.err);
    lines = strv_join(&l.secrets, "\n");
    ck_assert_str_eq(lines, wanted_lines);
    strv_release(&l.argv);
    strv_release(&l.secrets);
    expect(&l, wanted);
}

TEST(what_a_private_request_tells_is_not_on_the_command_line)
{
    expect_private("gzip\n{\"ppas\": [\"bob:s3cret@alice/one\", \"alice/two:F00\"], "
                   "\"triggers\": [\"a/1\"]}",
                   "autopkgtest|--output-dir|/w/out|@/w/arguments|--apt-upgrade|gzip|" TIMEOUTS
                   "|" UNSHARE,
                   "--add-apt-source=ppa:bob:s3cret@alice/one\n"
                   "--add-apt-source=ppa:alice/two:F00\n--env=ADT_TEST_TRIGGERS=a/1");
    expect_private("gzip\n{\"test-git\": \"https://u:s3cret@x.org/y.git main\", \"testname\": "
                   "\"t\"}",
                   "autopkgtest|--output-dir|/w/out|--apt-upgrade|--no-built-binaries|"
                   "@/w/arguments|" TIMEOUTS "|" UNSHARE,
                   "https://u:s3cret@x.org/y.git#main\n--testname=t");
    expect_private("gzip\n{\"env\": [\"KEY=s3cret\"], \"swiftuser\": \"joe\"}",
                   "autopkgtest|--output-dir|/w/out|--apt-upgrade|gzip|" TIMEOUTS
                   "|@/w/arguments|" UNSHARE,
                   "--env=KEY=s3cret");
}

TEST(trees_from_git)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"a/1\"], \"test-git\": \"https://x.org/y.git main\"}");
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|--no-built-binaries|"
               "https://x.org/y.git#main|" TIMEOUTS "|--env=ADT_TEST_TRIGGERS=a/1|" UNSHARE);
    setup(&l, "gzip\n{\"build-git\": \"https://x.org/y.git#refs/pull/7/head\"}");
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|https://x.org/y.git#refs/pull/7/"
               "head|" TIMEOUTS "|" UNSHARE);
}

TEST(environment_and_test_name_are_single_arguments)
{
    struct line l;

    setup(&l, "gzip\n{\"env\": [\"A=b c; rm -rf /\", \"B=$(id)\"], \"testname\": \"one two\"}");
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|gzip|" TIMEOUTS
               "|--env=A=b c; rm -rf /|--env=B=$(id)|--testname=one two|" UNSHARE);
}

TEST(the_null_backend_takes_neither_pocket_nor_upgrade)
{
    struct line l;

    setup(&l, "gzip\n{\"triggers\": [\"a/1\"], \"all-proposed\": \"1\"}");
    l.context.backend = "null";
    expect(&l,
           "autopkgtest|--output-dir|/w/out|gzip|" TIMEOUTS "|--env=ADT_TEST_TRIGGERS=a/1|--|null");
}

TEST(i386_is_a_foreign_architecture_from_focal_on)
{
    struct line l;

    setup(&l, "gzip");
    l.context.arch = "i386";
    ck_assert_int_eq(strv_add(&l.backend_args, "$HOSTARCH"), 0);
    expect(&l, "autopkgtest|--output-dir|/w/out|-a|i386|--apt-upgrade|gzip|" TIMEOUTS
               "|--|unshare|amd64");
    setup(&l, "gzip");
    l.context.arch = "i386";
    l.context.release = "bionic";
    ASSERT_OK(build(&l), &l.err);
    ck_assert(!strv_contains(&l.argv, "-a"));
    teardown(&l);
}

static void expect_timeouts(struct line *l, const char *test, const char *build_option)
{
    ASSERT_OK(build(l), &l->err);
    ck_assert_msg(strv_contains(&l->argv, test), "%s", test);
    ck_assert_msg(strv_contains(&l->argv, build_option), "%s", build_option);
    teardown(l);
}

TEST(long_and_big_packages_get_more_time)
{
    struct line l;

    setup(&l, "gzip");
    l.context.long_tests = true;
    expect_timeouts(&l, "--timeout-test=40000", "--timeout-build=40000");
    setup(&l, "gzip");
    l.context.big = true;
    expect_timeouts(&l, "--timeout-test=20000", "--timeout-build=20000");
    setup(&l, "gzip");
    l.context.arch = "riscv64";
    expect_timeouts(&l, "--timeout-test=40000", "--timeout-short=1200");
}

TEST(settings_come_first_with_their_variables)
{
    struct line l;

    setup(&l, "gzip");
    l.context.mirror = "http://m/";
    l.context.vm = true;
    l.context.big = true;
    l.context.remote = "lxd-10.0.0.1";
    ck_assert_int_eq(strv_add(&l.setup_commands, "prepare $RELEASE $MIRROR $OTHER $"), 0);
    ck_assert_int_eq(strv_split(&l.backend_args,
                                "$VMOPT $LXD_REMOTE:$PACKAGE$VMFLAG "
                                "$PACKAGESIZE-$NAME-$TIMESTAMP",
                                " "),
                     0);
    ASSERT_OK(build(&l), &l.err);
    ck_assert(strv_contains(&l.argv, "--setup-commands=prepare noble http://m/ $OTHER $"));
    ck_assert(strv_contains(&l.argv, "--vm"));
    ck_assert(strv_contains(&l.argv, "lxd-10.0.0.1:gzip/vm"));
    ck_assert(strv_contains(&l.argv, "big-local-amd64-1-1700000000"));
    teardown(&l);
}

TEST(an_argument_that_is_only_an_empty_variable_is_left_out)
{
    struct line l;

    setup(&l, "gzip");
    ck_assert_int_eq(strv_split(&l.backend_args, "$VMOPT x", " "), 0);
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|gzip|" TIMEOUTS "|--|unshare|x");
}

TEST(an_instance_of_lxd_tells_of_which_model_it_is)
{
    struct line l;

    setup(&l, "gzip");
    l.context.backend = "lxd";
    l.context.remote = "far";
    l.context.model = "0f2c";
    ck_assert_int_eq(strv_add(&l.backend_args, "far:image"), 0);
    expect(&l, "autopkgtest|--output-dir|/w/out|--apt-upgrade|gzip|" TIMEOUTS
               "|--|lxd|far:image|-c|user.autopkgtest-cloud=autopkgtest-cloud/0/local-amd64-1"
               "|-c|user.autopkgtest-cloud-model=0f2c");
}

TEST(each_backend_has_arguments_of_its_own)
{
#define LXD_LIMITS(cpu, memory, disk)                                                              \
    "-c|limits.cpu=" cpu "|-c|limits.memory=" memory "|-d|root,size=" disk                         \
    "|-c|user.autopkgtest-cloud=autopkgtest-cloud/0/local-amd64-1"
    static const struct {
        const char *backend, *release;
        bool big, vm;
        const char *arguments;
    } cases[] = {
        {"schroot", "noble", false, false, "|--session-id|local-amd64-1|noble-amd64"},
        {"lxc", "noble", false, false, "|--name|local-amd64-1|autopkgtest-noble-amd64"},
        {"podman", "noble", false, false,
         "|--init|localhost/autopkgtest/systemd/ubuntu:noble|--|--name|local-amd64-1"},
        {"podman", "sid", true, false,
         "|--init|localhost/autopkgtest/systemd/debian:sid|--|--name|local-amd64-1"},
        {"lxd", "noble", false, false,
         "|--name|local-amd64-1|-r|far|far:autopkgtest/ubuntu/noble/amd64|" LXD_LIMITS("2", "4GiB",
                                                                                       "20GiB")},
        {"lxd", "trixie", true, true,
         "|--name|local-amd64-1|--vm|-r|far|far:autopkgtest/debian/trixie/amd64/vm|" LXD_LIMITS(
             "4", "8GiB", "100GiB")},
        {"qemu", "noble", false, false,
         "|--cpus=2|--ram-size=4096|--timeout-reboot=300|/var/lib/autopkgtest-cloud/images/"
         "qemu-noble-amd64.qcow2"},
        {"qemu", "noble", true, false,
         "|--cpus=4|--ram-size=8192|--timeout-reboot=300|/var/lib/autopkgtest-cloud/images/"
         "qemu-noble-amd64.qcow2"},
        {"docker", "noble", false, false, ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *end = str_format("|--|%s%s", cases[i].backend, cases[i].arguments);
        _cleanup_free_ char *line = NULL;
        struct line l;

        setup(&l, "gzip");
        l.context.backend = cases[i].backend;
        l.context.release = cases[i].release;
        l.context.remote = "far";
        l.context.big = cases[i].big;
        l.context.vm = cases[i].vm;
        ASSERT_OK(build(&l), &l.err);
        line = strv_join(&l.argv, "|");
        ck_assert_str_eq(line + strlen(line) - strlen(end), end);
        teardown(&l);
    }
}

TEST(a_backend_that_knows_no_name_is_given_none)
{
    struct line l;
    _cleanup_free_ char *line = NULL;

    setup(&l, "gzip");
    l.context.backend = "lxd";
    l.context.remote = "far";
    l.context.unnamed = true;
    ASSERT_OK(build(&l), &l.err);
    line = strv_join(&l.argv, "|");
    ck_assert_ptr_nonnull(strstr(line, "|--|lxd|-r|far|far:autopkgtest/ubuntu/noble/amd64|"));
    teardown(&l);
}

TEST(a_testbed_s_name_is_a_host_name)
{
    static const struct {
        const char *instance, *name;
    } cases[] = {
        {"local-amd64-1", "local-amd64-1-20261126-181447-b9b95"},
        {"lcy_02.x-arm64-12", "lcy-02-x-arm64-12-20261126-181447-b9b95"},
        {"a-cloud-with-a-name-that-is-longer-than-anybody-would-want-amd64-1",
         "wme-that-is-longer-than-anybody-would-want-amd64-1-20261126-181447-b9b95"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *name = command_name(cases[i].instance, "20261126_181447_b9b95@");
        size_t want = strlen(cases[i].name);

        ck_assert_uint_le(strlen(name), COMMAND_NAME_MAX);
        if (want <= COMMAND_NAME_MAX)
            ck_assert_str_eq(name, cases[i].name);
        else
            ck_assert_str_eq(name + 1, cases[i].name + want - strlen(name) + 1);
    }
}

TEST(what_autopkgtest_cannot_do_is_refused)
{
    expect_refused("gzip\n{\"test-bzr\": \"lp:gzip\"}",
                   "test-bzr: this worker fetches no Bazaar branches: use test-git");
}
