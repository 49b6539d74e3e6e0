// SPDX-License-Identifier: GPL-3.0-only
// autopkgtest-upload: puts one finished run from the spool into the store.
#include "adt/settings.h"
#include "base/file.h"
#include "base/log.h"
#include "upload/upload.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sysexits.h>

static const char usage[] =
    "usage: autopkgtest-upload [--find] SPOOLDIR\n"
    "\n"
    "Packs the finished run in SPOOLDIR (…/spool/RUNID) into log.gz, artifacts.tar.gz and\n"
    "result.tar, uploads them to the store that swift.cred in $AUTOPKGTEST_CLOUD_CONFIG (default\n"
    "/etc/autopkgtest-cloud) names, and marks the folder as stored. Can be repeated.\n"
    "\n"
    "      --find     upload nothing: when the store has a result of that run, print its\n"
    "                 completion message; exit code 1 when it has none\n"
    "      --version  print the version\n"
    "  -h, --help     print this\n"
    "\n"
    "exit codes: 0 stored, 64 wrong usage, 65 the folder cannot be read, 75 the store is down or\n"
    "this machine is out of something: try again, 77 the store refuses the credentials, 78 no or\n"
    "wrong settings.\n";

#define EXIT_NOT_FOUND 1

static int exit_code(int r)
{
    switch (r) {
    case 0:
        return EX_OK;
    case -EACCES:
        return EX_NOPERM;
    case -ENXIO: // no such region
        return EX_CONFIG;
    case -EBADMSG:
        return EX_DATAERR;
    default: // everything else may be better the next time
        return EX_TEMPFAIL;
    }
}

// Which options of the charm mend it.
static const char *way_out(int r)
{
    switch (r) {
    case -EACCES:
        return "; see the options swift-username, swift-password or swift-secret, and "
               "swift-project-name";
    case -ENXIO:
        return "; see the option swift-region";
    default:
        return "";
    }
}

static int upload(const struct parcel *parcel, struct swift *swift, struct error *err)
{
    int r;

    if ((r = parcel_pack(parcel, err)) < 0)
        return error_prefix(err, r, "packing");
    if ((r = parcel_store(parcel, swift, err)) < 0 || (r = spool_mark_stored(parcel->dir, err)) < 0)
        return r;
    (void)dir_remove(parcel->packed, NULL);
    log_info("stored %s/%s", parcel->run.container, parcel->prefix);
    return 0;
}

static int look(const struct parcel *parcel, struct swift *swift, struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);
    int r = parcel_find(parcel, swift, &body, err);

    if (r < 0)
        return r;
    if (fwrite(buf_str(&body), 1, body.len, stdout) != body.len || fflush(stdout) != 0)
        return error_set(err, -EIO, "cannot write the message");
    return 0;
}

static int run(const char *dir, bool only_find)
{
    _cleanup_(swift_settings_release) struct swift_settings settings = {0};
    _cleanup_(swift_freep) struct swift *swift = NULL;
    _cleanup_(parcel_release) struct parcel parcel = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    if (!only_find && spool_is_stored(dir))
        return EX_OK;
    r = parcel_read(dir, &parcel, &err);
    if (r < 0) {
        log_error("%s", error_message(&err));
        return exit_code(r);
    }
    r = settings_load_store(settings_dir(), &settings, &err);
    if (r == 0)
        r = swift_new(&settings, &swift, &err);
    if (r < 0) {
        log_error("%s", error_message(&err));
        return EX_CONFIG;
    }
    r = only_find ? look(&parcel, swift, &err) : upload(&parcel, swift, &err);
    if (only_find && r == -ENOENT)
        return EXIT_NOT_FOUND;
    if (r < 0)
        log_error("%s%s", error_message(&err), way_out(r));
    return exit_code(r);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"find", no_argument, NULL, 'f'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const struct rlimit no_core = {0, 0}; // one would hold the password
    bool only_find = false;
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
        switch (c) {
        case 'f':
            only_find = true;
            break;
        case 'V':
            puts("autopkgtest-upload " VERSION);
            return EX_OK;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    log_open("autopkgtest-upload", LOG_LEVEL_INFO);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    return run(argv[optind], only_find);
}
