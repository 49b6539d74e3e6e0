// SPDX-License-Identifier: GPL-3.0-only
#include "cli/cli.h"

#include <string.h>

static const struct command commands[] = {
    {"request", "put a test request in the queue", command_request},
    {"queue", "how many requests wait, and which", command_queue},
    {"running", "the tests that run now", command_running},
    {"kill", "end a running test, with or without putting its request back", command_kill},
    {"cancel", "take back a request, whether it waits or runs", command_cancel},
    {"drain", "workers of this unit take no more work", command_drain},
    {"resume", "drained workers of this unit take work again", command_resume},
    {"index", "fill the database from the results in the store", command_index},
    {"release", "begin a release with the last one's results, or forget one", command_release},
    {"rabbit-user", "users of the broker for those who request tests", command_rabbit_user},
    {"remote", "LXD hosts that workers of this unit test on", command_remote},
    {"quota", "what OpenStack regions allow, and what is used there", command_quota},
    {"cowboys", "what was changed by hand in the charm's folder", command_cowboys},
    {"result", "results of a package, newest first; can wait for the next one", command_result},
};

static int print_help(FILE *to)
{
    (void)fprintf(to, "autopkgtest-cloud COMMAND [OPTION…]: operate the package-test service\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        (void)fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(to,
                  "\nEvery command explains itself with --help. Settings are read from %s, or the\n"
                  "folder named in the environment variable AUTOPKGTEST_CLOUD_CONFIG.\n",
                  CONFIG_DIR);
    return to == stdout ? EX_OK : EX_USAGE;
}

static const char *program_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
    // The name under which gating programs know it.
    if (argc > 0 && str_equal(program_name(argv[0]), "run-autopkgtest"))
        return command_request(argc, argv);
    if (argc < 2)
        return print_help(stderr);
    if (str_equal(argv[1], "--help") || str_equal(argv[1], "-h") || str_equal(argv[1], "help"))
        return print_help(stdout);
    if (str_equal(argv[1], "--version"))
        return puts(VERSION) < 0 ? EX_IOERR : EX_OK;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (str_equal(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "autopkgtest-cloud: there is no command \"%s\"\n\n", argv[1]);
    return print_help(stderr);
}
