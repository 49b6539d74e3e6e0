// SPDX-License-Identifier: GPL-3.0-only
// Input: an event of a request. What is read is written and read back as the same.
#include "adt/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    _cleanup_(event_release) struct request_event event = {0}, back = {0};
    _cleanup_buf_ struct buf body = BUF_INIT(BUF_OWN_MAX), again = BUF_INIT(BUF_OWN_MAX);
    _cleanup_error_ struct error err = ERROR_INIT;

    if (event_parse((const char *)bytes, size, &event, &err) < 0) {
        if (!err.message)
            abort();
        return 0;
    }
    if (event_format(&event, &body, NULL) < 0 ||
        event_parse(buf_str(&body), body.len, &back, NULL) < 0 ||
        event_format(&back, &again, NULL) < 0 || !str_equal(buf_str(&body), buf_str(&again)))
        abort();
    return 0;
}
