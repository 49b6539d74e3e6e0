// SPDX-License-Identifier: GPL-3.0-only
#include "base/log.h"
#include "web/inside.h"
#include "web/web.h"

#include <getopt.h>
#include <malloc.h>
#include <sysexits.h>

static const char help[] =
    "autopkgtest-web: shows results, takes requests, keeps results in the built-in store\n"
    "\n"
    "Serves HTTP on the port named in web.conf until it is told to stop by SIGTERM, when it\n"
    "finishes the requests it has; SIGHUP makes it read its settings and templates again.\n"
    "\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "  --inside    what the service starts to look into an archive or a log on standard input\n"
    "\n"
    "Settings: /etc/autopkgtest-cloud/web.conf and rabbitmq.cred; another folder can be named in\n"
    "the environment variable AUTOPKGTEST_CLOUD_CONFIG.\n";

// An answer of this size is a mapping of its own, given back when it was sent. Left to itself
// malloc raises the threshold at the first large one, and the heap keeps the holes. Not smaller:
// mapping the pages of logs (page_log.c: WHOLE_PAGE_MAX) costs as much as making them.
#define LARGE_ANSWER (1024 * 1024)

int main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"inside", no_argument, NULL, 'i'},
                                            {0}};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(web_release) struct web web = {.answer_error_page = page_answer_error};
    int r, option;

    // "+": what is to be looked for may begin with a dash.
    while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
        if (option == 'i')
            return inside_main(argc - optind, argv + optind);
        if (option == 'h' || option == 'v')
            return puts(option == 'h' ? help : VERSION) < 0 ? EX_IOERR : EX_OK;
        return EX_USAGE;
    }
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_ANSWER);
    (void)mallopt(M_TRIM_THRESHOLD, 4 * LARGE_ANSWER);
    json_keep_memory();
    log_open("autopkgtest-web", LOG_LEVEL_INFO);
    web.config_dir = strdup(settings_dir());
    r = web.config_dir ? web_load(&web, &err) : error_oom(&err);
    if (r == 0)
        r = server_run(&web, &err);
    if (r >= 0)
        return EX_OK;
    log_error("%s", error_message(&err));
    return r == -ENOENT || r == -EINVAL || r == -ENOTSUP ? EX_CONFIG : EX_TEMPFAIL;
}
