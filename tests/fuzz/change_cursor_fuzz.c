// SPDX-License-Identifier: GPL-3.0-only
// Input: a cursor of /api/v1/changes. What is read is written as it was, and is bounded.
#include "web/change_cursor.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_(change_cursor_release) struct change_cursor cursor = {0};
    _cleanup_free_ char *text = strndup(size ? (const char *)bytes : "", size), *again = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    int r = text ? change_cursor_read(text, &cursor, &err) : -ENOMEM;

    if (r < 0) {
        if (cursor.seen || (text && !err.message))
            abort();
        return 0;
    }
    again = change_cursor_write(&cursor);
    if (cursor.len > CHANGE_SEEN_MAX || !again || strlen(again) > CHANGE_CURSOR_MAX)
        abort();
    change_cursor_settle(&cursor);
    for (size_t i = 0; i < cursor.len; i++)
        if (cursor.seen[i].time_s < cursor.floor.time_s)
            abort();
    return 0;
}
