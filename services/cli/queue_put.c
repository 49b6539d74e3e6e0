// SPDX-License-Identifier: GPL-3.0-only
#include "cli/queue_edit.h"

#include "data/json.h"

#include <ctype.h>

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

static int put_line(struct amqp_link *link, const char *line, struct error *err)
{
    _cleanup_json_ json_t *object = NULL;
    _cleanup_buf_ struct buf body = BUF_INIT(AMQP_BODY_MAX);
    struct amqp_publication request = {.exchange = "", .persistent = true, .mandatory = true};
    int r = json_parse(line, strlen(line), "request", &object, err);

    if (r < 0)
        return r == -EINVAL ? -EBADMSG : r;
    if (!json_is_object(object))
        return error_set(err, -EBADMSG, "expected an object, got %s", json_type_name(object));
    if ((r = json_get_string(object, "queue", &request.routing_key, err)) < 0 ||
        (r = json_get_optional_string(object, "message_id", &request.message_id, err)) < 0 ||
        (r = read_body(object, &body, err)) < 0)
        return r == -EINVAL ? -EBADMSG : r;
    request.headers = json_object_get(object, "headers");
    request.body = buf_str(&body);
    request.body_len = body.len;
    return amqp_link_publish_confirmed(link, &request, err);
}

static int put_file(FILE *file, const char *name, size_t *ret_done, struct error *err)
{
    _cleanup_(amqp_link_freep) struct amqp_link *link = NULL;
    _cleanup_free_ char *line = NULL;
    size_t alloc = 0, number = 0;
    int r = cli_connect(NULL, &link, err);

    while (r == 0 && getline(&line, &alloc, file) >= 0) {
        number++;
        if (line[strspn(line, " \t\n")] == '\0')
            continue;
        r = put_line(link, line, err);
        if (r < 0)
            r = error_prefix(err, r, "%s:%zu", name, number);
        else
            ++*ret_done;
    }
    return r == 0 && ferror(file) ? error_errno(err, -EIO, "cannot read %s", name) : r;
}

int queue_put(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    size_t done = 0;
    FILE *file;
    int r;

    if (argc != 2 || argv[1][0] == '-')
        return cli_usage("queue put", "expected one file");
    file = fopen(argv[1], "re");
    if (!file) {
        (void)error_errno(&err, -errno, "cannot open %s", argv[1]);
        return cli_fail("queue put", -EBADMSG, &err);
    }
    r = put_file(file, argv[1], &done, &err);
    (void)fclose(file);
    (void)fprintf(stderr, "%zu requests put back\n", done);
    if (r == -ENOENT) {
        (void)cli_fail("queue put", r, &err);
        return EX_UNAVAILABLE;
    }
    return r < 0 ? cli_fail("queue put", r, &err) : EX_OK;
}
