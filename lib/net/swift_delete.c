// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include "data/json.h"

#define STATUS_ABSENT 404
#define DELETES_MAX ((uint64_t)1000) // in a request, so that none takes minutes

// ---------------------------------------------------------------- several in a request

// Of "404 Not Found".
static int status_number(const char *status)
{
    int n = 0;

    for (; *status >= '0' && *status <= '9' && n < 1000; status++)
        n = n * 10 + (*status - '0');
    return n;
}

static int status_errno(int status)
{
    if (status == 401 || status == 403)
        return -EACCES;
    return status == 408 || status == 429 || status >= 498 ? -EAGAIN : -EIO;
}

int swift_bulk_answer_parse(const char *text, size_t len, struct error *err)
{
    _cleanup_json_ json_t *answer = NULL;
    const char *status, *name, *why;
    const json_t *errors;

    // It begins with white space while the store is at work.
    if (json_parse(text, len, "bulk delete", &answer, err) < 0)
        return error_prefix(err, -EIO, "store");
    status = json_string_value(json_object_get(answer, "Response Status"));
    errors = json_object_get(answer, "Errors");
    if (!status)
        return error_set(err, -EIO, "store: bulk delete: the answer has no status");
    if (json_array_size(errors) > 0) {
        name = json_string_value(json_array_get(json_array_get(errors, 0), 0));
        why = json_string_value(json_array_get(json_array_get(errors, 0), 1));
        return error_set(err, status_errno(status_number(why ? why : status)),
                         "store: %s is not deleted: HTTP status %s", name ? name : "?",
                         why ? why : status);
    }
    if (!str_starts_with(status, "2") && status_number(status) != STATUS_ABSENT)
        return error_set(err, status_errno(status_number(status)),
                         "store: bulk delete: HTTP status %s", status);
    return 0;
}

// Adds `/CONTAINER/OBJECT`, a line.
static int add_line(struct buf *body, const char *container, const char *object)
{
    _cleanup_free_ char *first = http_escape(container, false), *second = http_escape(object, true);

    return first && second ? buf_addf(body, "/%s/%s\n", first, second) : -ENOMEM;
}

static int delete_bulk(struct swift *swift, const char *container, char *const *objects, size_t n,
                       struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX);
    _cleanup_strv_ struct strv headers = STRV_INIT;
    struct swift_call call = {
        .method = "POST", .container = "", .query = "?bulk-delete", .headers = &headers};
    int r;

    for (size_t i = 0; i < n; i++)
        if (add_line(&body, container, objects[i]) < 0)
            return error_oom(err);
    if (strv_add(&headers, "Content-Type: text/plain") < 0 ||
        strv_add(&headers, "Accept: application/json") < 0)
        return error_oom(err);
    call.body = body.data;
    call.body_len = body.len;
    r = swift_call(swift, &call, &answer, err);
    return r < 0 ? r : swift_bulk_answer_parse(buf_str(&answer.body), answer.body.len, err);
}

// ---------------------------------------------------------------- the calls

int swift_delete_objects(struct swift *swift, const char *container, const struct strv *objects,
                         struct error *err)
{
    struct swift_limits limits;
    int r = swift_limits(swift, &limits, err);
    size_t step = limits.deletes_max < DELETES_MAX ? limits.deletes_max : DELETES_MAX;

    if (r == 0 && step > 0) {
        for (size_t i = 0; r == 0 && i < objects->len; i += step)
            r = delete_bulk(swift, container, objects->items + i,
                            objects->len - i < step ? objects->len - i : step, err);
        return r;
    }
    for (size_t i = 0; r == 0 && i < objects->len; i++) {
        r = swift_delete(swift, container, objects->items[i], err);
        if (r == -ENOENT) {
            error_clear(err);
            r = 0;
        }
    }
    return r;
}

int swift_delete_container(struct swift *swift, const char *container, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    struct swift_call call = {.method = "DELETE", .container = container};
    int r = swift_call(swift, &call, &answer, err);

    if (r == -EIO && answer.status == 409) {
        error_clear(err);
        return error_set(err, -ENOTEMPTY, "store: %s holds objects yet", container);
    }
    return r;
}
