// SPDX-License-Identifier: GPL-3.0-only
// Input: what Keystone sends, header and body. Either there is a token and an address, fit for a
// header and a URL, or an error that does not have the password.
#include "net/swift_internal.h"

#include "answering.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define PASSWORD "hunter2"

static void check_access(const struct swift *swift)
{
    size_t len = strlen(swift->storage_url);

    if (str_empty(swift->token) || str_has_control(swift->token) || len == 0 ||
        !str_starts_with(swift->storage_url, "http") || swift->storage_url[len - 1] == '/' ||
        str_has_control(swift->storage_url) || strchr(swift->storage_url, ' '))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_free_ char *url = str_format("http://127.0.0.1:%u/v3", answering_with(bytes, size));
    _cleanup_(swift_freep) struct swift *swift = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct swift_settings settings = {.auth_url = url,
                                      .username = (char[]){"me"},
                                      .password = (char[]){PASSWORD},
                                      .project_name = (char[]){"p"},
                                      .region = (char[]){"RegionOne"}};

    if (swift_new(&settings, &swift, NULL) < 0)
        abort();
    swift->retries = 0; // the same answer again would only take time
    if (swift_authenticate(swift, &err) == 0)
        check_access(swift);
    else if (swift->token || !err.message)
        abort();
    // Unless that is where it comes from.
    if (strstr(error_message(&err), PASSWORD) && !memmem(bytes, size, PASSWORD, strlen(PASSWORD)))
        abort();
    return 0;
}
