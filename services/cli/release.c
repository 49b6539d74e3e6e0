// SPDX-License-Identifier: GPL-3.0-only
#include "cli/release.h"

#include "adt/database_release.h"
#include "adt/names.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/results_database.h"

#include <getopt.h>
#include <inttypes.h>

static const char help[] =
    "autopkgtest-cloud release seed [OPTION…] OLD NEW: begin a release with results of another\n"
    "\n"
    "Of each test of OLD the newest result that says something of the package, and the newest "
    "that\n"
    "passed, are copied to NEW: log and result in the store, rows in this unit's database (roles:\n"
    "web). Other web units get their rows with `index --rebuild --release NEW`.\n"
    "\n"
    "      --artifacts      copy artifacts.tar.gz as well\n"
    "\n"
    "autopkgtest-cloud release remove [OPTION…] RELEASE: forget a release that is tested no "
    "longer\n"
    "\n"
    "Removes the requests in its queues, the queues, and its rows in this unit's database. It "
    "must\n"
    "not be in the configuration any more.\n"
    "\n"
    "      --store          also all its results in the store, for good\n"
    "\n"
    "Both:\n"
    "      --dry-run        only count\n"
    "      --quiet          no progress on standard error\n"
    "      --format text|json\n"
    "      --help\n"
    "\n"
    "Ended in any way and started again they go on where they were. Exit code 75: the store or "
    "the\n"
    "broker is out of reach, or the database is busy: start it again.\n";

enum { OPT_ARTIFACTS = 256, OPT_STORE, OPT_DRY_RUN, OPT_QUIET, OPT_FORMAT, OPT_HELP };

static const struct option options[] = {
    {"artifacts", no_argument, NULL, OPT_ARTIFACTS},
    {"store", no_argument, NULL, OPT_STORE},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct call {
    const char *release, *new_release; // borrowed from the command line; of `remove` the first
    bool artifacts, store, dry_run, quiet, json, help;
};

// ---------------------------------------------------------------- progress

static void show_seed(const struct seed *seed, void *userdata)
{
    progress_show(userdata, "%" PRIu64 " runs looked at, %" PRIu64 " copied", seed->runs,
                  seed->copied);
}

static void show_removal(const struct removal *x, void *userdata)
{
    progress_show(userdata, "%" PRIu64 " objects and %" PRIu64 " results removed", x->objects,
                  x->results);
}

// ---------------------------------------------------------------- what they need

// It must be there, also for a dry run.
static int open_database(const struct web_settings *web, bool dry_run, struct database **ret,
                         struct error *err)
{
    return dry_run ? results_database_open_readonly(web->database, ret, err)
                   : results_database_open(web->database, ret, err);
}

static int run_seed(const struct call *call, struct seed *seed, struct error *err)
{
    _cleanup_(web_settings_release) struct web_settings web = {0};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_(swift_freep) struct swift *swift = NULL;
    _cleanup_free_ char *scratch = NULL;
    int r = settings_load_results(settings_dir(), &web, err);

    if (r == -ENOENT)
        return error_prefix(err, r, "this unit has no database of results (roles: web)");
    if (r < 0 || (r = cli_open_store(&swift, err)) < 0 ||
        (r = open_database(&web, call->dry_run, &db, err)) < 0)
        return r;
    scratch = str_format("%s.seed", web.database);
    if (!scratch)
        return error_oom(err);
    seed->swift = swift;
    seed->db = db;
    seed->scratch = scratch;
    r = seed_run(seed, err);
    seed->swift = NULL;
    seed->db = NULL;
    seed->scratch = NULL;
    return r;
}

static int refuse_configured(const char *release, struct strv *archs, struct error *err)
{
    _cleanup_strv_ struct strv releases = STRV_INIT;
    int r = cli_known(&releases, archs, err);

    if (r == 0 && strv_contains(&releases, release))
        return error_set(err, -EINVAL,
                         "%s is tested here: take it from the option first (juju config "
                         "APPLICATION releases=…)",
                         release);
    return r;
}

static int run_removal(const struct call *call, struct removal *x, struct error *err)
{
    _cleanup_(web_settings_release) struct web_settings web = {0};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_(swift_freep) struct swift *swift = NULL;
    _cleanup_strv_ struct strv archs = STRV_INIT;
    int r = refuse_configured(call->release, &archs, err);

    if (r < 0 || (call->store && (r = cli_open_store(&swift, err)) < 0))
        return r;
    r = settings_load_results(settings_dir(), &web, err);
    if (r == 0 && (r = open_database(&web, call->dry_run, &db, err)) == 0)
        r = database_release_archs(db, call->release, &archs, err);
    if (r == -ENOENT) { // a unit of workers
        error_clear(err);
        r = 0;
    }
    if (r < 0)
        return r;
    x->swift = swift;
    x->db = db;
    x->archs = &archs;
    r = removal_run(x, err);
    x->swift = NULL;
    x->db = NULL;
    x->archs = NULL;
    return r;
}

// ---------------------------------------------------------------- the two commands

static int seed(const struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *done = NULL;
    struct progress progress;
    struct seed seed = {.old_release = call->release,
                        .new_release = call->new_release,
                        .artifacts = call->artifacts,
                        .dry_run = call->dry_run,
                        .progress = show_seed,
                        .userdata = &progress};
    int r;

    progress_begin(&progress, call->quiet);
    r = run_seed(call, &seed, &err);
    progress_clear(&progress);
    if (r < 0)
        return cli_fail("release seed", r, &err);
    if (!call->json) {
        int n = printf("%" PRIu64 " runs to begin with, %" PRIu64 " of them missing, %" PRIu64
                       " copied, %" PRIu64 " without a result in the store\n",
                       seed.runs, seed.missing, seed.copied, seed.incomplete);

        return n < 0 || fflush(stdout) == EOF ? EX_IOERR : EX_OK;
    }
    done = json_pack("{s:I, s:I, s:I, s:I}", "runs", (json_int_t)seed.runs, "missing",
                     (json_int_t)seed.missing, "copied", (json_int_t)seed.copied, "incomplete",
                     (json_int_t)seed.incomplete);
    return done ? cli_print_json(done) : EX_OSERR;
}

static int remove_release(const struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *done = NULL;
    struct progress progress;
    struct removal x = {.release = call->release,
                        .dry_run = call->dry_run,
                        .progress = show_removal,
                        .userdata = &progress};
    int r;

    progress_begin(&progress, call->quiet);
    r = run_removal(call, &x, &err);
    progress_clear(&progress);
    if (r < 0)
        return cli_fail("release remove", r, &err);
    if (!call->json) {
        int n = printf("%" PRIu64 " requests, %" PRIu64 " queues, %" PRIu64 " results, %" PRIu64
                       " objects in %" PRIu64 " containers%s\n",
                       x.requests, x.queues, x.results, x.objects, x.containers,
                       call->dry_run ? " would be removed" : " removed");

        return n < 0 || fflush(stdout) == EOF ? EX_IOERR : EX_OK;
    }
    done = json_pack("{s:I, s:I, s:I, s:I, s:I}", "requests", (json_int_t)x.requests, "queues",
                     (json_int_t)x.queues, "results", (json_int_t)x.results, "objects",
                     (json_int_t)x.objects, "containers", (json_int_t)x.containers);
    return done ? cli_print_json(done) : EX_OSERR;
}

// ---------------------------------------------------------------- command line

static bool parse_option(int option, struct call *call)
{
    switch (option) {
    case OPT_ARTIFACTS:
        return call->artifacts = true;
    case OPT_STORE:
        return call->store = true;
    case OPT_DRY_RUN:
        return call->dry_run = true;
    case OPT_QUIET:
        return call->quiet = true;
    case OPT_HELP:
        return call->help = true;
    case OPT_FORMAT:
        return cli_parse_format("release", optarg, &call->json);
    default:
        return false;
    }
}

static bool take_releases(const char *verb, int n, char **names, struct call *call)
{
    int wanted = str_equal(verb, "seed") ? 2 : 1;

    if (n != wanted) {
        (void)cli_usage("release", "%s: expected %s", verb,
                        wanted == 2 ? "the old and the new release" : "one release");
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!name_is_release(names[i])) {
            (void)cli_usage("release", "\"%s\" is no name of a release", names[i]);
            return false;
        }
    call->release = names[0];
    call->new_release = n == 2 ? names[1] : NULL;
    if (n == 2 && str_equal(names[0], names[1])) {
        (void)cli_usage("release", "seed: the old and the new release are the same");
        return false;
    }
    return true;
}

int command_release(int argc, char **argv)
{
    struct call call = {0};
    const char *verb;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        if (!parse_option(option, &call))
            return EX_USAGE;
    if (call.help)
        return puts(help) < 0 ? EX_IOERR : EX_OK;
    verb = optind < argc ? argv[optind] : "";
    if (!str_equal(verb, "seed") && !str_equal(verb, "remove"))
        return cli_usage("release", "expected seed or remove");
    if (!take_releases(verb, argc - optind - 1, argv + optind + 1, &call))
        return EX_USAGE;
    if (call.artifacts && !str_equal(verb, "seed"))
        return cli_usage("release", "--artifacts is for seed");
    if (call.store && !str_equal(verb, "remove"))
        return cli_usage("release", "--store is for remove");
    return str_equal(verb, "seed") ? seed(&call) : remove_release(&call);
}
