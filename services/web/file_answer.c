// SPDX-License-Identifier: GPL-3.0-only
#include "web/conditional.h"
#include "web/web.h"

int file_add_range(struct exchange *x, uint64_t first, uint64_t len, uint64_t size)
{
    _cleanup_free_ char *range =
        len == 0 ? str_format("bytes */%llu", (unsigned long long)size)
                 : str_format("bytes %llu-%llu/%llu", (unsigned long long)first,
                              (unsigned long long)(first + len - 1), (unsigned long long)size);

    return range ? exchange_add_header(x, "Content-Range", range) : -ENOMEM;
}

static int answer_part(struct exchange *x, int *fd, uint64_t size, uint64_t first, uint64_t len)
{
    struct MHD_Response *response;

    if (file_add_range(x, first, len, size) < 0)
        return -ENOMEM;
    response = MHD_create_response_from_fd_at_offset64(len, *fd, first);
    if (!response)
        return -ENOMEM;
    (void)take_fd(fd);
    return exchange_answer(x, MHD_HTTP_PARTIAL_CONTENT, response);
}

static int answer_unsatisfiable(struct exchange *x, uint64_t size)
{
    return file_add_range(x, 0, 0, size) < 0 ? -ENOMEM : exchange_answer_empty(x, 416);
}

int file_answer(struct exchange *x, int *fd, uint64_t size, int64_t mtime_s, const char *etag)
{
    const struct conditions conditions = {
        .if_match = exchange_header(x, "If-Match"),
        .if_none_match = exchange_header(x, "If-None-Match"),
        .if_modified_since = exchange_header(x, "If-Modified-Since"),
        .if_unmodified_since = exchange_header(x, "If-Unmodified-Since")};
    const char *range = exchange_header(x, "Range");
    _cleanup_free_ char *date = http_date_format(mtime_s);
    uint64_t first = 0, len = 0;
    struct MHD_Response *response;

    if (!date || exchange_add_header(x, "Last-Modified", date) < 0 ||
        exchange_add_header(x, "Accept-Ranges", "bytes") < 0)
        return -ENOMEM;
    switch (conditions_check(&conditions, etag, mtime_s)) {
    case PRECONDITION_NOT_MODIFIED:
        return exchange_answer_empty(x, MHD_HTTP_NOT_MODIFIED);
    case PRECONDITION_FAILED:
        return exchange_answer_empty(x, MHD_HTTP_PRECONDITION_FAILED);
    case PRECONDITION_SEND:
        break;
    }
    if (!if_range_holds(exchange_header(x, "If-Range"), etag, date))
        range = NULL;
    switch (x->method == METHOD_GET ? range_parse(range, size, &first, &len) : RANGE_WHOLE) {
    case RANGE_PART:
        return answer_part(x, fd, size, first, len);
    case RANGE_UNSATISFIABLE:
        return answer_unsatisfiable(x, size);
    case RANGE_WHOLE:
        break;
    }
    response = MHD_create_response_from_fd64(size, *fd);
    if (!response)
        return -ENOMEM;
    (void)take_fd(fd);
    return exchange_answer(x, MHD_HTTP_OK, response);
}
