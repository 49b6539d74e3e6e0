// SPDX-License-Identifier: GPL-3.0-only
#include "cli/queue_edit.h"

#include "data/json.h"

#include <ctype.h>

#define WINDOW 500U // requests on their way

// Its bytes again, from "body" or "hex".
static int read_body(const json_t *object, struct buf *body, struct error *err)
{
    const char *text = NULL, *hex = NULL;
    int r;

    if ((r = json_get_optional_string(object, "body", &text, err)) < 0 ||
        (r = json_get_optional_string(object, "hex", &hex, err)) < 0)
        return r;
    if (text)
        return buf_add_str(body, text) < 0 ? error_oom(err) : 0;
    if (!hex || strlen(hex) % 2 != 0)
        return error_set(err, -EBADMSG, "neither \"body\" nor \"hex\" is there");
    for (; *hex; hex += 2) {
        char digits[3] = {hex[0], hex[1], '\0'}, byte;

        if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]))
            return error_set(err, -EBADMSG, "hex: \"%s\" is no byte", digits);
        byte = (char)strtoul(digits, NULL, 16);
        if (buf_add(body, &byte, 1) < 0)
            return error_oom(err);
    }
    return 0;
}

// A line of the file as a message.
struct saved {
    json_t *object;
    struct buf body;
    struct amqp_publication message;
};

static void saved_release(struct saved *saved)
{
    json_decref(saved->object);
    buf_release(&saved->body);
}

static int saved_parse(const char *line, struct saved *saved, struct error *err)
{
    struct amqp_publication *message = &saved->message;
    int r = json_parse(line, strlen(line), "request", &saved->object, err);

    *message = (struct amqp_publication){.exchange = "", .persistent = true, .mandatory = true};
    if (r == 0 && !json_is_object(saved->object))
        return error_set(err, -EBADMSG, "expected an object, got %s",
                         json_type_name(saved->object));
    if (r < 0 || (r = json_get_string(saved->object, "queue", &message->routing_key, err)) < 0 ||
        (r = json_get_optional_string(saved->object, "message_id", &message->message_id, err)) <
            0 ||
        (r = read_body(saved->object, &saved->body, err)) < 0)
        return r == -EINVAL ? -EBADMSG : r;
    message->headers = json_object_get(saved->object, "headers");
    message->body = buf_str(&saved->body);
    message->body_len = saved->body.len;
    return 0;
}

struct putting {
    const char *name;
    struct amqp_link *link;
    size_t line;        // that is looked at, from 1 on
    struct strv queues; // known to be there
    struct {
        uint64_t publication; // 0: nothing
        size_t line;
    } awaited[WINDOW];
    uint64_t last; // publication
    size_t waiting, done;
    size_t refused; // first line that its queue did not take; 0: none
};

static void putting_release(struct putting *putting)
{
    strv_release(&putting->queues);
    amqp_link_free(putting->link);
}

static void on_outcome(struct amqp_link *link, uint64_t tag, enum amqp_outcome outcome,
                       void *userdata)
{
    struct putting *putting = userdata;
    size_t slot = tag % WINDOW, line = putting->awaited[slot].line;

    (void)link;
    if (putting->awaited[slot].publication != tag)
        return;
    putting->awaited[slot].publication = 0;
    putting->waiting--;
    if (outcome == AMQP_CONFIRMED)
        putting->done++;
    else if (putting->refused == 0 || line < putting->refused)
        putting->refused = line;
}

// Until at most so many are without an outcome.
static int await_outcomes(struct putting *putting, size_t most, struct error *err)
{
    int r = amqp_link_dispatch(putting->link, err);

    while (r == 0 && putting->waiting > most)
        r = cli_wait(putting->link, UINT64_MAX, err);
    return r;
}

// A line that is wrong, or whose queue is not there, is found before anything is put back.
static int check_line(struct putting *putting, const struct saved *saved, struct error *err)
{
    const char *queue = saved->message.routing_key;
    int r;

    if (strv_contains(&putting->queues, queue))
        return 0;
    r = amqp_link_inspect_queue(putting->link, queue, NULL, NULL, err);
    return r < 0 ? r : strv_add(&putting->queues, queue) < 0 ? error_oom(err) : 0;
}

// Outcomes of several queues come in any order: the one in the place of the next may be the last.
static int await_place(struct putting *putting, struct error *err)
{
    int r = await_outcomes(putting, WINDOW - 1, err);

    while (r == 0 && putting->awaited[(putting->last + 1) % WINDOW].publication)
        r = cli_wait(putting->link, UINT64_MAX, err);
    return r;
}

static int put_line(struct putting *putting, const struct saved *saved, struct error *err)
{
    uint64_t tag = 0;
    int r = await_place(putting, err);

    if (r == 0 && putting->refused)
        return -EIO;
    if (r == 0)
        r = amqp_link_publish(putting->link, &saved->message, &tag, err);
    if (r < 0)
        return r;
    putting->last = tag;
    putting->awaited[tag % WINDOW].publication = tag;
    putting->awaited[tag % WINDOW].line = putting->line;
    putting->waiting++;
    return 0;
}

static int each_line(struct putting *putting, FILE *file,
                     int (*act)(struct putting *putting, const struct saved *saved,
                                struct error *err),
                     struct error *err)
{
    _cleanup_free_ char *line = NULL;
    size_t alloc = 0;
    int r = 0;

    rewind(file);
    putting->line = 0;
    while (r == 0 && getline(&line, &alloc, file) >= 0) {
        _cleanup_(saved_release) struct saved saved = {.body = BUF_INIT(AMQP_BODY_MAX)};

        putting->line++;
        if (line[strspn(line, " \t\n")] == '\0')
            continue;
        r = saved_parse(line, &saved, err);
        if (r == 0)
            r = act(putting, &saved, err);
        if (r < 0)
            r = error_prefix(err, r, "%s:%zu", putting->name, putting->line);
    }
    return r == 0 && ferror(file) ? error_errno(err, -EIO, "cannot read %s", putting->name) : r;
}

// The first line whose request is not known to be in its queue; 0: none.
static size_t first_missing(const struct putting *putting)
{
    size_t line = putting->refused;

    for (size_t i = 0; i < WINDOW; i++)
        if (putting->awaited[i].publication && (line == 0 || putting->awaited[i].line < line))
            line = putting->awaited[i].line;
    return line;
}

static int put_file(struct putting *putting, FILE *file, struct error *err)
{
    const struct amqp_handlers handlers = {.on_outcome = on_outcome, .userdata = putting};
    size_t missing;
    int r = cli_connect(&handlers, &putting->link, err);

    if (r < 0 || (r = each_line(putting, file, check_line, err)) < 0)
        return r;
    r = each_line(putting, file, put_line, err);
    if (r == 0 || putting->refused)
        r = await_outcomes(putting, 0, err);
    missing = first_missing(putting);
    if (missing == 0)
        return r;
    if (r == 0)
        r = error_set(err, -EIO, "its queue does not take it");
    return error_prefix(err, r,
                        "%s:%zu is not in its queue, those before it are (some behind it may be)",
                        putting->name, missing);
}

int queue_put(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_(putting_release) struct putting putting = {0};
    FILE *file;
    int r;

    if (argc != 2 || argv[1][0] == '-')
        return cli_usage("queue put", "expected one file");
    file = fopen(argv[1], "re");
    if (!file) {
        (void)error_errno(&err, -errno, "cannot open %s", argv[1]);
        return cli_fail("queue put", -EBADMSG, &err);
    }
    putting.name = argv[1];
    r = put_file(&putting, file, &err);
    (void)fclose(file);
    (void)fprintf(stderr, "%zu requests put back\n", putting.done);
    if (r == -ENOENT) {
        (void)cli_fail("queue put", r, &err);
        return EX_UNAVAILABLE;
    }
    return r < 0 ? cli_fail("queue put", r, &err) : EX_OK;
}
