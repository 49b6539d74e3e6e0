// SPDX-License-Identifier: GPL-3.0-only
// autopkgtest-worker: takes requests from the queues of one architecture, one at a time, runs
// autopkgtest for them and hands the results to autopkgtest-upload.
#include "base/log.h"
#include "worker/loop.h"
#include "worker/testbed.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sysexits.h>

static const char usage[] =
    "usage: autopkgtest-worker --name CLOUD-ARCH-N\n"
    "\n"
    "Runs one worker, usually as autopkgtest-worker@CLOUD-ARCH-N.service. Its settings are the\n"
    "section of that name in worker.conf, and rabbitmq.cred, both in $AUTOPKGTEST_CLOUD_CONFIG\n"
    "(default /etc/autopkgtest-cloud).\n"
    "\n"
    "      --name NAME  the worker's name\n"
    "      --alive RUN  mark the testbed of its run as in use, and end: how the worker calls "
    "itself\n"
    "                   while a test runs on an LXD host that others clean\n"
    "      --empty DIR  remove what is in this folder, and end: how the worker calls itself to\n"
    "                   remove what a test has left\n"
    "  -v, --verbose    log more\n"
    "      --version    print the version\n"
    "  -h, --help       print this\n"
    "\n"
    "signals: SIGTERM ends it after the running test; a second one at once, the request goes back\n"
    "to its queue; SIGHUP makes it read its settings again, after the running test.\n"
    "exit codes: 0 ended as told, 64 wrong usage, 70 internal error, 71 the machine refused\n"
    "something, 78 no such worker or no broker configured.\n";

struct options {
    const char *name, *alive;
    bool verbose;
};

// -1, or the code to end with.
static int parse_options(int argc, char **argv, struct options *ret)
{
    enum { OPT_EMPTY = 256, OPT_ALIVE };

    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'},
        {"alive", required_argument, NULL, OPT_ALIVE},
        {"empty", required_argument, NULL, OPT_EMPTY},
        {"verbose", no_argument, NULL, 'v'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "vh", options, NULL)) >= 0)
        switch (c) {
        case 'n':
            ret->name = optarg;
            break;
        case OPT_ALIVE:
            ret->alive = optarg;
            break;
        case OPT_EMPTY:
            log_open("autopkgtest-worker", LOG_LEVEL_INFO);
            return scratch_empty(optarg) < 0 ? EX_OSERR : EX_OK;
        case 'v':
            ret->verbose = true;
            break;
        case 'V':
            puts("autopkgtest-worker " VERSION);
            return EX_OK;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    if (ret->name && optind == argc)
        return -1;
    fputs(usage, stderr);
    return EX_USAGE;
}

// The new image of a program that was replaced on disk, else the one that runs.
static void execute_anew(char **argv)
{
    (void)execvp(argv[0], argv);
    (void)execv("/proc/self/exe", argv);
}

static int sign_testbed(const char *name, const char *run_id)
{
    _cleanup_(worker_settings_release) struct worker_settings settings = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = settings_load_worker(settings_dir(), name, &settings, &err);

    if (r == 0)
        r = testbed_sign(&settings, run_id, &err);
    if (r < 0)
        log_warning("%s: its testbed could not be marked as in use: %s", run_id,
                    error_message(&err));
    return r < 0 ? EX_TEMPFAIL : EX_OK;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct options options = {0};
    struct worker worker;
    int r = parse_options(argc, argv, &options);

    if (r >= 0)
        return r;
    log_open("autopkgtest-worker", options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (options.alive)
        return sign_testbed(options.name, options.alive);
    // Whatever a test leaves behind becomes our child and ends with the test.
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    r = loop_open(&worker, options.name, &err);
    if (r < 0) {
        log_error("%s", error_message(&err));
        loop_close(&worker);
        return r == -ENOENT || r == -EINVAL || r == -ERANGE || r == -EBADMSG ? EX_CONFIG : EX_OSERR;
    }
    r = loop_run(&worker, &err);
    if (r < 0)
        log_error("%s", error_message(&err));
    loop_close(&worker);
    if (r == 1) {
        execute_anew(argv);
        log_error("cannot execute the program anew");
    }
    return r == 0 ? EX_OK : EX_SOFTWARE;
}
