// SPDX-License-Identifier: GPL-3.0-only
#include "adt/names.h"
#include "adt/request.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/queue_edit.h"
#include "cli/queue_walk.h"

#include <getopt.h>

static const char help[] =
    "autopkgtest-cloud queue [OPTION…]: how many requests wait, and which\n"
    "autopkgtest-cloud queue list QUEUE: the requests of a queue\n"
    "autopkgtest-cloud queue filter QUEUE: remove some of them\n"
    "autopkgtest-cloud queue move FROM TO: move some of them to another queue\n"
    "autopkgtest-cloud queue put FILE: put back what filter has saved\n"
    "\n"
    "Each explains itself with --help. Without a verb:\n"
    "\n"
    "  -s, --series, --release RELEASE  only this release; may be repeated\n"
    "  -a, --architecture ARCH          only this architecture; may be repeated\n"
    "      --requests[=N]               print the requests too, the first N of each queue "
    "(default\n"
    "                                   100); they keep their places\n"
    "      --format text|json\n"
    "      --help\n";

enum { OPT_REQUESTS = 256, OPT_FORMAT, OPT_HELP };

static const struct option options[] = {
    {"series", required_argument, NULL, 's'},
    {"release", required_argument, NULL, 's'},
    {"architecture", required_argument, NULL, 'a'},
    {"requests", optional_argument, NULL, OPT_REQUESTS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct listing {
    struct strv releases, archs;
    uint64_t requests; // how many of each queue; 0: only counts
    bool json;
};

static void listing_release(struct listing *listing)
{
    strv_release(&listing->releases);
    strv_release(&listing->archs);
}

// What may be shown of a request: the message body, unless it has secrets.
static json_t *shown(const struct buf *body)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    int r = request_parse(buf_str(body), body->len, &request, NULL);

    if (r == 0 && request_is_private(&request))
        return json_string("private job");
    return r == 0 ? json_stringn(buf_str(body), body->len) : json_string("unreadable request");
}

// The first requests of a queue, which go back to their places when the link is closed.
static int peek(struct amqp_link *link, const char *queue, uint64_t most, json_t *ret,
                struct error *err)
{
    uint64_t i;
    int r = queue_walk_enter(link, queue, err);

    for (i = 0; r == 0 && i < most; i++) {
        _cleanup_(amqp_delivery_release) struct amqp_delivery delivery = {0};
        bool empty = false;

        r = amqp_link_get(link, queue, &delivery, &empty, err);

        if (r < 0)
            return r;
        if (empty)
            return 0;
        if (json_array_append_new(ret, shown(&delivery.body)) < 0)
            return error_oom(err);
    }
    return r;
}

static int describe(struct amqp_link *link, const struct listing *listing, const char *queue,
                    json_t *entry, struct error *err)
{
    uint32_t messages = 0, consumers = 0;
    json_t *requests;
    int r = amqp_link_inspect_queue(link, queue, &messages, &consumers, err);

    if (r == -ENOENT) { // nobody has asked for this combination so far
        error_clear(err);
        messages = consumers = 0;
    } else if (r < 0) {
        return r;
    }
    if (json_put_string(entry, "queue", queue) < 0 ||
        json_put_int(entry, "waiting", messages) < 0 ||
        json_put_int(entry, "idle-workers", consumers) < 0)
        return error_oom(err);
    if (listing->requests == 0)
        return 0;
    requests = json_array();
    if (!requests || json_put(entry, "requests", requests) < 0)
        return error_oom(err);
    r = messages ? peek(link, queue, listing->requests, requests, err) : 0;
    if (r == -EOPNOTSUPP) { // how many wait is known all the same
        log_warning("%s", error_message(err));
        error_clear(err);
        r = 0;
    }
    return r;
}

static int collect(const struct listing *listing, json_t *ret, struct error *err)
{
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int context, r = cli_connect(NULL, &link, err);

    if (r < 0)
        return r;
    for (context = 0; context < CONTEXT_COUNT; context++)
        STRV_FOREACH (release, &listing->releases)
            STRV_FOREACH (arch, &listing->archs) {
                _cleanup_free_ char *queue = queue_name((enum queue_context)context, release, arch);
                json_t *entry = json_object();

                if (!queue || json_array_append_new(ret, entry) < 0)
                    return error_oom(err);
                r = describe(link, listing, queue, entry, err);
                if (r < 0)
                    return r;
            }
    return 0;
}

static void print_requests(const json_t *requests)
{
    const json_t *body;
    size_t i;

    json_array_foreach (requests, i, body) {
        const char *text = json_string_value(body);

        // One line each: the newline behind the package becomes a blank.
        (void)printf("    %.*s %s\n", (int)strcspn(text, "\n"), text,
                     strchr(text, '\n') ? strchr(text, '\n') + 1 : "");
    }
}

static void print_listing(const json_t *queues)
{
    const json_t *entry;
    json_int_t total = 0;
    size_t i;

    json_array_foreach (queues, i, entry) {
        json_int_t waiting = json_integer_value(json_object_get(entry, "waiting"));
        json_int_t idle = json_integer_value(json_object_get(entry, "idle-workers"));

        total += waiting;
        if (waiting == 0 && idle == 0)
            continue;
        (void)printf("%-40s %6" JSON_INTEGER_FORMAT " waiting %4" JSON_INTEGER_FORMAT
                     " idle workers\n",
                     json_string_value(json_object_get(entry, "queue")), waiting, idle);
        print_requests(json_object_get(entry, "requests"));
    }
    (void)printf("%" JSON_INTEGER_FORMAT " waiting in %zu queues\n", total,
                 json_array_size(queues));
}

static int parse_options(int argc, char **argv, struct listing *listing)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int option, r = 0;

    while (r == 0 && (option = getopt_long(argc, argv, "s:a:", options, NULL)) >= 0) {
        if (option == 's') {
            r = strv_add(&listing->releases, optarg);
        } else if (option == 'a') {
            r = strv_split(&listing->archs, optarg, ", ");
        } else if (option == OPT_REQUESTS) {
            listing->requests = 100;
            if (optarg && parse_uint(optarg, 1, 100000, &listing->requests, &err) < 0)
                return cli_usage("queue", "--requests: %s", error_message(&err));
        } else if (option == OPT_FORMAT) {
            r = cli_parse_format("queue", optarg, &listing->json) ? 0 : EX_USAGE;
        } else {
            return EX_USAGE;
        }
    }
    if (r == 0 && optind < argc)
        return cli_usage("queue", "unexpected argument \"%s\"", argv[optind]);
    return r < 0 ? EX_OSERR : r;
}

static const struct verb {
    const char *name, *help;
} verbs[] = {
    [QUEUE_LIST] = {"list", queue_list_help},
    [QUEUE_FILTER] = {"filter", queue_filter_help},
    [QUEUE_MOVE] = {"move", queue_move_help},
    {"put", queue_put_help},
};

static int run_verb(size_t verb, int argc, char **argv)
{
    if (argc > 1 && str_equal(argv[1], "--help"))
        return fputs(verbs[verb].help, stdout) < 0 ? EX_IOERR : EX_OK;
    if (str_equal(verbs[verb].name, "put"))
        return queue_put(argc, argv);
    return queue_edit((enum queue_verb)verb, argc, argv);
}

static int count_requests(int argc, char **argv)
{
    _cleanup_(listing_release) struct listing listing = {0};
    _cleanup_strv_ struct strv releases = STRV_INIT, archs = STRV_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *queues = json_array();
    int r;

    r = parse_options(argc, argv, &listing);
    if (r != 0)
        return r;
    if (listing.releases.len == 0 || listing.archs.len == 0) {
        r = cli_known(&releases, &archs, &err);
        if (r < 0)
            return cli_fail("queue", r, &err);
        if (listing.releases.len == 0)
            listing.releases = releases, releases = (struct strv)STRV_INIT;
        if (listing.archs.len == 0)
            listing.archs = archs, archs = (struct strv)STRV_INIT;
    }
    r = queues ? collect(&listing, queues, &err) : error_oom(&err);
    if (r < 0)
        return cli_fail("queue", r, &err);
    if (listing.json)
        return cli_print_json(queues);
    print_listing(queues);
    return EX_OK;
}

int command_queue(int argc, char **argv)
{
    if (argc > 1 && str_equal(argv[1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
        if (str_equal(argv[1], verbs[i].name))
            return run_verb(i, argc - 1, argv + 1);
    return count_requests(argc, argv);
}
