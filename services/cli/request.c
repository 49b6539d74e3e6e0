// SPDX-License-Identifier: GPL-3.0-only
#include "adt/request.h"
#include "adt/names.h"
#include "cli/cli.h"

#include <getopt.h>
#include <pwd.h>

static const char help[] =
    "autopkgtest-cloud request [OPTION…] PACKAGE…: put test requests in the queue\n"
    "(also as run-autopkgtest, with the same options)\n"
    "\n"
    "Where it runs, and when:\n"
    "  -s, --series, --release RELEASE  may be repeated (default: the only one of this unit)\n"
    "  -a, --architecture ARCH          may be repeated (default: all that this unit knows)\n"
    "      --bulk                       into the queue for floods, which others overtake\n"
    "\n"
    "Parameters of the request, with the key of each:\n"
    "      --trigger SOURCE/VERSION     triggers: why; may be repeated\n"
    "      --ppa USER/NAME              ppas: add this PPA; may be repeated; goes to the ppa "
    "queue\n"
    "                                   ([USER:TOKEN@]LPUSER/NAME[:FINGERPRINT])\n"
    "      --env VAR=VALUE              env: one line; may be repeated\n"
    "      --test-git 'URL [BRANCH]'    test-git: tests from that tree, binaries from the "
    "archive;\n"
    "                                   goes to the upstream queue\n"
    "      --build-git 'URL [BRANCH]'   build-git: the same, with packages built from it\n"
    "      --testname NAME              testname: only this test\n"
    "      --all-proposed               all-proposed: take everything from the proposed pocket\n"
    "      --swiftuser NAME             swiftuser: private run, readable by this Swift user\n"
    "      --readable-by NAME           readable-by: who may read a private result on the web;\n"
    "                                   may be repeated\n"
    "      --requester NAME             requester: on whose behalf (default: who calls)\n"
    "      --params FILE                any of these keys from a JSON object ('-': standard\n"
    "                                   input): what has a secret in it does not belong on a\n"
    "                                   command line. Options win\n"
    "  uuid and submit-time are filled in where --params has none; test-bzr is refused by the\n"
    "  workers.\n"
    "\n"
    "      --format text|json           how to print what was queued\n"
    "      --help\n"
    "\n"
    "A secret in a PPA or a URL makes the run private, as swiftuser does. Nothing is queued when "
    "a\n"
    "value is not as docs/reference/requests.md says.\n"
    "Succeeds once the broker has every request on disk.\n";

enum {
    OPT_TRIGGER = 256,
    OPT_PPA,
    OPT_ENV,
    OPT_TEST_GIT,
    OPT_BUILD_GIT,
    OPT_TESTNAME,
    OPT_ALL_PROPOSED,
    OPT_BULK,
    OPT_SWIFTUSER,
    OPT_READABLE_BY,
    OPT_REQUESTER,
    OPT_PARAMS,
    OPT_FORMAT,
    OPT_HELP
};

static const struct option options[] = {
    {"series", required_argument, NULL, 's'},
    {"release", required_argument, NULL, 's'},
    {"architecture", required_argument, NULL, 'a'},
    {"trigger", required_argument, NULL, OPT_TRIGGER},
    {"ppa", required_argument, NULL, OPT_PPA},
    {"env", required_argument, NULL, OPT_ENV},
    {"test-git", required_argument, NULL, OPT_TEST_GIT},
    {"build-git", required_argument, NULL, OPT_BUILD_GIT},
    {"testname", required_argument, NULL, OPT_TESTNAME},
    {"all-proposed", no_argument, NULL, OPT_ALL_PROPOSED},
    {"bulk", no_argument, NULL, OPT_BULK},
    {"swiftuser", required_argument, NULL, OPT_SWIFTUSER},
    {"readable-by", required_argument, NULL, OPT_READABLE_BY},
    {"requester", required_argument, NULL, OPT_REQUESTER},
    {"params", required_argument, NULL, OPT_PARAMS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct order {
    struct request request; // what options say
    const char *params;     // FILE of --params
    struct strv releases, archs;
    bool bulk, json;
};

static void order_release(struct order *order)
{
    request_release(&order->request);
    strv_release(&order->releases);
    strv_release(&order->archs);
}

static int set_text(char **to, const char *value)
{
    free(*to);
    *to = strdup(value);
    return *to ? 0 : -ENOMEM;
}

// 0, or a negative errno; EX_USAGE for a value that cannot be.
static int take_option(struct order *order, int option, const char *value)
{
    struct request *q = &order->request;

    switch (option) {
    case 's':
        return strv_add(&order->releases, value);
    case 'a':
        return strv_split(&order->archs, value, ", ");
    case OPT_TRIGGER:
        return strv_split(&q->triggers, value, " ");
    case OPT_PPA:
        return strv_add(&q->ppas, str_starts_with(value, "ppa:") ? value + 4 : value);
    case OPT_ENV:
        return strv_add(&q->env, value);
    case OPT_TEST_GIT:
        return set_text(&q->test_git, value);
    case OPT_BUILD_GIT:
        return set_text(&q->build_git, value);
    case OPT_TESTNAME:
        return set_text(&q->testname, value);
    case OPT_ALL_PROPOSED:
        q->all_proposed = true;
        return 0;
    case OPT_BULK:
        order->bulk = true;
        return 0;
    case OPT_SWIFTUSER:
        return set_text(&q->swiftuser, value);
    case OPT_READABLE_BY:
        return strv_add(&q->readable_by, value);
    case OPT_REQUESTER:
        return set_text(&q->requester, value);
    case OPT_PARAMS:
        order->params = value;
        return 0;
    case OPT_FORMAT:
        return cli_parse_format("request", value, &order->json) ? 0 : EX_USAGE;
    default:
        return EX_USAGE;
    }
}

static enum queue_context context_of(const struct request *request, bool bulk)
{
    if (request->test_git || request->build_git)
        return CONTEXT_UPSTREAM;
    if (request->ppas.len > 0)
        return CONTEXT_PPA;
    return bulk ? CONTEXT_HUGE : CONTEXT_NORMAL;
}

static bool is_key(const char *name)
{
    const char *key;

    for (size_t i = 0; (key = request_key(i)); i++)
        if (str_equal(key, name))
            return true;
    return false;
}

static int read_params(struct order *order, struct error *err)
{
    bool is_stdin = str_equal(order->params, "-");
    json_t *params = NULL;
    const char *key;
    json_t *value;
    int r;

    if (!order->params)
        return 0;
    r = json_parse_file(is_stdin ? "/dev/stdin" : order->params, REQUEST_BODY_MAX, &params, err);
    if (r < 0)
        return error_prefix(err, -EBADMSG, "--params");
    order->request.params = params;
    if (!json_is_object(params))
        return error_set(err, -EBADMSG, "--params: expected an object, got %s",
                         json_type_name(params));
    json_object_foreach (params, key, value)
        if (!is_key(key))
            return error_set(err, -EBADMSG, "--params: there is no parameter \"%.100s\"", key);
    return 0;
}

static int fill_defaults(struct order *order, struct error *err)
{
    _cleanup_strv_ struct strv releases = STRV_INIT, archs = STRV_INIT;
    const struct passwd *user;
    int r;

    if (!order->request.requester && !json_object_get(order->request.params, "requester") &&
        (user = getpwuid(getuid())) && set_text(&order->request.requester, user->pw_name) < 0)
        return error_oom(err);
    if (order->releases.len > 0 && order->archs.len > 0)
        return 0;
    r = cli_known(&releases, &archs, err);
    if (r < 0)
        return r;
    if (order->releases.len == 0) {
        if (releases.len != 1)
            return error_set(err, -EINVAL, "this unit knows %zu releases: name one with --series",
                             releases.len);
        r = strv_add(&order->releases, releases.items[0]);
    }
    if (r == 0 && order->archs.len == 0) {
        if (archs.len == 0)
            return error_set(err, -EINVAL,
                             "this unit knows no architecture: name one with --architecture");
        r = strv_add_all(&order->archs, (const char *const *)archs.items);
    }
    return r < 0 ? error_oom(err) : 0;
}

static int check_names(const struct order *order, struct error *err)
{
    STRV_FOREACH (release, &order->releases)
        if (!name_is_release(release))
            return error_set(err, -EBADMSG, "--series: \"%s\" is not a release's name", release);
    STRV_FOREACH (arch, &order->archs)
        if (!name_is_arch(arch))
            return error_set(err, -EBADMSG, "--architecture: \"%s\" is not an architecture", arch);
    return 0;
}

// The request of one package, checked by the same parser that the worker uses.
static int make_request(const struct order *order, const char *package, struct request *ret,
                        struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct request q = order->request; // borrows the lists
    int r;

    q.package = (char *)(uintptr_t)package;
    r = request_format(&q, &body, err);
    if (r == 0)
        r = request_parse(buf_str(&body), body.len, ret, err);
    return r;
}

static int check_packages(const struct order *order, char *const *packages, struct error *err)
{
    for (; *packages; packages++) {
        _cleanup_request_ struct request request = REQUEST_INIT;
        int r = make_request(order, *packages, &request, err);

        if (r < 0)
            return error_prefix(err, r, "%s", *packages);
    }
    return 0;
}

// Completes the order and checks all of it, before anything is queued.
static int prepare(struct order *order, char *const *packages, struct error *err)
{
    int r;

    if ((r = check_names(order, err)) < 0 || (r = read_params(order, err)) < 0 ||
        (r = fill_defaults(order, err)) < 0)
        return r;
    return check_packages(order, packages, err);
}

static int submit(struct amqp_link *link, const struct order *order, const char *release,
                  const char *arch, const char *package, json_t *done, struct error *err)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    _cleanup_free_ char *queue = NULL;
    struct amqp_publication publication = {.exchange = "", .persistent = true, .mandatory = true};
    json_t *entry;
    int r;

    if ((r = make_request(order, package, &request, err)) < 0 ||
        (r = request_complete(&request, err)) < 0 || (r = request_format(&request, &body, err)) < 0)
        return error_prefix(err, r, "%s", package);
    queue = queue_name(context_of(&request, order->bulk), release, arch);
    if (!queue)
        return error_oom(err);
    publication.routing_key = queue;
    publication.body = buf_str(&body);
    publication.body_len = body.len;
    r = amqp_link_publish_confirmed(link, &publication, err);
    if (r == -ENOENT)
        return error_set(
            err, -EHOSTUNREACH,
            "%s: there is no queue %s: no worker has ever served it; is the release or "
            "the architecture misspelt, or not configured (juju config APPLICATION "
            "releases)?",
            package, queue);
    if (r < 0)
        return error_prefix(err, r, "%s: not queued", package);
    entry = json_pack("{s:s, s:s, s:s}", "package", package, "queue", queue, "uuid", request.uuid);
    return json_array_append_new(done, entry) < 0 ? error_oom(err) : 0;
}

static int submit_all(const struct order *order, char *const *packages, json_t *done,
                      struct error *err)
{
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int r = cli_connect(NULL, &link, err);

    if (r < 0)
        return r;
    for (; *packages; packages++)
        STRV_FOREACH (release, &order->releases)
            STRV_FOREACH (arch, &order->archs) {
                r = submit(link, order, release, arch, *packages, done, err);
                if (r < 0)
                    return r;
            }
    return 0;
}

static void print_done(const json_t *done)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (done, i, entry)
        (void)printf("%s queued in %s as %s\n",
                     json_string_value(json_object_get(entry, "package")),
                     json_string_value(json_object_get(entry, "queue")),
                     json_string_value(json_object_get(entry, "uuid")));
}

int command_request(int argc, char **argv)
{
    _cleanup_(order_release) struct order order = {.request = REQUEST_INIT};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *done = json_array();
    int r, option;

    while ((option = getopt_long(argc, argv, "s:a:", options, NULL)) >= 0) {
        if (option == OPT_HELP)
            return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
        r = take_option(&order, option, optarg);
        if (r == EX_USAGE)
            return EX_USAGE;
        if (r < 0 || !done)
            return cli_fail("request", -ENOMEM, &err);
    }
    if (optind == argc)
        return cli_usage("request", "name at least one package");
    if ((r = prepare(&order, argv + optind, &err)) < 0 ||
        (r = submit_all(&order, argv + optind, done, &err)) < 0) {
        // What was queued before the failure stays queued: say so.
        if (json_array_size(done) > 0)
            print_done(done);
        return r == -EHOSTUNREACH ? (cli_fail("request", r, &err), EX_UNAVAILABLE)
                                  : cli_fail("request", r, &err);
    }
    if (order.json)
        return cli_print_json(done);
    print_done(done);
    return EX_OK;
}
