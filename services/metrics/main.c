// SPDX-License-Identifier: GPL-3.0-only
// autopkgtest-metrics: the unit's own figures for a monitoring system.
#include "adt/settings.h"
#include "adt/unit_state.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "metrics/answer.h"
#include "metrics/collect.h"
#include "metrics/push.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

// A scraper sends its request at once.
#define REQUEST_MAX_US (10 * USEC_PER_SEC)

static const char help[] =
    "autopkgtest-metrics: prints the unit's own figures in Prometheus' text format\n"
    "\n"
    "Workers and what they do, results that wait, room on disks, the indexer.\n"
    "\n"
    "  --http      answer one HTTP request on standard input and output, where systemd puts a\n"
    "              connection to autopkgtest-metrics.socket\n"
    "  --push      send them to the InfluxDB of influxdb.cred, with those of the web service\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "\n"
    "Settings: worker.conf and web.conf in /etc/autopkgtest-cloud, or in the folder that the\n"
    "environment variable AUTOPKGTEST_CLOUD_CONFIG names.\n";

static int collect(struct buf *text, struct error *err)
{
    return metrics_collect(settings_dir(), unit_state_run_dir(), text, err);
}

static int answer(struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    unsigned status = answer_read(STDIN_FILENO, clock_monotonic_us() + REQUEST_MAX_US);
    _cleanup_error_ struct error why = ERROR_INIT;

    if (status == 200 && collect(&text, &why) < 0) {
        log_error("%s", error_message(&why)); // the scraper need not know where files are
        buf_truncate(&text, 0);
        status = 500;
    }
    return answer_write(STDOUT_FILENO, status, &text, err);
}

static int print(struct error *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX);
    int r = collect(&text, err);

    if (r < 0)
        return r;
    r = fd_write_all(STDOUT_FILENO, buf_str(&text), text.len);
    return r < 0 ? error_errno(err, r, "standard output") : 0;
}

// `mode` is the letter of an option, or 0.
static int run(int mode, struct error *err)
{
    if (mode == 'H')
        return answer(err);
    return mode == 'p' ? push_run(settings_dir(), unit_state_run_dir(), err) : print(err);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"http", no_argument, NULL, 'H'},
                                            {"push", no_argument, NULL, 'p'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    _cleanup_error_ struct error err = ERROR_INIT;
    int mode = 0, r, option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == 'h' || option == 'v')
            return puts(option == 'h' ? help : VERSION) < 0 ? EX_IOERR : EX_OK;
        if (option != 'H' && option != 'p')
            return EX_USAGE;
        mode = option;
    }
    log_open("autopkgtest-metrics", LOG_LEVEL_INFO);
    (void)signal(SIGPIPE, SIG_IGN); // a scraper that has gone is no fault
    r = run(mode, &err);
    if (r >= 0 || r == -EPIPE || r == -ECONNRESET)
        return EX_OK;
    log_error("%s", error_message(&err));
    return r == -ENOENT || r == -EINVAL || r == -EACCES ? EX_CONFIG : EX_TEMPFAIL;
}
