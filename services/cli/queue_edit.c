// SPDX-License-Identifier: GPL-3.0-only
#include "cli/queue_edit.h"

#include "adt/event.h"
#include "adt/github.h"
#include "adt/names.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "cli/queue_walk.h"
#include "cli/selection.h"

#include <fcntl.h>
#include <unistd.h>

const char queue_list_help[] =
    "autopkgtest-cloud queue list [OPTION…] QUEUE: the requests of a queue, in their order\n"
    "\n"
    "They keep their places, and workers are not kept waiting. Of private requests nothing is\n"
    "shown.\n"
    "\n" SELECTION_HELP "      --limit N            look at the first N only\n"
    "      --format text|json   json: one object a line\n"
    "      --help\n";

const char queue_filter_help[] =
    "autopkgtest-cloud queue filter OPTION… QUEUE: remove requests from a queue\n"
    "\n"
    "Which, by one or more of (all must fit):\n" SELECTION_HELP "\n"
    "      --save FILE          append what is removed to FILE (mode 0600), which\n"
    "                           autopkgtest-cloud queue put FILE puts back\n"
    "      --forget             do not keep it\n"
    "      --dry-run            only show what would be removed\n"
    "      --limit N            look at the first N only\n"
    "      --format text|json   json: one object a line\n"
    "      --help\n";

const char queue_move_help[] =
    "autopkgtest-cloud queue move OPTION… FROM TO: move requests to the end of another queue\n"
    "\n"
    "Which, by one or more of (all must fit):\n" SELECTION_HELP "\n"
    "      --dry-run            only show what would be moved\n"
    "      --limit N            look at the first N only\n"
    "      --format text|json   json: one object a line\n"
    "      --help\n";

const char queue_put_help[] =
    "autopkgtest-cloud queue put FILE: put back what autopkgtest-cloud queue filter has saved\n"
    "\n"
    "Each request goes to the end of the queue it was in. Lines that were put back are not\n"
    "remembered: remove the file afterwards.\n"
    "\n"
    "      --help\n";

enum { OPT_SAVE = 256, OPT_FORGET, OPT_DRY_RUN, OPT_LIMIT, OPT_FORMAT };

static const struct option options[] = {
    SELECTION_OPTIONS,
    {"save", required_argument, NULL, OPT_SAVE},
    {"forget", no_argument, NULL, OPT_FORGET},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"format", required_argument, NULL, OPT_FORMAT},
    {0},
};

// A message on its way into the other queue.
struct moving {
    uint64_t publication, delivery;
};

struct edit {
    enum queue_verb verb;
    struct selection selection;
    const char *save;
    const char *reason; // why what is removed is removed
    bool forget, dry_run, json, quiet;
    uint64_t most;
    const char *from, *to;
    int save_fd;
    struct amqp_link *link;
    struct moving *moving; // not confirmed yet
    size_t len, alloc;
    uint64_t matched, done, unfit, refused;
};

static void edit_release(struct edit *edit)
{
    selection_release(&edit->selection);
    free(edit->moving);
    if (edit->save_fd >= 0)
        (void)close(edit->save_fd);
    amqp_link_free(edit->link);
}

// ---------------------------------------------------------------- showing

// {"queue", "body" or, where that is no UTF-8, "hex", "headers", "message_id"}
static json_t *to_json(const char *queue, const struct amqp_delivery *delivery)
{
    json_t *object = json_object();
    json_t *body = json_stringn(buf_str(&delivery->body), delivery->body.len);
    const char *key = "body";

    if (!body) {
        _cleanup_buf_ struct buf hex = BUF_INIT(2 * AMQP_BODY_MAX + 1);

        key = "hex";
        for (size_t i = 0; i < delivery->body.len; i++)
            if (buf_addf(&hex, "%02x", (unsigned char)delivery->body.data[i]) < 0)
                break;
        body = json_string(buf_str(&hex));
    }
    if (object && json_put_string(object, "queue", queue) == 0 &&
        json_put(object, key, body) == 0 &&
        (!delivery->message_id ||
         json_put_string(object, "message_id", delivery->message_id) == 0) &&
        (!delivery->headers || json_object_size(delivery->headers) == 0 ||
         json_put(object, "headers", json_incref(delivery->headers)) == 0))
        return object;
    json_decref(object);
    return NULL;
}

static int show_json(const struct request *request)
{
    _cleanup_json_ json_t *object =
        request && !request_is_private(request)
            ? json_pack("{s:s, s:O}", "package", request->package, "params", request->params)
            : json_pack("{s:s}", "package", request ? "private job" : "unreadable request");

    if (!object || json_dumpf(object, stdout, JSON_COMPACT | JSON_SORT_KEYS) < 0)
        return -EIO;
    return putchar('\n') == EOF ? -EIO : 0;
}

// On one line.
static int show_text(const struct buf *body)
{
    for (size_t i = 0; i < body->len; i++)
        if (putchar(body->data[i] == '\n' ? ' ' : body->data[i]) == EOF)
            return -EIO;
    return putchar('\n') == EOF ? -EIO : 0;
}

static int show(const struct edit *edit, const struct buf *body, const struct request *request)
{
    if (edit->json)
        return show_json(request);
    if (!request)
        return puts("unreadable request") < 0 ? -EIO : 0;
    if (request_is_private(request))
        return puts("private job") < 0 ? -EIO : 0;
    return show_text(body);
}

// ---------------------------------------------------------------- what is done with each

static int save(const struct edit *edit, const struct amqp_delivery *delivery, struct error *err)
{
    _cleanup_json_ json_t *object = to_json(edit->from, delivery);
    _cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    _cleanup_free_ char *line = text ? str_format("%s\n", text) : NULL;
    int r;

    if (!edit->save)
        return 0;
    if (!line)
        return error_oom(err);
    r = fd_write_all(edit->save_fd, line, strlen(line));
    return r < 0
               ? error_errno(err, r, "cannot write %s: the request stays in its queue", edit->save)
               : 0;
}

// The queue of PPAs takes what needs them, and nothing else does.
static bool fits_target(const struct edit *edit, const struct request *request)
{
    bool to_ppa = str_starts_with(edit->to, "debci-ppa-");

    return request && (request->ppas.len > 0) == to_ppa;
}

static int move(struct edit *edit, const struct amqp_delivery *delivery, struct error *err)
{
    struct amqp_publication copy = {
        .exchange = "",
        .routing_key = edit->to,
        .body = buf_str(&delivery->body),
        .body_len = delivery->body.len,
        .headers = delivery->headers,
        .message_id = delivery->message_id,
        .correlation_id = delivery->correlation_id,
        .persistent = true,
        .mandatory = true,
    };
    struct moving *one;

    if (edit->len == edit->alloc) {
        size_t alloc = edit->alloc ? 2 * edit->alloc : 256;
        struct moving *more = reallocarray(edit->moving, alloc, sizeof *more);

        if (!more)
            return error_oom(err);
        edit->moving = more;
        edit->alloc = alloc;
    }
    one = &edit->moving[edit->len];
    one->delivery = delivery->tag;
    edit->len++;
    return amqp_link_publish(edit->link, &copy, &one->publication, err);
}

static int act(struct edit *edit, struct amqp_delivery *delivery, enum queue_fate *ret,
               struct error *err)
{
    int r;

    if (edit->verb == QUEUE_LIST || edit->dry_run)
        return 0;
    if (edit->verb == QUEUE_FILTER) {
        r = save(edit, delivery, err);
        *ret = QUEUE_REMOVE;
        edit->done += r == 0;
        return r;
    }
    *ret = QUEUE_HELD;
    return move(edit, delivery, err);
}

// The commit whose test this was waits for its status: the indexer tells it (indexer/github.h).
static int put_commit(const struct request *request, const char *queue, struct request_event *event)
{
    static const char prefix[] = "debci-upstream-";
    const char *place = str_starts_with(queue, prefix) ? queue + sizeof(prefix) - 1 : NULL;
    const char *dash = place ? strrchr(place, '-') : NULL;

    if (!dash || !request->requester || !str_starts_with(request->requester, "github:"))
        return 0;
    STRV_FOREACH (variable, &request->env)
        if (!event->statuses_url && str_starts_with(variable, GITHUB_STATUSES_VARIABLE "=")) {
            event->statuses_url = strdup(strchr(variable, '=') + 1);
            event->testname = request->testname ? strdup(request->testname) : strdup("");
            event->release = strndup(place, (size_t)(dash - place));
            event->arch = strdup(dash + 1);
            if (!event->statuses_url || !event->testname || !event->release || !event->arch)
                return -ENOMEM;
        }
    return 0;
}

// For those who ask what has become of it.
static void tell_removed(struct edit *edit, const struct request *request)
{
    _cleanup_(event_release) struct request_event event = {
        .uuid = request->uuid ? strdup(request->uuid) : NULL,
        .state = EVENT_CANCELLED,
        .time_us = (int64_t)clock_realtime_us(),
        .reason = strdup(edit->reason)};
    _cleanup_buf_ struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct amqp_publication message = {
        .exchange = EXCHANGE_EVENT, .routing_key = "", .persistent = true};
    uint64_t tag;

    if (!event.uuid || !event.reason || put_commit(request, edit->from, &event) < 0 ||
        event_format(&event, &body, NULL) < 0)
        return;
    message.body = buf_str(&body);
    message.body_len = body.len;
    (void)amqp_link_publish(edit->link, &message, &tag, NULL); // a lost link is found out
}

static int see(struct amqp_delivery *delivery, enum queue_fate *ret, void *userdata,
               struct error *err)
{
    struct edit *edit = userdata;
    _cleanup_request_ struct request parsed = REQUEST_INIT;
    bool readable = request_parse(buf_str(&delivery->body), delivery->body.len, &parsed, NULL) == 0;
    const struct request *request = readable ? &parsed : NULL;
    int r;

    if (!selection_matches(&edit->selection, request, &delivery->body))
        return 0;
    edit->matched++;
    if (edit->verb == QUEUE_MOVE && !fits_target(edit, request)) {
        edit->unfit++;
        return 0;
    }
    if (!edit->quiet && show(edit, &delivery->body, request) < 0)
        return error_errno(err, -EIO, "cannot write to standard output");
    r = act(edit, delivery, ret, err);
    if (r == 0 && *ret == QUEUE_REMOVE && request)
        tell_removed(edit, request);
    return r;
}

// The other queue has it, or does not take it: then it keeps its place.
static void on_outcome(struct amqp_link *link, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata)
{
    struct edit *edit = userdata;

    for (size_t i = 0; i < edit->len; i++) {
        if (edit->moving[i].publication != tag)
            continue;
        if (outcome == AMQP_CONFIRMED) {
            (void)amqp_link_ack(link, edit->moving[i].delivery, NULL); // a lost link is found out
            edit->done++;
        } else {
            edit->refused++;
        }
        edit->moving[i] = edit->moving[--edit->len];
        return;
    }
}

static int settle(bool last, void *userdata, struct error *err)
{
    struct edit *edit = userdata;
    int r = amqp_link_dispatch(edit->link, err);

    while (r == 0 && last && edit->len > 0)
        r = cli_wait(edit->link, UINT64_MAX, err);
    return r;
}

// ---------------------------------------------------------------- the calls

static int open_save(struct edit *edit, struct error *err)
{
    if (edit->verb != QUEUE_FILTER || edit->dry_run || !edit->save)
        return 0;
    edit->save_fd = open(edit->save, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (edit->save_fd >= 0)
        return 0;
    (void)error_errno(err, -errno, "cannot open %s", edit->save);
    return -EBADMSG; // the operator's file, not the broker's trouble
}

static int check_target(const struct edit *edit, struct error *err)
{
    uint32_t messages, consumers;
    int r;

    if (edit->verb != QUEUE_MOVE)
        return 0;
    r = amqp_link_inspect_queue(edit->link, edit->to, &messages, &consumers, err);
    return r == -ENOENT ? error_prefix(err, r,
                                       "nothing was moved; autopkgtest-cloud queue shows "
                                       "the queues that there are")
                        : r;
}

static int run(struct edit *edit, struct error *err)
{
    const struct amqp_handlers handlers = {.on_outcome = on_outcome, .userdata = edit};
    struct queue_walk walk = {
        .queue = edit->from,
        .most = edit->most,
        .see = see,
        .settle = edit->verb == QUEUE_MOVE ? settle : NULL,
        .userdata = edit,
    };
    int r = open_save(edit, err);

    if (r < 0 || (r = cli_connect(&handlers, &edit->link, err)) < 0 ||
        (r = check_target(edit, err)) < 0)
        return r;
    if (edit->verb == QUEUE_FILTER && !edit->dry_run &&
        (r = amqp_link_declare_exchange(edit->link, EXCHANGE_EVENT, "fanout", AMQP_DURABLE, err)) <
            0)
        return r;
    walk.link = edit->link;
    r = queue_walk(&walk, err);
    if (r == 0 && edit->save_fd >= 0 && fsync(edit->save_fd) < 0)
        return error_errno(err, -errno, "cannot write %s to its disk", edit->save);
    return r;
}

static void report(const struct edit *edit)
{
    const char *would = edit->dry_run ? "would be " : "";
    uint64_t done = edit->dry_run ? edit->matched - edit->unfit : edit->done;

    if (edit->verb == QUEUE_FILTER)
        (void)fprintf(stderr, "%" PRIu64 " requests %sremoved from %s\n", done, would, edit->from);
    if (edit->verb == QUEUE_MOVE)
        (void)fprintf(stderr, "%" PRIu64 " requests %smoved from %s to %s\n", done, would,
                      edit->from, edit->to);
    if (edit->unfit)
        (void)fprintf(stderr,
                      "%" PRIu64 " left where they are: requests with PPAs belong in queues "
                      "debci-ppa-…, others do not\n",
                      edit->unfit);
    if (edit->refused)
        (void)fprintf(stderr, "%" PRIu64 " left where they are: %s did not take them\n",
                      edit->refused, edit->to);
}

static const char *const verb_names[] = {"queue list", "queue filter", "queue move"};

static int parse_option(struct edit *edit, int option, struct error *err)
{
    int r = 0;

    if (selection_option(&edit->selection, option, optarg, &r, err))
        return r;
    switch (option) {
    case OPT_SAVE:
        edit->save = optarg;
        return 0;
    case OPT_FORGET:
        edit->forget = true;
        return 0;
    case OPT_DRY_RUN:
        edit->dry_run = true;
        return 0;
    case OPT_LIMIT:
        r = parse_uint(optarg, 1, UINT32_MAX, &edit->most, err);
        return r < 0 ? error_prefix(err, r, "--limit") : 0;
    default: // OPT_FORMAT
        edit->json = str_equal(optarg, "json");
        return edit->json || str_equal(optarg, "text")
                   ? 0
                   : error_set(err, -EINVAL, "--format: expected text or json, got \"%s\"", optarg);
    }
}

// What is wrong with the call as a whole; NULL: nothing.
static const char *find_fault(const struct edit *edit)
{
    if (edit->verb == QUEUE_LIST)
        return edit->save || edit->forget || edit->dry_run
                   ? "--save, --forget and --dry-run are not for list"
                   : NULL;
    if (selection_is_empty(&edit->selection))
        return "say which requests, or --all";
    if (edit->verb == QUEUE_MOVE)
        return edit->save || edit->forget        ? "--save and --forget are for filter"
               : str_equal(edit->from, edit->to) ? "both queues are the same"
                                                 : NULL;
    return edit->dry_run || edit->forget == !edit->save
               ? NULL
               : "say what becomes of removed requests: either --save FILE or --forget";
}

static int parse(int argc, char **argv, struct edit *edit)
{
    const char *name = verb_names[edit->verb];
    _cleanup_error_ struct error err = ERROR_INIT;
    int option, names = edit->verb == QUEUE_MOVE ? 2 : 1;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == '?')
            return EX_USAGE;
        if (parse_option(edit, option, &err) < 0)
            return cli_usage(name, "%s", error_message(&err));
    }
    if (argc - optind != names)
        return cli_usage(name, "expected %s, got %d", names == 2 ? "two queues" : "one queue",
                         argc - optind);
    edit->from = argv[optind];
    if (names == 2)
        edit->to = argv[optind + 1];
    return find_fault(edit) ? cli_usage(name, "%s", find_fault(edit)) : EX_OK;
}

int queue_remove(const char *queue, const struct selection *selection, const char *reason,
                 uint64_t *ret_removed, struct error *err)
{
    struct edit edit = {.verb = QUEUE_FILTER,
                        .selection = *selection, // borrowed
                        .most = UINT64_MAX,
                        .from = queue,
                        .to = "",
                        .save_fd = -1,
                        .reason = reason,
                        .forget = true,
                        .quiet = true};
    int r = run(&edit, err);

    *ret_removed = edit.done;
    edit.selection = (struct selection){0};
    edit_release(&edit);
    return r;
}

int queue_edit(enum queue_verb verb, int argc, char **argv)
{
    _cleanup_(edit_release) struct edit edit = {.verb = verb,
                                                .most = UINT64_MAX,
                                                .to = "",
                                                .save_fd = -1,
                                                .reason = "an operator removed it from its queue"};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = parse(argc, argv, &edit);

    if (r != EX_OK)
        return r;
    r = run(&edit, &err);
    report(&edit);
    if (r == -ENOENT || r == -EOPNOTSUPP) {
        (void)cli_fail(verb_names[verb], r, &err);
        return EX_UNAVAILABLE;
    }
    if (r < 0)
        return cli_fail(verb_names[verb], r, &err);
    return fflush(stdout) == EOF ? EX_IOERR : edit.refused ? EX_TEMPFAIL : EX_OK;
}
