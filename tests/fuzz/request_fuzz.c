// SPDX-License-Identifier: GPL-3.0-only
// Input: a request body. What is read is written and read back as the same; nothing of it is more
// than one line; where its results go has a name that a store takes.
#include "adt/message.h"
#include "adt/names.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_line(const char *text)
{
    if (text && str_has_control(text))
        abort();
}

static void check_lines(const struct strv *list)
{
    STRV_FOREACH (item, list)
        check_line(item);
}

static void check_members(const struct request *q)
{
    if (!name_is_package(q->package) || !json_is_object(q->params))
        abort();
    check_lines(&q->triggers);
    check_lines(&q->ppas);
    check_lines(&q->env);
    check_lines(&q->readable_by);
    check_line(q->test_git);
    check_line(q->build_git);
    check_line(q->testname);
    check_line(q->swiftuser);
    check_line(q->requester);
    check_line(q->submit_time);
    if (q->uuid && (strlen(q->uuid) > 128 || strpbrk(q->uuid, " \t\n")))
        abort();
}

static void check_place(const struct request *q)
{
    _cleanup_free_ char *container = NULL, *acl = request_read_acl(q);

    if (request_container(q, "noble", &container, NULL) < 0 || !acl || strlen(container) > 256 ||
        strchr(container, '/') || str_starts_with(container, "private-") != request_is_private(q))
        abort();
    if (request_is_private(q) && (strchr(acl, ',') || strstr(acl, ".r:")))
        abort();
}

static void check_way_back(const struct request *q)
{
    _cleanup_request_ struct request back = REQUEST_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT(BUF_OWN_MAX), again = BUF_INIT(BUF_OWN_MAX);

    if (request_format(q, &text, NULL) < 0)
        abort();
    if (text.len > REQUEST_BODY_MAX)
        return; // it was as long in a shorter way of writing
    if (request_parse(buf_str(&text), text.len, &back, NULL) < 0 ||
        request_format(&back, &again, NULL) < 0 || !str_equal(buf_str(&text), buf_str(&again)) ||
        request_is_private(&back) != request_is_private(q))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_request_ struct request request = REQUEST_INIT;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *env = NULL;
    int r = request_parse((const char *)bytes, size, &request, &err);

    if (r < 0 && (r != -EBADMSG || !err.message))
        abort();
    if (r < 0 && !request.package)
        return 0;
    check_members(&request);
    check_place(&request);
    if (r < 0)
        return 0;
    check_way_back(&request);
    if (request_complete(&request, &err) < 0 || !request.uuid || !request.submit_time ||
        test_complete_env(&request, &env, &err) < 0)
        abort();
    check_way_back(&request);
    return 0;
}
