// SPDX-License-Identifier: GPL-3.0-only
#include "adt/message.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/cli.h"

#include <getopt.h>

static const char help[] =
    "autopkgtest-cloud running [OPTION…]: the tests that run now\n"
    "\n"
    "Listens to what workers tell: each running test speaks up at least once in a few seconds.\n"
    "\n"
    "      --seconds N          how long to listen (default 3)\n"
    "      --log                the end of each log too\n"
    "      --format text|json\n"
    "      --help\n";

enum { OPT_SECONDS = 256, OPT_LOG, OPT_FORMAT, OPT_HELP };

static const struct option options[] = {
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"log", no_argument, NULL, OPT_LOG},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

// The key under which later messages about the same test replace the earlier.
static char *key_of(const struct test_status *status)
{
    _cleanup_free_ char *params = json_dumps(status->params, JSON_SORT_KEYS | JSON_COMPACT);

    return str_format("%s %s %s %s", status->release, status->arch, status->package,
                      params ? params : "");
}

static void on_delivery(struct amqp_link *link _unused_, struct amqp_delivery *delivery,
                        void *userdata)
{
    _cleanup_(test_status_release) struct test_status status = {0};
    _cleanup_free_ char *key = NULL;
    json_t *tests = userdata;

    if (test_status_parse(buf_str(&delivery->body), delivery->body.len, &status, NULL) < 0)
        return; // not ours to judge: the sender's mistake shows in its own log
    key = key_of(&status);
    if (!key)
        return;
    if (!status.running) {
        (void)json_object_del(tests, key);
        return;
    }
    (void)json_object_set_new(tests, key,
                              json_pack("{s:s, s:s, s:s, s:I, s:O, s:s}", "package", status.package,
                                        "release", status.release, "architecture", status.arch,
                                        "duration", (json_int_t)status.duration_s, "params",
                                        status.params, "logtail", status.logtail));
}

static int listen_for(struct amqp_link *link, uint64_t seconds, struct error *err)
{
    uint64_t end = clock_monotonic_us() + seconds * USEC_PER_SEC;
    int r = 0;

    while (r == 0 && clock_monotonic_us() < end)
        r = cli_wait(link, end, err);
    return r;
}

static int collect(uint64_t seconds, json_t *tests, struct error *err)
{
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    _cleanup_free_ char *queue = NULL;
    struct amqp_handlers handlers = {.on_delivery = on_delivery, .userdata = tests};
    int r = cli_connect(&handlers, &link, err);

    if (r < 0 || (r = amqp_link_declare_exchange(link, EXCHANGE_STATUS, "fanout", 0, err)) < 0 ||
        (r = amqp_link_declare_queue(link, "", AMQP_EXCLUSIVE | AMQP_AUTO_DELETE, NULL, &queue,
                                     err)) < 0 ||
        (r = amqp_link_bind(link, queue, EXCHANGE_STATUS, "", NULL, err)) < 0 ||
        (r = amqp_link_consume(link, queue, "running", true, true, err)) < 0)
        return r;
    return listen_for(link, seconds, err);
}

// By which it can be killed; private tests do not show it.
static const char *uuid_of(const json_t *test)
{
    const char *uuid = json_string_value(json_object_get(json_object_get(test, "params"), "uuid"));

    return uuid ? uuid : "";
}

static void print_tests(const json_t *tests, bool with_log)
{
    const json_t *test;
    const char *key;

    json_object_foreach ((json_t *)(uintptr_t)tests, key, test) {
        const char *package = NULL, *release = NULL, *arch = NULL, *log = NULL;
        _cleanup_free_ char *duration = NULL;
        json_int_t seconds = 0;

        (void)json_unpack((json_t *)(uintptr_t)test, "{s:s, s:s, s:s, s:I, s:s}", "package",
                          &package, "release", &release, "architecture", &arch, "duration",
                          &seconds, "logtail", &log);
        duration = clock_format_duration((uint64_t)seconds);
        (void)printf("%-30s %-10s %-8s %-10s %s\n", package, release, arch,
                     duration ? duration : "", uuid_of(test));
        if (with_log && !str_empty(log))
            (void)printf("%s\n", log);
    }
    (void)printf("%zu running\n", json_object_size(tests));
}

int command_running(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *tests = json_object();
    bool json = false, with_log = false;
    uint64_t seconds = 3;
    int r, option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == OPT_HELP)
            return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
        if (option == OPT_SECONDS && parse_uint(optarg, 1, 3600, &seconds, &err) < 0)
            return cli_usage("running", "--seconds: %s", error_message(&err));
        if (option == OPT_LOG)
            with_log = true;
        if (option == '?' || (option == OPT_FORMAT && !cli_parse_format("running", optarg, &json)))
            return EX_USAGE;
    }
    r = tests ? collect(seconds, tests, &err) : error_oom(&err);
    if (r < 0)
        return cli_fail("running", r, &err);
    if (json)
        return cli_print_json(tests);
    print_tests(tests, with_log);
    return EX_OK;
}
