// SPDX-License-Identifier: GPL-3.0-only
// `autopkgtest-cloud cancel`: takes back one request, wherever it is.
#include "adt/names.h"
#include "base/parse.h"
#include "cli/kill.h"
#include "cli/queue_edit.h"

#include <getopt.h>

static const char help[] =
    "autopkgtest-cloud cancel [OPTION…] UUID: take back a request\n"
    "\n"
    "If its test runs, it is ended without a result; if it waits, it is removed from its queue.\n"
    "\n"
    "      --requester NAME     only if that one has asked for it\n"
    "  -s, --series, --release RELEASE, -a, --architecture ARCH\n"
    "                           look into the queues of these only (default: all that are known)\n"
    "      --seconds N          how long to wait for the worker that runs it, before the queues "
    "are\n"
    "                           looked through and once more after it (default 2, and 5)\n"
    "      --format text|json\n"
    "      --help\n";

#define FIRST_S 2 // for the word of the worker that runs it
#define AGAIN_S 5 // a worker may have taken it while the queues were looked through

enum { OPT_REQUESTER = 256, OPT_SECONDS, OPT_FORMAT };

static const struct option options[] = {
    {"requester", required_argument, NULL, OPT_REQUESTER},
    {"series", required_argument, NULL, 's'},
    {"release", required_argument, NULL, 's'},
    {"architecture", required_argument, NULL, 'a'},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

struct call {
    struct control_kill order;
    uint64_t first_s, again_s;
    struct strv releases, archs;
    bool json;
    bool ended; // by a worker; `late`: only its result was left
    bool late;
    char *place; // the worker, or the queue
};

static void call_release(struct call *call)
{
    strv_release(&call->releases);
    strv_release(&call->archs);
    free(call->place);
}

static int end_running(struct call *call, uint64_t seconds, struct error *err)
{
    _cleanup_(control_answer_release) struct control_answer answer = {0};
    int r = kill_running(&call->order, seconds, &call->ended, &answer, err);

    if (r < 0 || !call->ended)
        return r;
    call->late = answer.outcome == CONTROL_FINISHED;
    call->place = strdup(answer.worker);
    return call->place ? 0 : error_oom(err);
}

static int remove_from(struct call *call, const char *queue, struct error *err)
{
    const struct selection selection = {.uuid = call->order.uuid,
                                        .requester = call->order.requester};
    _cleanup_free_ char *reason = str_format(
        "%s cancelled it", call->order.requester ? call->order.requester : "an operator");
    uint64_t removed = 0;
    int r = reason ? queue_remove(queue, &selection, reason, &removed, err) : error_oom(err);

    if (r == -ENOENT) // nobody has ever asked for a test there
        return 0;
    if (r < 0 || removed == 0)
        return r;
    call->place = strdup(queue);
    return call->place ? 0 : error_oom(err);
}

static int remove_waiting(struct call *call, struct error *err)
{
    STRV_FOREACH (release, &call->releases)
        STRV_FOREACH (arch, &call->archs)
            for (int c = 0; c < CONTEXT_COUNT && !call->place; c++) {
                _cleanup_free_ char *queue = queue_name((enum queue_context)c, release, arch);
                int r = queue ? remove_from(call, queue, err) : error_oom(err);

                if (r < 0)
                    return r;
            }
    return 0;
}

static int cancel(struct call *call, struct error *err)
{
    _cleanup_strv_ struct strv releases = STRV_INIT, archs = STRV_INIT;
    int r = cli_known(&releases, &archs, err);

    if (r == 0 && ((call->releases.len == 0 && strv_add_list(&call->releases, &releases) < 0) ||
                   (call->archs.len == 0 && strv_add_list(&call->archs, &archs) < 0)))
        r = error_oom(err);
    if (r == 0)
        r = end_running(call, call->first_s, err);
    if (r == 0 && !call->ended)
        r = remove_waiting(call, err);
    if (r == 0 && !call->place)
        r = end_running(call, call->again_s, err);
    return r;
}

static int report(const struct call *call)
{
    if (!call->place || call->late) {
        (void)fprintf(stderr, "autopkgtest-cloud cancel: %s %s\n", call->order.uuid,
                      call->late ? "has ended: its result is on its way"
                                 : "neither waits nor runs, or is not a request of this requester");
        return EX_UNAVAILABLE;
    }
    if (call->json) {
        _cleanup_json_ json_t *object = json_pack("{s:s, s:s}", "uuid", call->order.uuid,
                                                  call->ended ? "worker" : "queue", call->place);

        return object ? cli_print_json(object) : EX_OSERR;
    }
    return printf("%s: %s %s\n", call->order.uuid, call->ended ? "ended on worker" : "removed from",
                  call->place) < 0
               ? EX_IOERR
               : EX_OK;
}

static int parse_options(int argc, char **argv, struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int option, r = 0;

    while ((option = getopt_long(argc, argv, "s:a:", options, NULL)) >= 0) {
        if (option == OPT_REQUESTER)
            call->order.requester = optarg;
        if (option == 's' || option == 'a')
            r = strv_add(option == 's' ? &call->releases : &call->archs, optarg);
        if (r < 0)
            return EX_OSERR;
        if (option == OPT_SECONDS && parse_uint(optarg, 1, 3600, &call->first_s, &err) < 0)
            return cli_usage("cancel", "--seconds: %s", error_message(&err));
        if (option == OPT_SECONDS)
            call->again_s = call->first_s;
        if (option == '?' ||
            (option == OPT_FORMAT && !cli_parse_format("cancel", optarg, &call->json)))
            return EX_USAGE;
    }
    if (argc - optind != 1)
        return cli_usage("cancel", "expected one UUID, got %d", argc - optind);
    call->order.uuid = argv[optind];
    return kill_uuid_is_valid(call->order.uuid)
               ? EX_OK
               : cli_usage("cancel", "\"%s\" is no UUID of a request", call->order.uuid);
}

int command_cancel(int argc, char **argv)
{
    _cleanup_(call_release) struct call call = {.first_s = FIRST_S, .again_s = AGAIN_S};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    if (argc > 1 && str_equal(argv[1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    r = parse_options(argc, argv, &call);
    if (r != EX_OK)
        return r;
    r = cancel(&call, &err);
    return r < 0 ? cli_fail("cancel", r, &err) : report(&call);
}
