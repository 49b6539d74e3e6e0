// SPDX-License-Identifier: GPL-3.0-only
#include "base/log.h"
#include "indexer/indexer.h"

#include <getopt.h>
#include <sysexits.h>

static const char help[] =
    "autopkgtest-indexer: writes the results of finished tests into the database\n"
    "\n"
    "Reads completion messages from the broker (exchange testcomplete.fanout, a queue of its own)\n"
    "and adds them to the database named in web.conf. Runs until it is told to stop by SIGTERM;\n"
    "SIGHUP makes it read its settings again.\n"
    "\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "\n"
    "Settings: /etc/autopkgtest-cloud/web.conf and rabbitmq.cred; another folder can be named in\n"
    "the environment variable AUTOPKGTEST_CLOUD_CONFIG.\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r, option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == 'h' || option == 'v')
            return puts(option == 'h' ? help : VERSION) < 0 ? EX_IOERR : EX_OK;
        return EX_USAGE;
    }
    log_open("autopkgtest-indexer", LOG_LEVEL_INFO);
    r = indexer_run(settings_dir(), &err);
    if (r == 0)
        return EX_OK;
    log_error("%s", error_message(&err));
    return r == -ENOENT || r == -EINVAL || r == -ENOTSUP ? EX_CONFIG : EX_TEMPFAIL;
}
