// SPDX-License-Identifier: GPL-3.0-only
// Input: the body of a webhook. What is read of a pull request has all its members, on one line
// each; credentials go to an address of the API alone.
#include "adt/github.h"

#define API "https://api.github.com"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_line(const char *text)
{
    return text && *text && !str_has_control(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_(github_pull_release) struct github_pull pull = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = github_pull_parse(size ? (const char *)bytes : "", size, &pull, &err);

    if (r <= 0) {
        if ((r < 0) != (err.message != NULL) || pull.repository || pull.statuses_url)
            abort();
        return 0;
    }
    if (pull.number == 0 || !is_line(pull.repository) || !is_line(pull.clone_url) ||
        !is_line(pull.statuses_url))
        abort();
    if (github_statuses_url_is_valid(API "/", pull.statuses_url) &&
        (!str_starts_with(pull.statuses_url, API "/repos/") || strchr(pull.statuses_url, '@')))
        abort();
    return 0;
}
