// SPDX-License-Identifier: GPL-3.0-only
#include "adt/database.h"
#include "adt/names.h"
#include "adt/verdict.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/results_database.h"

#include <getopt.h>
#include <poll.h>

#define LOOK_US (200 * USEC_PER_MSEC)

static const char help[] =
    "autopkgtest-cloud result [OPTION…] PACKAGE: results of a package, newest first\n"
    "\n"
    "  -s, --series, --release RELEASE  only this release\n"
    "  -a, --architecture ARCH          only this architecture\n"
    "  -n, --limit N                    at most N results (default 10)\n"
    "      --wait[=SECONDS]             wait for a result of a run that began after this call\n"
    "                                   (default 3600 s), print only it\n"
    "      --since RUNID                with --wait: after this run instead\n"
    "      --format text|json\n"
    "      --help\n"
    "\n"
    "Reads the database of this unit (roles: web). Exit code 75 when --wait runs out of time.\n";

enum { OPT_WAIT = 256, OPT_SINCE, OPT_FORMAT, OPT_HELP };

static const struct option options[] = {
    {"series", required_argument, NULL, 's'},
    {"release", required_argument, NULL, 's'},
    {"architecture", required_argument, NULL, 'a'},
    {"limit", required_argument, NULL, 'n'},
    {"wait", optional_argument, NULL, OPT_WAIT},
    {"since", required_argument, NULL, OPT_SINCE},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct query {
    const char *package, *release, *arch; // the last two may be NULL
    const char *since;                    // run id; results after it only
    uint64_t limit, wait_s;
    bool json;
};

// Plain results and those of special runs together. The run id begins with the date.
static const char sql[] =
    "SELECT release, arch, run_id, version, triggers, duration, exitcode, requester, env,"
    "       'autopkgtest-' || release AS container"
    " FROM result JOIN test ON test.id = result.test_id"
    " WHERE package = ?1 AND run_id > ?2 AND (?3 IS NULL OR release = ?3)"
    "   AND (?4 IS NULL OR arch = ?4)"
    " UNION ALL"
    " SELECT release, arch, run_id, version, triggers, duration, exitcode, requester, env, "
    "container"
    " FROM special_result"
    " WHERE package = ?1 AND run_id > ?2 AND (?3 IS NULL OR release = ?3)"
    "   AND (?4 IS NULL OR arch = ?4)"
    " ORDER BY run_id DESC LIMIT ?5";

static const char *text_column(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text ? (const char *)text : "";
}

static json_t *row_to_json(sqlite3_stmt *s, const char *package)
{
    int exitcode = sqlite3_column_int(s, 6);
    const char *release = text_column(s, 0), *arch = text_column(s, 1), *run_id = text_column(s, 2);
    _cleanup_free_ char *path = run_path(release, arch, package, run_id);

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:s, s:s, s:s, s:s, s:s}", "package",
                     package, "release", release, "architecture", arch, "run-id", run_id, "version",
                     text_column(s, 3), "triggers", text_column(s, 4), "duration",
                     (json_int_t)sqlite3_column_int64(s, 5), "exitcode", exitcode, "verdict",
                     verdict_name(verdict_of(exitcode)), "requester", text_column(s, 7), "env",
                     text_column(s, 8), "container", text_column(s, 9), "path", path ? path : "");
}

static int select_results(struct database *db, const struct query *query, json_t *ret,
                          struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc, r = database_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, query->package, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 2, query->since ? query->since : "", -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, query->release, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, query->arch, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)query->limit);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
        if (json_array_append_new(ret, row_to_json(statement, query->package)) < 0) {
            rc = SQLITE_NOMEM;
            break;
        }
    r = rc == SQLITE_DONE ? 0 : database_error(db, rc, "cannot read the results", err);
    (void)sqlite3_reset(statement);
    return r;
}

// Nobody is told when a result has come: what makes a commit of SQLite visible is written last, to
// the index of the log, which is mapped memory and gives no event of inotify(7).
static int wait_before_next_look(uint64_t end, struct error *err)
{
    uint64_t now = clock_monotonic_us();

    if (now >= end)
        return error_set(err, -ETIMEDOUT, "no result so far");
    (void)poll(NULL, 0, (int)((end - now < LOOK_US ? end - now : LOOK_US) / USEC_PER_MSEC + 1));
    return 0;
}

static int fetch(struct query *query, json_t *results, struct error *err)
{
    _cleanup_(web_settings_release) struct web_settings settings = {0};
    _cleanup_(database_closep) struct database *db = NULL;
    _cleanup_free_ char *start = NULL;
    uint64_t end = clock_monotonic_us() + query->wait_s * USEC_PER_SEC;
    int r = settings_load_results(settings_dir(), &settings, err);

    if (r == -ENOENT)
        return error_prefix(err, r, "this unit has no database of results (roles: web)");
    if (r < 0)
        return r;
    if (query->wait_s > 0 && !query->since) {
        start = clock_format_utc((int64_t)(clock_realtime_us() / USEC_PER_SEC), "%Y%m%d_%H%M%S");
        query->since = start;
    }
    r = results_database_open_readonly(settings.database, &db, err);
    while (r == 0) {
        r = select_results(db, query, results, err);
        if (r < 0 || query->wait_s == 0 || json_array_size(results) > 0)
            break;
        r = wait_before_next_look(end, err);
    }
    query->since = start ? NULL : query->since;
    return r;
}

static void print_results(const json_t *results)
{
    const json_t *row;
    size_t i;

    json_array_foreach (results, i, row) {
        const char *release = NULL, *arch = NULL, *run = NULL, *version = NULL, *triggers = NULL,
                   *verdict = NULL;
        _cleanup_free_ char *duration = NULL;
        json_int_t seconds = 0;
        int exitcode = 0;

        (void)json_unpack((json_t *)(uintptr_t)row, "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:i}",
                          "release", &release, "architecture", &arch, "run-id", &run, "version",
                          &version, "triggers", &triggers, "verdict", &verdict, "duration",
                          &seconds, "exitcode", &exitcode);
        duration = clock_format_duration((uint64_t)seconds);
        (void)printf("%-10s %-10s %-8s %s  %s  %s  %s (%s)\n", verdict, release, arch, run, version,
                     duration ? duration : "", triggers, verdict_explain(exitcode));
    }
    if (json_array_size(results) == 0)
        (void)printf("no results\n");
}

static int take_option(int option, struct query *query)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    switch (option) {
    case 's':
        query->release = optarg;
        return EX_OK;
    case 'a':
        query->arch = optarg;
        return EX_OK;
    case OPT_SINCE:
        query->since = optarg;
        return EX_OK;
    case 'n':
        if (parse_uint(optarg, 1, 10000, &query->limit, &err) < 0)
            return cli_usage("result", "--limit: %s", error_message(&err));
        return EX_OK;
    case OPT_WAIT:
        query->wait_s = 3600;
        if (optarg && parse_uint(optarg, 1, 604800, &query->wait_s, &err) < 0)
            return cli_usage("result", "--wait: %s", error_message(&err));
        return EX_OK;
    case OPT_FORMAT:
        return cli_parse_format("result", optarg, &query->json) ? EX_OK : EX_USAGE;
    default:
        return option == '?' ? EX_USAGE : EX_OK;
    }
}

static int parse_options(int argc, char **argv, struct query *query)
{
    int option, status;

    while ((option = getopt_long(argc, argv, "s:a:n:", options, NULL)) >= 0) {
        status = take_option(option, query);
        if (status != EX_OK)
            return status;
    }
    if (optind + 1 != argc)
        return cli_usage("result", "name one package");
    query->package = argv[optind];
    if (!name_is_package(query->package))
        return cli_usage("result", "\"%s\" is not a package's name", query->package);
    return EX_OK;
}

int command_result(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *results = json_array();
    struct query query = {.limit = 10};
    int r;

    if (argc > 1 && str_equal(argv[1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    r = parse_options(argc, argv, &query);
    if (r != EX_OK)
        return r;
    r = results ? fetch(&query, results, &err) : error_oom(&err);
    if (r < 0)
        return cli_fail("result", r, &err);
    if (query.json)
        return cli_print_json(results);
    print_results(results);
    return EX_OK;
}
