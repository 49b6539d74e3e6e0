// SPDX-License-Identifier: GPL-3.0-only
// Input: a percent-encoded string. What is decoded and encoded again decodes to the same.
#include "net/http.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_free_ char *text = strndup(size ? (const char *)bytes : "", size);
    _cleanup_free_ char *form = text ? strdup(text) : NULL;
    _cleanup_free_ char *escaped = NULL;

    if (!text || !form)
        return 0;
    (void)http_unescape(form, true);
    if (http_unescape(text, false) < 0)
        return 0;
    escaped = http_escape(text, true);
    if (escaped && (http_unescape(escaped, false) < 0 || strcmp(escaped, text) != 0))
        abort();
    return 0;
}
