// SPDX-License-Identifier: GPL-3.0-only
// Input: two lists of packages, with a NUL between. The way back has the same changes with before
// and after exchanged.
#include "web/package_diff.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_reverse(const json_t *there, const json_t *back)
{
    size_t i;
    json_t *change;

    if (json_array_size(there) != json_array_size(back))
        abort();
    json_array_foreach ((json_t *)there, i, change) {
        const json_t *other = json_array_get(back, i);

        if (strcmp(json_text(change, "package"), json_text(other, "package")) != 0 ||
            strcmp(json_text(change, "before"), json_text(other, "after")) != 0 ||
            strcmp(json_text(change, "after"), json_text(other, "before")) != 0 ||
            strcmp(json_text(change, "before"), json_text(change, "after")) == 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_free_ char *before = strndup(size ? (const char *)bytes : "", size);
    size_t len = before ? strlen(before) : 0;
    _cleanup_free_ char *after =
        len < size ? strndup((const char *)bytes + len + 1, size - len - 1) : strdup("");
    _cleanup_json_ json_t *there = NULL, *back = NULL;

    if (before && after && package_diff(before, after, &there, NULL) == 0 &&
        package_diff(after, before, &back, NULL) == 0)
        check_reverse(there, back);
    return 0;
}
