// SPDX-License-Identifier: GPL-3.0-only
#include "net/swift_internal.h"

#include <sys/stat.h>

// From this size on the store is asked what it takes: none takes less.
#define ASK_FROM ((uint64_t)1024 * 1024)

static int put_whole(struct swift *swift, const char *container, const char *object,
                     const char *path, const struct strv *headers, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    const struct swift_call call = {.container = container, .object = object, .body_file = path};
    char md5[SWIFT_MD5_HEX];
    int r = swift_file_md5(path, 0, md5, NULL, err);

    return r < 0 ? r : swift_put_checked(swift, &call, md5, headers, &answer, err);
}

int swift_put_file(struct swift *swift, const char *container, const char *object, const char *path,
                   const struct strv *headers, struct error *err)
{
    struct swift_limits limits = {0};
    struct stat st;
    uint64_t size;
    int r;

    if (stat(path, &st) < 0)
        return error_errno(err, -errno, "cannot read %s", path);
    size = (uint64_t)st.st_size;
    if (size < ASK_FROM)
        return put_whole(swift, container, object, path, headers, err);
    r = swift_limits(swift, &limits, err);
    if (r < 0)
        return r;
    if (size > limits.object_max)
        return swift_put_large(swift, container, object, path, size, headers, err);
    r = put_whole(swift, container, object, path, headers, err);
    if (r == 0 && limits.segments_max > 0)
        swift_sweep_segments(swift, container, object, NULL); // it may have been larger before
    return r;
}

int swift_put(struct swift *swift, const char *container, const char *object, const void *content,
              size_t len, const struct strv *headers, struct error *err)
{
    _cleanup_(http_response_release) struct http_response answer =
        HTTP_RESPONSE_INIT(SWIFT_ANSWER_MAX);
    const struct swift_call call = {
        .container = container, .object = object, .body = content, .body_len = len};
    char md5[SWIFT_MD5_HEX];
    int r = swift_text_md5(content, len, md5, err);

    return r < 0 ? r : swift_put_checked(swift, &call, md5, headers, &answer, err);
}
