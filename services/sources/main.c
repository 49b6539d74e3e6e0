// SPDX-License-Identifier: GPL-3.0-only
#include "adt/settings.h"
#include "base/file.h"
#include "sources/sources.h"

#include <fcntl.h>
#include <getopt.h>
#include <sysexits.h>

static const char help[] =
    "autopkgtest-sources: learns from the archive which versions of packages are current\n"
    "\n"
    "Reads the archive's Sources indices that have changed since the last time into the table\n"
    "current_version of the database named in web.conf, once, and ends. Prints the releases that\n"
    "have changed. autopkgtest-indexer starts it every hour.\n"
    "\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "\n"
    "Settings: /etc/autopkgtest-cloud/web.conf; another folder can be named in the environment\n"
    "variable AUTOPKGTEST_CLOUD_CONFIG. Exit code 75: not all could be read, try again later.\n";

// Beside the database there is room; without a name nothing is left behind.
static int open_file(const char *database, int *ret, struct error *err)
{
    _cleanup_free_ char *dir = path_parent(database);
    _cleanup_free_ char *path = dir ? path_join(dir, ".sources-XXXXXX") : NULL;

    if (!path)
        return error_oom(err);
    *ret = mkostemp(path, O_CLOEXEC);
    if (*ret < 0)
        return error_errno(err, -errno, "cannot make a file in %s", dir);
    (void)unlink(path);
    return 0;
}

static void complain(const struct error *err)
{
    (void)fprintf(stderr, "%s\n", error_message(err));
}

// Each release for itself: what is wrong with one does not keep the others.
static int read_releases(const struct reading *reading)
{
    size_t failed = 0;

    STRV_FOREACH (release, &reading->settings->releases) {
        _cleanup_error_ struct error err = ERROR_INIT;
        bool changed = false;

        if (release_read(reading, release, &changed, &err) < 0) {
            complain(&err);
            failed++;
        } else if (changed) {
            (void)printf("%s: other versions are current\n", release);
        }
    }
    return failed > 0 ? -EAGAIN : 0;
}

static int run(struct error *err)
{
    _cleanup_(archive_settings_release) struct archive_settings settings = {0};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_(http_client_freep) struct http_client *http = NULL;
    _cleanup_close_ int file = -1;
    struct reading reading = {.settings = &settings};
    int r;

    r = archive_settings_load(settings_dir(), &settings, err);
    if (r < 0)
        return r;
    if (!settings.url)
        return error_set(err, -EINVAL, "web.conf: [web] archive-url: names no archive");
    if ((r = database_open(settings.database, &db, err)) < 0 || (r = table_prepare(db, err)) < 0 ||
        (r = open_file(settings.database, &file, err)) < 0 ||
        (r = http_client_new("autopkgtest-cloud/" VERSION, &http, err)) < 0)
        return r;
    reading.db = db;
    reading.http = http;
    reading.file = file;
    r = table_keep_releases(db, &settings.releases, err);
    return r < 0 ? r : read_releases(&reading);
}

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
    r = run(&err);
    if (r == 0)
        return EX_OK;
    if (err.message)
        complain(&err);
    return r == -ENOENT || r == -EINVAL || r == -ENOTSUP ? EX_CONFIG : EX_TEMPFAIL;
}
