// SPDX-License-Identifier: GPL-3.0-only
#include "cli/kill.h"

#include "base/clock.h"
#include "base/parse.h"
#include "cli/cli.h"

#include <getopt.h>

static const char help[] =
    "autopkgtest-cloud kill [OPTION…] UUID: end a running test\n"
    "\n"
    "Whichever unit runs it. Without --requeue nothing is left of the request, and there will be "
    "no\n"
    "result: whoever waits for one must ask again. UUIDs are in autopkgtest-cloud running.\n"
    "\n"
    "      --requester NAME     only if that one has asked for it\n"
    "      --requeue            put the request back into its queue\n"
    "      --seconds N          how long to wait for the worker that runs it (default 5)\n"
    "      --format text|json\n"
    "      --help\n";

#define END_S 60 // how long a worker may take to clean up, after it has answered
#define UUID_MAX 100

enum { OPT_REQUESTER = 256, OPT_REQUEUE, OPT_SECONDS, OPT_FORMAT };

static const struct option options[] = {
    {"requester", required_argument, NULL, OPT_REQUESTER},
    {"requeue", no_argument, NULL, OPT_REQUEUE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

struct call {
    struct control_kill order;
    uint64_t seconds;
    bool json;
    bool answered, done;
    uint64_t until_us;
    struct control_answer answer; // the latest
};

static void on_delivery(struct amqp_link *link _unused_, struct amqp_delivery *delivery,
                        void *userdata)
{
    _cleanup_(control_answer_release) struct control_answer answer = {0};
    struct call *call = userdata;

    if (!str_equal(delivery->correlation_id, call->order.uuid) || call->done ||
        control_answer_parse(buf_str(&delivery->body), delivery->body.len, &answer, NULL) < 0)
        return;
    control_answer_release(&call->answer);
    call->answer = answer;
    answer = (struct control_answer){0};
    call->answered = true;
    call->done = call->answer.outcome != CONTROL_ENDING;
    call->until_us = clock_monotonic_us() + END_S * USEC_PER_SEC;
}

static int send_order(struct amqp_link *link, const struct call *call, struct error *err)
{
    _cleanup_buf_ struct buf body = BUF_INIT(4096);
    _cleanup_free_ char *queue = NULL;
    struct amqp_publication message = {.exchange = EXCHANGE_CONTROL, .routing_key = ""};
    int r;

    if ((r = amqp_link_declare_exchange(link, EXCHANGE_CONTROL, "fanout", AMQP_DURABLE, err)) < 0 ||
        (r = amqp_link_declare_queue(link, "", AMQP_EXCLUSIVE | AMQP_AUTO_DELETE, NULL, &queue,
                                     err)) < 0 ||
        (r = amqp_link_consume(link, queue, "answers", true, true, err)) < 0 ||
        (r = control_kill_format(&call->order, &body, err)) < 0)
        return r;
    message.reply_to = queue;
    message.correlation_id = call->order.uuid;
    message.body = buf_str(&body);
    message.body_len = body.len;
    return amqp_link_publish_confirmed(link, &message, err);
}

static int wait_for_answer(struct amqp_link *link, struct call *call, struct error *err)
{
    int r = 0;

    call->until_us = clock_monotonic_us() + call->seconds * USEC_PER_SEC;
    while (r == 0 && !call->done && clock_monotonic_us() < call->until_us)
        r = cli_wait(link, call->until_us, err);
    return r;
}

static int kill_test(struct call *call, struct error *err)
{
    const struct amqp_handlers handlers = {.on_delivery = on_delivery, .userdata = call};
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    int r;

    if ((r = cli_connect(&handlers, &link, err)) < 0 || (r = send_order(link, call, err)) < 0)
        return r;
    return wait_for_answer(link, call, err);
}

static int report_json(const struct call *call)
{
    _cleanup_json_ json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s}", "uuid", call->order.uuid, "worker", call->answer.worker, "package",
        call->answer.package, "outcome", control_outcome_name(call->answer.outcome));

    return object ? cli_print_json(object) : EX_OSERR;
}

static int report(const struct call *call)
{
    const struct control_answer *answer = &call->answer;

    if (!call->answered) {
        (void)fprintf(stderr,
                      "autopkgtest-cloud kill: no worker has the request %s. If it still waits: "
                      "autopkgtest-cloud queue filter QUEUE --uuid %s\n",
                      call->order.uuid, call->order.uuid);
        return EX_UNAVAILABLE;
    }
    if (call->json && report_json(call) != EX_OK)
        return EX_IOERR;
    switch (answer->outcome) {
    case CONTROL_ENDING:
        (void)fprintf(stderr,
                      "autopkgtest-cloud kill: worker %s is ending %s, but has not finished "
                      "after %d s; see its journal\n",
                      answer->worker, answer->package, END_S);
        return EX_TEMPFAIL;
    case CONTROL_FINISHED:
        (void)fprintf(stderr,
                      "autopkgtest-cloud kill: too late: the test has ended, worker %s has its "
                      "result\n",
                      answer->worker);
        return EX_UNAVAILABLE;
    default:
        break;
    }
    if (!call->json)
        (void)printf("%s: ended on worker %s; the request %s\n", answer->package, answer->worker,
                     answer->outcome == CONTROL_RETURNED ? "is in its queue again" : "is dropped");
    return EX_OK;
}

bool kill_uuid_is_valid(const char *uuid)
{
    return *uuid && strlen(uuid) <= UUID_MAX && !uuid[strcspn(uuid, " \t\n")];
}

int kill_running(const struct control_kill *order, uint64_t seconds, bool *ret_answered,
                 struct control_answer *ret, struct error *err)
{
    struct call call = {.order = *order, .seconds = seconds};
    int r = kill_test(&call, err);

    *ret_answered = call.answered;
    *ret = call.answer;
    return r;
}

static int parse_options(int argc, char **argv, struct call *call)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == OPT_SECONDS && parse_uint(optarg, 1, 3600, &call->seconds, &err) < 0)
            return cli_usage("kill", "--seconds: %s", error_message(&err));
        if (option == OPT_REQUESTER)
            call->order.requester = optarg;
        if (option == OPT_REQUEUE)
            call->order.requeue = true;
        if (option == '?' ||
            (option == OPT_FORMAT && !cli_parse_format("kill", optarg, &call->json)))
            return EX_USAGE;
    }
    if (argc - optind != 1)
        return cli_usage("kill", "expected one UUID, got %d", argc - optind);
    call->order.uuid = argv[optind];
    if (!kill_uuid_is_valid(call->order.uuid))
        return cli_usage("kill", "\"%s\" is no UUID of a request", call->order.uuid);
    return EX_OK;
}

int command_kill(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct call call = {.seconds = 5};
    int r;

    if (argc > 1 && str_equal(argv[1], "--help"))
        return fputs(help, stdout) < 0 ? EX_IOERR : EX_OK;
    r = parse_options(argc, argv, &call);
    if (r != EX_OK)
        return r;
    r = kill_test(&call, &err);
    r = r < 0 ? cli_fail("kill", r, &err) : report(&call);
    control_answer_release(&call.answer);
    return r;
}
