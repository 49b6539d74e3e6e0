// SPDX-License-Identifier: GPL-3.0-only
#include "base/log.h"
#include "indexer/indexer.h"
#include "indexer/publish.h"

#include <getopt.h>
#include <sys/resource.h>
#include <sysexits.h>

#define PUBLISH_NICE 10

static const char help[] =
    "autopkgtest-indexer: writes the results of finished tests into the database\n"
    "\n"
    "Reads completion messages from the broker (exchange testcomplete.fanout, a queue of its own)\n"
    "and adds them to the database named in web.conf. Runs until it is told to stop by SIGTERM;\n"
    "SIGHUP makes it read its settings again.\n"
    "\n"
    "  --publish   bring the public copy of the database up to date now, and end\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "\n"
    "Settings: /etc/autopkgtest-cloud/web.conf and rabbitmq.cred; another folder can be named in\n"
    "the environment variable AUTOPKGTEST_CLOUD_CONFIG.\n";

static int publish(struct error *err)
{
    _cleanup_(web_settings_release) struct web_settings settings = {0};
    int r = settings_load_results(settings_dir(), &settings, err);

    if (r == 0 && !settings.public_database)
        return error_set(err, -EINVAL, "web.conf: public-database is not set");
    (void)setpriority(PRIO_PROCESS, 0, PUBLISH_NICE); // readers and the indexer come first
    return r < 0 ? r : publish_run(settings.database, settings.public_database, err);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"publish", no_argument, NULL, 'p'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    _cleanup_error_ struct error err = ERROR_INIT;
    bool once = false;
    int r, option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == 'h' || option == 'v')
            return puts(option == 'h' ? help : VERSION) < 0 ? EX_IOERR : EX_OK;
        if (option != 'p')
            return EX_USAGE;
        once = true;
    }
    log_open("autopkgtest-indexer", LOG_LEVEL_INFO);
    r = once ? publish(&err) : indexer_run(settings_dir(), &err);
    if (r >= 0)
        return EX_OK;
    log_error("%s", error_message(&err));
    return r == -ENOENT || r == -EINVAL || r == -ENOTSUP ? EX_CONFIG : EX_TEMPFAIL;
}
