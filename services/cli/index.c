// SPDX-License-Identifier: GPL-3.0-only
#include "adt/names.h"
#include "base/file.h"
#include "base/parse.h"
#include "cli/backup.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/rebuild.h"
#include "cli/results_database.h"

#include <getopt.h>
#include <inttypes.h>

#define PARALLEL 8
#define PARALLEL_MAX 64

static const char help[] =
    "autopkgtest-cloud index --rebuild [OPTION…]: fill the database from the results in the store\n"
    "\n"
    "  -s, --series, --release RELEASE  only results of this release (may be given several times)\n"
    "      --dry-run        only count what is missing\n"
    "      --parallel N     downloads at once (default 8, at most 64)\n"
    "      --restart        from the start, not from where an interrupted one has come to\n"
    "      --anonymous      without credentials: public results of the releases in web.conf\n"
    "      --quiet          no progress on standard error\n"
    "      --format text|json\n"
    "      --help\n"
    "\n"
    "autopkgtest-cloud index --backup: keep the database in the store\n"
    "autopkgtest-cloud index --restore: add the results of that backup that are missing here\n"
    "\n"
    "      --name NAME      one of several backups (default results)\n"
    "      --unit UNIT      the backup of another unit (of --restore)\n"
    "      --quiet, --format\n"
    "\n"
    "--rebuild adds what the database of this unit (roles: web) does not have and changes nothing "
    "else; the\n"
    "indexer may run meanwhile. Started again after it was ended in any way, it goes on where it\n"
    "was. Exit code 75: the store is out of reach, or the database is busy: start it again.\n";

enum {
    OPT_REBUILD = 256,
    OPT_BACKUP,
    OPT_RESTORE,
    OPT_UNIT,
    OPT_NAME,
    OPT_DRY_RUN,
    OPT_PARALLEL,
    OPT_RESTART,
    OPT_ANONYMOUS,
    OPT_QUIET,
    OPT_FORMAT,
    OPT_HELP
};

static const struct option options[] = {
    {"rebuild", no_argument, NULL, OPT_REBUILD},
    {"backup", no_argument, NULL, OPT_BACKUP},
    {"restore", no_argument, NULL, OPT_RESTORE},
    {"unit", required_argument, NULL, OPT_UNIT},
    {"name", required_argument, NULL, OPT_NAME},
    {"series", required_argument, NULL, 's'},
    {"release", required_argument, NULL, 's'},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"parallel", required_argument, NULL, OPT_PARALLEL},
    {"restart", no_argument, NULL, OPT_RESTART},
    {"anonymous", no_argument, NULL, OPT_ANONYMOUS},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct call {
    struct strv releases;
    uint64_t parallel;
    const char *unit, *name; // borrowed from the command line
    bool rebuild, backup, restore, dry_run, restart, anonymous, quiet, json, help;
};

static void call_release(struct call *call)
{
    strv_release(&call->releases);
}

// ---------------------------------------------------------------- progress

static void show_progress(const struct rebuild_counts *counts, const char *container,
                          const char *prefix, void *userdata)
{
    progress_show(userdata, "%" PRIu64 " runs, %" PRIu64 " missing, %" PRIu64 " added; %s %s",
                  counts->runs, counts->missing, counts->added, container, prefix);
}

static void complain(const char *what, const struct error *why, void *userdata)
{
    progress_clear(userdata);
    (void)fprintf(stderr, "autopkgtest-cloud index: left out: %s: %s\n", what, error_message(why));
}

static int print_counts(const struct rebuild_counts *c, bool dry_run, bool json)
{
    _cleanup_json_ json_t *all = NULL;

    if (!json) {
        int n = dry_run ? printf("%" PRIu64 " runs in the store, %" PRIu64
                                 " of them not in the database\n",
                                 c->runs, c->missing)
                        : printf("%" PRIu64 " runs looked at, %" PRIu64 " added, %" PRIu64
                                 " without a result, %" PRIu64 " unreadable\n",
                                 c->runs, c->added, c->incomplete, c->unreadable);

        return n < 0 || fflush(stdout) == EOF ? EX_IOERR : EX_OK;
    }
    all = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "runs", (json_int_t)c->runs, "missing",
                    (json_int_t)c->missing, "added", (json_int_t)c->added, "incomplete",
                    (json_int_t)c->incomplete, "unreadable", (json_int_t)c->unreadable, "dry-run",
                    (int)dry_run);
    return all ? cli_print_json(all) : EX_OSERR;
}

// ---------------------------------------------------------------- store and database

static int open_store(const struct call *call, const struct web_settings *web, struct swift **ret,
                      bool *ret_anonymous, struct error *err)
{
    _cleanup_(swift_settings_release) struct swift_settings store = {0};
    int r = call->anonymous ? -ENOENT : settings_load_store(settings_dir(), &store, err);

    *ret_anonymous = r == -ENOENT;
    if (r == 0)
        return swift_new(&store, ret, err);
    if (r != -ENOENT)
        return r;
    error_clear(err);
    if (str_empty(web->store_url))
        return error_set(err, -ENOENT, "web.conf: [web] store-url: names no store");
    return swift_new_anonymous(web->store_url, ret, err);
}

static int open_database(const struct call *call, const char *path, struct database **ret,
                         struct error *err)
{
    int r;

    if (!call->dry_run)
        return results_database_open(path, ret, err);
    *ret = NULL;
    r = results_database_open_readonly(path, ret, err);
    if (r == -ENOENT) { // or it has no tables
        error_clear(err);
        r = 0;
    }
    return r;
}

static int run_rebuild(const struct call *call, struct progress *progress,
                       struct rebuild_counts *ret, struct error *err)
{
    _cleanup_(web_settings_release) struct web_settings web = {0};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_(swift_freep) struct swift *swift = NULL;
    struct rebuild rebuild = {.releases = &call->releases,
                              .parallel = (unsigned)call->parallel,
                              .dry_run = call->dry_run,
                              .restart = call->restart,
                              .progress = show_progress,
                              .complain = complain,
                              .userdata = progress};
    bool anonymous = false;
    int r = settings_load_results(settings_dir(), &web, err);

    if (r == -ENOENT)
        return error_prefix(err, r, "this unit has no database of results (roles: web)");
    if (r < 0 || (r = open_store(call, &web, &swift, &anonymous, err)) < 0 ||
        (r = open_database(call, web.database, &db, err)) < 0)
        return r;
    rebuild.swift = swift;
    rebuild.db = db;
    if (anonymous)
        rebuild.known = call->releases.len > 0 ? &call->releases : &web.releases;
    r = rebuild_run(&rebuild, err);
    *ret = rebuild.counts;
    return r;
}

// ---------------------------------------------------------------- backups

// What is to be printed: {"object", "bytes"} or {"object", "results", "added"}.
static int run_backup(const struct call *call, json_t **ret, struct error *err)
{
    _cleanup_(web_settings_release) struct web_settings web = {0};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_(swift_freep) struct swift *swift = NULL;
    _cleanup_free_ char *object = NULL;
    struct restore_counts counts = {0};
    uint64_t bytes = 0;
    int r = settings_load_results(settings_dir(), &web, err);

    if (r == -ENOENT)
        return error_prefix(err, r, "this unit has no database of results (roles: web)");
    if (r < 0 || (r = cli_open_store(&swift, err)) < 0)
        return r;
    object = backup_object(call->unit ? call->unit : web.unit, call->name);
    if (!object)
        return error_oom(err);
    if (call->backup)
        r = backup_store(swift, web.database, object, &bytes, err);
    else if ((r = open_database(call, web.database, &db, err)) == 0)
        r = backup_restore(swift, db, web.database, object, &counts, err);
    if (r < 0)
        return r;
    *ret = call->backup ? json_pack("{s:s, s:I}", "object", object, "bytes", (json_int_t)bytes)
                        : json_pack("{s:s, s:I, s:I}", "object", object, "results",
                                    (json_int_t)counts.results, "added", (json_int_t)counts.added);
    return *ret ? 0 : error_oom(err);
}

static int print_backup(const struct call *call, const json_t *done)
{
    int n;

    if (call->json)
        return cli_print_json(done);
    if (call->quiet)
        return EX_OK;
    if (call->backup)
        n = printf("%lld bytes in %s/%s\n",
                   (long long)json_integer_value(json_object_get(done, "bytes")), BACKUP_CONTAINER,
                   json_text(done, "object"));
    else
        n = printf("%lld results in the backup, %lld added\n",
                   (long long)json_integer_value(json_object_get(done, "results")),
                   (long long)json_integer_value(json_object_get(done, "added")));
    return n < 0 || fflush(stdout) == EOF ? EX_IOERR : EX_OK;
}

// ---------------------------------------------------------------- command line

static bool parse_option(int option, struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    switch (option) {
    case OPT_REBUILD:
        return call->rebuild = true;
    case OPT_BACKUP:
        return call->backup = true;
    case OPT_RESTORE:
        return call->restore = true;
    case OPT_UNIT:
        call->unit = optarg;
        return true;
    case OPT_NAME:
        call->name = optarg;
        return path_is_inside(optarg) && !strchr(optarg, '/')
                   ? true
                   : (cli_usage("index", "--name: \"%s\" is no name of a file", optarg), false);
    case OPT_DRY_RUN:
        return call->dry_run = true;
    case OPT_RESTART:
        return call->restart = true;
    case OPT_ANONYMOUS:
        return call->anonymous = true;
    case OPT_QUIET:
        return call->quiet = true;
    case OPT_HELP:
        return call->help = true;
    case OPT_FORMAT:
        return cli_parse_format("index", optarg, &call->json);
    case OPT_PARALLEL:
        if (parse_uint(optarg, 1, PARALLEL_MAX, &call->parallel, &err) == 0)
            return true;
        (void)cli_usage("index", "--parallel: %s", error_message(&err));
        return false;
    case 's':
        if (name_is_release(optarg))
            return strv_add(&call->releases, optarg) == 0;
        (void)cli_usage("index", "--release: \"%s\" is no name of a release", optarg);
        return false;
    default:
        return false;
    }
}

static bool parse_call(int argc, char **argv, struct call *call)
{
    int option;

    while ((option = getopt_long(argc, argv, "s:", options, NULL)) >= 0)
        if (!parse_option(option, call))
            return false;
    if (call->help)
        return true;
    if (optind < argc)
        (void)cli_usage("index", "there is no argument \"%s\"", argv[optind]);
    else if (call->rebuild + call->backup + call->restore != 1)
        (void)cli_usage("index", "expected one of --rebuild, --backup and --restore");
    else
        return true;
    return false;
}

static int rebuild(const struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct rebuild_counts counts = {0};
    struct progress progress;
    int r;

    progress_begin(&progress, call->quiet);
    r = run_rebuild(call, &progress, &counts, &err);

    progress_clear(&progress);
    if (r < 0)
        return cli_fail("index", r, &err);
    r = print_counts(&counts, call->dry_run, call->json);
    return r == EX_OK && counts.refused > 0 ? EX_NOPERM : r;
}

static int back_up(const struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *done = NULL;
    int r = run_backup(call, &done, &err);

    return r < 0 ? cli_fail("index", r, &err) : print_backup(call, done);
}

int command_index(int argc, char **argv)
{
    _cleanup_(call_release) struct call call = {.parallel = PARALLEL, .name = BACKUP_NAME};

    if (!parse_call(argc, argv, &call))
        return EX_USAGE;
    if (call.help)
        return puts(help) < 0 ? EX_IOERR : EX_OK;
    return call.rebuild ? rebuild(&call) : back_up(&call);
}
