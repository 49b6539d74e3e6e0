// SPDX-License-Identifier: GPL-3.0-only
// Input: what an HTTP server sends. Whatever it is, the client gives an error or an answer whose
// parts are what its header promises; the body is then taken for a listing of the store.
#include "net/swift_internal.h"

#include "answering.h"

#include <ctype.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define BODY_MAX 4096

static void check_headers(const struct http_response *answer)
{
    STRV_FOREACH (line, &answer->headers) {
        size_t name = strcspn(line, ":");

        if (!line[name] || strpbrk(line, "\r\n"))
            abort();
        for (size_t i = 0; i < name; i++)
            if (isupper((unsigned char)line[i]))
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct http_client *client;
    _cleanup_(http_response_release) struct http_response answer = HTTP_RESPONSE_INIT(BODY_MAX);
    _cleanup_free_ char *url =
        str_format("http://127.0.0.1:%u/v1/c?format=json", answering_with(bytes, size));
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ struct strv names = STRV_INIT;
    struct http_request request = {.url = url, .idle_timeout_us = 1000000};

    if (!client && http_client_new("fuzz", &client, NULL) < 0)
        abort();
    if (http_perform(client, &request, &answer, &err) < 0) {
        if (!err.message)
            abort();
        return 0;
    }
    if (answer.status < 100 || answer.status > 999 || answer.body.len > BODY_MAX)
        abort();
    check_headers(&answer);
    if (swift_listing_parse(buf_str(&answer.body), answer.body.len, "c", &names, &err) < 0 &&
        !err.message)
        abort();
    return 0;
}
